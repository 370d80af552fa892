/* Step 3: where the audit events are, the macro segment_bridge_audit, and whether there are any that the app can read. */

import { button, code, element, helpLink } from "../common/dom.js";
import { allValid, Field, required } from "../common/fields.js";
import { search } from "../common/searches.js";
import { Section } from "../common/section.js";
import { content, post } from "../common/splunkd.js";
import { baseSearch } from "./rules.js";

const MACRO = "configs/conf-macros/segment_bridge_audit";
/* Whatever was done to an audit event on its way, auditID is in it. */
const LATEST = "search `segment_bridge_audit` | head 100 | stats count AS events count(eval(like(_raw, \"%auditID%\"))) AS audit";
const COUNT = "search `segment_bridge_audit` | stats count";
const UNREADABLE = "search `segment_bridge_unreadable`";

export class Audit extends Section {
  constructor() {
    super("audit", "3. Audit events", ["Where the Kubernetes API servers' audit logs are in Splunk. ",
      helpLink("What audit events need", "setup", "what-audit-events-need")]);
    this.search = new Field("audit", "Search for them", {
      check: required(baseSearch), placeholder: 'index="k8s_audit" sourcetype="kube:audit"', width: "wide",
      help: "An index, and what tells audit events from others in it. The app looks for user journeys among what this finds.",
    });
    this.body.append(
      this.search.element,
      element("div", { class: "sb-actions" }, button("Save and count", () => this.save(), "primary")),
    );
  }

  /** Looks at the latest events alone: to count all of an hour may take its time. */
  async load() {
    this.search.value = (await content(MACRO)).definition;
    this.report.say("busy", "Looking for events of the last hour ...");
    if (await this._isThere()) {
      this.report.say("good", "There are audit events of the last hour.");
    }
  }

  async save() {
    if (!allValid([this.search])) {
      this.report.clear();
      return;
    }
    this._latest = undefined;
    await this.during("Saving, and counting the events of the last hour ...", async () => {
      await post(MACRO, { definition: this.search.value });
      if (!await this._isThere()) {
        return;
      }
      const [count, unreadable] = await Promise.all([search(COUNT), search(UNREADABLE)]);
      this.report.say("good", `${Number(count.rows[0].count).toLocaleString()} events in the last hour.`);
      unreadable.rows.forEach((row) => this._warn(row));
    });
  }

  /** Whether there are audit events; else what there is instead is said. All searches here name macros alone: what somebody
      typed is in none of them. */
  async _isThere() {
    const own = Symbol("search");
    this._latest = own;
    const { events, audit } = (await search(LATEST)).rows[0];
    if (this._latest !== own) {
      return false;
    }
    this.mark(Number(audit) > 0);
    if (!Number(events)) {
      this.report.say("warning", "No events in the last hour. Are the index and its filters right, and may your roles search it?");
    } else if (!Number(audit)) {
      this.report.say("warning", "There are events in the last hour, but the latest ones are no audit events of a Kubernetes API "
        + "server: none has an auditID. Are the index and its filters right?");
    }
    return Number(audit) > 0;
  }

  /** Of a kind of events that cannot become user journeys, because of how they are logged. */
  _warn({ events, what, cure, index, sourcetype }) {
    this.report.add(
      "warning", `${Number(events).toLocaleString()} of them, in index `, code(index), " with source type ", code(sourcetype),
      ", may be user journeys, and the app cannot read them: ", `${what}. `, element("strong", {}, "To do: "), `${cure}.`,
    );
  }
}
