/* Step 3: the macro segment_bridge_audit, which finds the audit events, and whether the app can read them. */

import { ago, button, code, details, element, helpLink } from "../common/dom.js";
import { Failure } from "../common/failure.js";
import { allValid, Field, required } from "../common/fields.js";
import { search } from "../common/searches.js";
import { Section } from "../common/section.js";
import { content, post } from "../common/splunkd.js";
import { baseSearch } from "./rules.js";

const MACRO = "configs/conf-macros/segment_bridge_audit";
/* Every audit event contains auditID, whatever a collector did to it. Events keep only their text, so that Splunk need not extract
   the dozens of fields of each. */
const LATEST = "search `segment_bridge_audit` | fields _raw | head 100 | stats count AS events count(eval(like(_raw, \"%auditID%\"))) AS audit";
const COUNT = "search `segment_bridge_audit` | fields _raw | stats count";
const UNREADABLE = "search `segment_bridge_unreadable`";
/* The messages that the job would send; it sends none of unknown users. Before step 5 all users are unknown, so STAND_IN replaces their ids. */
const STAND_IN = "(the user's id, once step 5 has read the clusters)";
const MESSAGES = "search `segment_bridge_audit` `segment_bridge_candidates` | `segment_bridge_events` "
  + "| eventstats count(userId) AS known | where known=0 OR isnotnull(userId) | head 10 "
  + `| eval userId=coalesce(userId, "${STAND_IN}") | segmentsend dryrun=true payload=true`;

export class Audit extends Section {
  constructor() {
    super("audit", "3. Audit events", ["Where to find the Kubernetes API servers' audit logs in Splunk. ",
      helpLink("What audit events need", "setup", "what-audit-events-need")]);
    this.search = new Field("audit", "Search terms", {
      check: required(baseSearch), placeholder: 'index="k8s_audit" sourcetype="kube:audit"', width: "wide",
      help: "The index, and terms that tell audit events from other events in it. The app looks for user journeys in the events that "
        + "these terms find.",
    });
    this._messages = element("div", { role: "group", "aria-label": "Messages that would be sent" });
    this.body.append(
      this.search.element,
      element(
        "div",
        { class: "sb-actions" },
        button("Save and count", () => this.save(), "primary"),
        button("Show ten messages", () => this.during("Finding user journeys of the last hour ...", () => this._preview())),
      ),
    );
    this.element.append(this._messages);
  }

  /** Looks only at the latest events, because counting a whole hour may take long. */
  async load() {
    this.search.value = (await content(MACRO)).definition;
    this.watch([this.search]);
    this.report.say("busy", "Looking for events of the last hour ...");
    if (await this._isThere()) {
      this.report.say("good", "Found audit events from the last hour.");
    }
  }

  async save() {
    if (!allValid([this.search])) {
      this.report.clear();
      return;
    }
    this._latest = undefined;
    this._messages.replaceChildren();
    await this.during("Saving, and counting the events of the last hour ...", async () => {
      await post(MACRO, { definition: this.search.value });
      this.watch([this.search]);
      try {
        await this._count();
      } catch (failure) {
        throw new Failure(failure.code, `The search terms are saved, but searching with them failed: ${failure.message}`, failure.status);
      }
    });
  }

  async _count() {
    this.mark(false);
    if (!await this._isThere()) {
      return;
    }
    const [count, unreadable] = await Promise.all([search(COUNT), search(UNREADABLE)]);
    this.report.say("good", `${Number(count.rows[0].count).toLocaleString()} events in the last hour.`);
    unreadable.rows.forEach((row) => this._warn(row));
    await this._preview(...this.report.element.childNodes);
  }

  /** Shows the last ten messages that the job would send, and sends nothing. `told` stays in the report. */
  async _preview(...told) {
    this._messages.replaceChildren();
    this.report.add("busy", "Finding user journeys among them ...");
    const { rows } = await search(MESSAGES);
    this.report.element.replaceChildren(...told);
    if (!rows.length) {
      this.report.add("warning", "Found no user journeys from the last hour, so nothing would be sent. Either nobody did anything, or "
        + "these are the logs of another cluster.");
      return;
    }
    this._messages.append(
      element("h3", {}, rows.length === 10 ? "The last ten messages that would be sent" : `The ${rows.length} messages that would be sent`),
      ...rows.map(message),
    );
    if (rows[0].userId === STAND_IN) {
      this._messages.append(element("p", { class: "sb-about" }, "The app does not know the users yet: it reads the clusters from step 5 on. "
        + "After that, it sends only messages of users that it knows."));
    }
  }

  /** Whether there are audit events; if not, reports what it found instead. The searches here use only macros, so they never
      contain what somebody typed. */
  async _isThere() {
    const own = Symbol("search");
    this._latest = own;
    const { events, audit } = (await search(LATEST)).rows[0];
    if (this._latest !== own) {
      return false;
    }
    this.mark(Number(audit) > 0);
    if (!Number(events)) {
      this.report.say("warning", "No events in the last hour. Check the search terms, and that your roles may search the index.");
    } else if (!Number(audit)) {
      this.report.say("warning", "Found events from the last hour, but the latest ones are not audit events of a Kubernetes API "
        + "server: none has an auditID. Check the search terms.");
    }
    return Number(audit) > 0;
  }

  /** Warns of one kind of events that cannot become user journeys because of how they were logged. */
  _warn({ events, what, cure, index, sourcetype }) {
    this.report.add(
      "warning", `${Number(events).toLocaleString()} of them, in index `, code(index), " with source type ", code(sourcetype),
      ", may be user journeys, but the app cannot read them: ", `${what}. `, element("strong", {}, "To do: "), `${cure}.`,
    );
  }
}

/** A row of the dry run: its event and, when opened, the message that would be sent, or why it would not be. */
function message({ event, timestamp, segment_payload: payload, segment_error: error }) {
  const shown = payload ? JSON.stringify(JSON.parse(payload), null, 2) : error;
  return details([element("strong", {}, event), " ", ago(Date.parse(timestamp) / 1000)],
    element("pre", { tabindex: "0" }, shown));
}
