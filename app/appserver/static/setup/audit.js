/* Step 3: where the audit events are, the macro segment_bridge_audit, and whether there are any. */

import { button, code, element, Section } from "./dom.js";
import { allValid, Field } from "./fields.js";
import { baseSearch, required } from "./rules.js";
import { content, post, search } from "./splunkd.js";

const MACRO = "configs/conf-macros/segment_bridge_audit";
const COUNT = "search `segment_bridge_audit` | stats count";
/* A cut event is no JSON any more: Splunk's default is to cut at 10,000 bytes, when it indexes an event. */
const SAMPLE = "search `segment_bridge_audit` | head 1000 "
  + "| eval cut=if(json_valid(_raw), null(), len(_raw)), of=if(isnull(cut), null(), sourcetype) "
  + "| stats count AS events count(cut) AS cut max(cut) AS longest values(of) AS sourcetypes";

export class Audit extends Section {
  constructor() {
    super("audit", "3. Audit events", "Where the Kubernetes API servers' audit logs are in Splunk.");
    this.search = new Field("audit", "Search for them", {
      check: required(baseSearch), placeholder: 'index="k8s_audit" sourcetype="kube:audit"', width: "wide",
      help: "An index, and what tells audit events from others in it. The app looks for user journeys among what this finds.",
    });
    this.body.append(
      this.search.element,
      element("div", { class: "sb-actions" }, button("Save and count", () => this.save(), "primary")),
    );
  }

  async load() {
    this.search.value = (await content(MACRO)).definition;
    this.report.say("busy", "Counting the events of the last hour ...");
    await this._count();
  }

  async save() {
    if (!allValid([this.search])) {
      this.report.clear();
      return;
    }
    await this.during("Saving, and counting the events of the last hour ...", async () => {
      await post(MACRO, { definition: this.search.value });
      await this._count();
    });
  }

  /** Both searches name the macro alone: what somebody typed is in no search of this page's. A count that is still
      under way when the next one begins is of no interest any more. */
  async _count() {
    const own = Symbol("count");
    this._latest = own;
    const count = Number((await search(COUNT)).rows[0].count);
    const sample = count ? (await search(SAMPLE)).rows[0] : undefined;
    if (this._latest !== own) {
      return;
    }
    this.mark(count > 0);
    if (!count) {
      this.report.say("warning", "No events in the last hour. Are the index and its filters right, and may your roles search it?");
      return;
    }
    this.report.say("good", `${count.toLocaleString()} events in the last hour.`);
    this._warn(sample);
  }

  _warn({ events, cut, longest, sourcetypes }) {
    if (!Number(cut)) {
      return;
    }
    const [few, all, length] = [cut, events, longest].map((count) => Number(count).toLocaleString());
    this.report.add(
      "warning",
      `${few} of the latest ${all} are no JSON, and lost to the app; the longest of them has ${length} characters. Unless it `
        + "is told not to, Splunk cuts events at 10,000 bytes when it indexes them. On the indexers or heavy forwarders, in "
        + "props.conf under ",
      code([sourcetypes].flat().map((type) => `[${type}]`).join(", ")),
      ", set ",
      code("TRUNCATE = 0"),
      ".",
    );
  }
}
