/* "Add" lists what people did, according to this site's own audit events, so that the user can take one. */

import { ago, button, element, table } from "../common/dom.js";
import { Choice } from "../common/fields.js";
import { search } from "../common/searches.js";
import { Section } from "../common/section.js";

const DONE = "search `segment_bridge_done_by_people`";

export class Found extends Section {
  /** Calls `take` with the contents of a row, or with {} for a journey to describe by hand; calls `left` when the user cancels. */
  constructor(take, left) {
    super("found", "What people did", "According to the audit events of your clusters. Take what should become an event in Segment.");
    this._take = take;
    this._when = new Choice("when", "In the last", { "-1h": "hour", "-4h": "four hours", "-24h": "day" }, () => {});
    this._when.value = "-1h";
    this._list = element("div", {});
    this.body.append(this._when.element, element("div", { class: "sb-actions" }, button("Search", () => this.load(), "primary")), this._list);
    // Outside of the body, because a search may take long.
    this.body.before(element("div", { class: "sb-field sb-actions" }, button("Describe one by hand", () => take({})), button("Cancel", left)));
    this.element.hidden = true;
  }

  async load() {
    await this.during("Reading the audit events ...", async () => {
      const { rows } = await search(DONE, this._when.value);
      this._list.replaceChildren(rows.length ? this._table(rows) : element("p", {}, "Found nothing that people did in the audit events."));
      this.report.clear();
    });
  }

  _table(rows) {
    return table(rows, {
      what: { heading: "Resource", isName: true, cell: ({ resource, subresource, api_group: group }) =>
        `${resource}${subresource === "-" ? "" : `/${subresource}`} (${group})` },
      verb: "Verb",
      events: { heading: "How often", cell: ({ events }) => Number(events).toLocaleString() },
      people: { heading: "People", cell: ({ people }) => Number(people).toLocaleString() },
      latest: { heading: "Latest", cell: ({ latest }) => ago(Number(latest)) },
      journey: { heading: "Journey", cell: (row) => (row.journey === "-" ? this._takes(row) : row.journey) },
    }, "What people did, most frequent first");
  }

  _takes(row) {
    const taking = button("Take", () => this._take({
      api_group: row.api_group, resource: row.resource, verb: row.verb, subresource: row.subresource === "-" ? "" : row.subresource,
    }));
    taking.setAttribute("aria-label", `Take: ${row.verb} ${row.resource}`);
    return taking;
  }
}
