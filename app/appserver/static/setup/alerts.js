/* Step 4: who gets the e-mail of the app's alerts. */

import { button, element, helpLink } from "../common/dom.js";
import { allValid, Field } from "../common/fields.js";
import { savedSearches } from "../common/searches.js";
import { Section } from "../common/section.js";
import { content, path, post } from "../common/splunkd.js";
import { addresses, emails } from "./rules.js";

const PREFIX = "Segment Bridge - Alert - ";
const MAIL = "configs/conf-alert_actions/email";

const actionsOf = (alert) => (alert.actions ?? "").split(/[\s,]+/).filter(Boolean);

const recipients = (alert) => (actionsOf(alert).includes("email") ? alert["action.email.to"] : "") ?? "";

const alerts = async (searches = savedSearches()) => (await searches).filter(({ name }) => name.startsWith(PREFIX));

export class Alerts extends Section {
  constructor({ isCloud }) {
    super("alerts", "4. Alerts", ["Who gets mail when events do not reach Segment, or the job does not run. ",
      helpLink("What each alert means", "operations", "alerts")]);
    this._isCloud = isCloud;
    this.to = new Field("email", "E-mail addresses", {
      check: emails, placeholder: "ops@example.com, data@example.com", width: "wide",
      help: "Separate several addresses with commas. Without an address, alerts appear only under Activity > Triggered Alerts. Splunk "
        + "sends mail according to Settings > Server settings > Email settings.",
    });
    this.body.append(this.to.element, element("div", { class: "sb-actions" }, button("Save", () => this.save(), "primary")));
  }

  /** `searches` are the app's saved searches, or a promise of them. */
  async load(searches = savedSearches()) {
    const all = await alerts(searches);
    const mailed = all.find((alert) => recipients(alert));
    this.to.value = mailed && recipients(mailed);
    this.watch([this.to]);
    this.mark(Boolean(mailed), mailed ? "Done" : "Optional");
    const others = all.filter((alert) => mailed && recipients(alert) !== recipients(mailed));
    if (others.length) {
      this.report.say("warning", `Not all alerts have these addresses: ${others.map((alert) => `${alert.name.slice(PREFIX.length)} goes to `
        + `${recipients(alert) || "nobody"}`).join("; ")}. If you save, all get the addresses above.`);
    }
  }

  async save() {
    if (!allValid([this.to])) {
      this.report.clear();
      return;
    }
    await this.during("Saving ...", async () => {
      const to = addresses(this.to.value);
      const all = await alerts();
      for (const alert of all) {
        const others = actionsOf(alert).filter((action) => action !== "email");
        // Splunk refuses an empty action.email.to. Without the action, it ignores the addresses.
        await post(path`saved/searches/${alert.name}`, to.length
          ? { actions: [...others, "email"].join(","), "action.email": 1, "action.email.to": to.join(", ") }
          : { actions: others.join(","), "action.email": 0 });
      }
      await this.load();
      if (!to.length) {
        this.report.say("good", "Saved. Nobody gets mail.");
        return;
      }
      const doubts = await this._doubts(to);
      this.report.say("good", doubts.length ? "Saved." : `Saved. ${all.length} alerts send mail to ${to.join(", ")}.`);
      doubts.forEach((doubt) => this.report.add("warning", doubt));
    });
  }

  /** Why Splunk may not send mail to these addresses. Source: alert_actions.conf.spec, [email]. */
  async _doubts(to) {
    const settings = await content(MAIL).catch(() => null);
    if (!settings) {
      return [`Splunk will try to send the alerts to ${to.join(", ")}. This page is not allowed to read its mail settings.`];
    }
    const listed = (settings.allowedDomainList ?? "").toLowerCase().split(/[\s,;]+/).filter(Boolean);
    const allowed = listed.includes("deny_all") ? [] : listed.filter((each) => each !== "allow_all");
    const isOpen = listed.every((each) => each === "allow_all");
    const left = isOpen ? [] : to.filter((each) => !allowed.includes(each.toLowerCase().split("@")[1]));
    return [
      left.length && `Splunk will not send mail to ${left.join(", ")}, and will not report that. It may send mail to these domains: `
        + `${allowed.join(", ") || "none"} (Settings > Server settings > Email domains).`,
      !this._isCloud && settings.mailserver === "localhost" && "Splunk is set to use a mail server on this machine, which is its default. "
        + "If none runs here, set yours under Settings > Server settings > Email settings.",
    ].filter(Boolean);
  }
}
