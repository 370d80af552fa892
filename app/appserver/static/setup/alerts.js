/* Step 4: who is told when something goes wrong, the e-mail of the app's alerts. */

import { button, element, Section } from "./dom.js";
import { addresses, emails } from "./rules.js";
import { allValid, Field } from "./fields.js";
import { savedSearches } from "./searches.js";
import { path, post } from "./splunkd.js";

const PREFIX = "Segment Bridge - Alert - ";

export class Alerts extends Section {
  constructor() {
    super("alerts", "4. Alerts", "Who is told when events do not get through, or the hourly job does not run.");
    this.to = new Field("email", "E-mail addresses", {
      check: emails, placeholder: "ops@example.com, data@example.com", width: "wide",
      help: "Separated by commas. Without any, alerts are listed under Activity > Triggered Alerts only. Splunk sends mail by "
        + "Settings > Server settings > Email settings.",
    });
    this.body.append(this.to.element, element("div", { class: "sb-actions" }, button("Save", () => this.save(), "primary")));
  }

  async load() {
    this._alerts = (await savedSearches()).filter(({ name }) => name.startsWith(PREFIX));
    this.to.value = this._alerts.map((alert) => alert["action.email.to"]).find(Boolean);
    this.mark(Boolean(this.to.value), this.to.value ? "Done" : "Optional");
  }

  async save() {
    if (!allValid([this.to])) {
      this.report.clear();
      return;
    }
    await this.during("Saving ...", async () => {
      const to = addresses(this.to.value).join(", ");
      for (const { name, actions = "" } of this._alerts) {
        const others = actions.split(/[\s,]+/).filter((action) => action && action !== "email");
        await post(path`saved/searches/${name}`, {
          actions: [...others, ...(to ? ["email"] : [])].join(","), "action.email.to": to,
        });
      }
      await this.load();
      this.report.say("good", to ? `Saved: ${this._alerts.length} alerts go to ${to}.` : "Saved: nobody gets mail.");
    });
  }
}
