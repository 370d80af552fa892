/* Dead letters: counts them by reason, lists them a page at a time, and lets the user send, edit or drop them. */

import { confirmed } from "../common/dialog.js";
import { ago, button, details, element, table } from "../common/dom.js";
import { Field } from "../common/fields.js";
import { Pages } from "../common/pages.js";
import { Section } from "../common/section.js";
import { dispatch, finished } from "../common/searches.js";
import { argument } from "../common/argument.js";
import { mark, shown } from "./letter.js";

const GROUPS = "Segment Bridge - Operations - Dead letters";
const LIST = "Segment Bridge - Operations - List dead letters";
const MARK = "Segment Bridge - Operations - Mark dead letters";
const SEND = "Segment Bridge - Send dead letters again";
const MOST = 10_000; // the most that a search marks, or a run sends, at once
const ALL = { destination: "", status: "", reason: "" };

const number = (text) => Number(text).toLocaleString();
const events = (count) => (Number(count) === 1 ? "1 event" : `${number(count)} events`);

export class Letters extends Section {
  constructor({ user, asked, changed }) {
    super("letters", "Dead letters", "Events that Segment did not accept. The app sends failed ones again by itself for seven days; refused "
      + "ones wait for you, for 30 days.");
    Object.assign(this, { _user: user, _changed: changed, _sid: "", _chosen: new Map() });
    this._filter = { ...ALL, ...Object.fromEntries(Object.keys(ALL).map((name) => [name, asked.get(name) ?? ""])) };
    this._text = new Field("text", "Name, id or error contains", { help: "" });
    this._text.value = asked.get("text") ?? "";
    this._groups = element("div", {});
    this._which = element("p", { role: "status" });
    this._list = new Pages({
      chosen: { heading: "Select", cell: (row) => this._tick(row) },
      event: { heading: "Event", isName: true, cell: ({ event }) => event ?? "no event" },
      reason: { heading: "Why", cell: ({ status, reason }) => `${status}: ${reason}` },
      waits_for: "Waits for",
      first_time: { heading: "Since", cell: ({ first_time }) => (first_time ? ago(first_time) : "") },
      key: { heading: "More", cell: (row) => this._more(row) },
    }, "Dead letters, latest failure first", (skip, limit) => this._page(skip, limit), { none: "There are none.", size: 20 });
    this.body.append(
      this._groups,
      element("form", { class: "sb-filter", submit: (event) => {
        event.preventDefault();
        this._choose({ ...this._filter });
      } }, this._text.element, element("button", { class: "sb-button sb-secondary" }, "Find"),
      button("Show all", () => {
        this._text.value = "";
        this._choose(ALL);
      })),
      this._which,
      this._list.element,
      element("div", { class: "sb-actions" },
        button("Send selected again", () => this._markChosen("again")),
        button("Drop selected", () => this._markChosen("dropped"), "danger"),
        button("Send now", () => this._send(), "primary")),
    );
  }

  async load() {
    this.report.say("busy", "Loading the dead letters ...");
    await this._read();
    this.report.clear();
  }

  async _read() {
    const { rows } = await finished(await dispatch(GROUPS));
    this._groups.replaceChildren(rows.length ? table(rows, {
      count: { heading: "Events", isName: true, cell: ({ count }) => number(count) },
      destination: "Destination",
      reason: { heading: "Why", cell: ({ status, reason }) => `${status}: ${reason}` },
      waits_for: "Wait for",
      example: "Example",
      oldest: { heading: "Oldest", cell: ({ oldest }) => (oldest ? ago(oldest) : "") },
      all: { heading: "Actions", cell: (row) => this._all(row) },
    }, "By reason") : element("p", {}, "There are no dead letters."));
    this._chosen.clear();
    this._asked = Object.fromEntries(Object.entries({ ...this._filter, text: this._text.value }).map(([name, text]) => [name, argument(text)]));
    this._sid = await dispatch(LIST, { args: this._asked });
    await this._list.show(0);
  }

  /** Splunk keeps the list for some minutes only. */
  async _page(offset, count) {
    const { rows, total } = await finished(this._sid, { offset, count }).catch(async (failure) => {
      if (failure.code !== "expired") {
        throw failure;
      }
      this._sid = await dispatch(LIST, { args: this._asked });
      return finished(this._sid, { offset, count });
    });
    const { destination, status, reason } = this._filter;
    this._which.textContent = (reason ? `Only ${destination}, ${status}: ${reason}. ` : "")
      + (total >= MOST ? `The list shows the first ${number(MOST)}: filter it to see others.` : events(total));
    return rows;
  }

  _choose(filter) {
    this._filter = { ...filter };
    return this.during("Loading ...", async () => {
      await this._read();
      this.report.clear();
    });
  }

  /** The actions for all letters with the same reason. */
  _all(row) {
    const { destination, status, reason, count } = row;
    const called = `${events(count)} of ${destination}, ${status}: ${reason}`;
    const named = (text, action, kind) => {
      const made = button(text, action, kind);
      made.setAttribute("aria-label", `${text}: ${called}`);
      return made;
    };
    return element(
      "div",
      { class: "sb-row-actions" },
      named("Show", () => this._choose({ destination, status, reason }), "link"),
      ...(reason === "malformed" ? [] : [named("Send again", () => this._markAll(row, "again"), "link")]),
      named("Drop", () => this._markAll(row, "dropped"), "link"),
    );
  }

  _tick(row) {
    return element("input", {
      type: "checkbox", checked: this._chosen.has(row.key), "aria-label": `Select ${row.event ?? "the event"}, ${row.message_id ?? row.key}`,
      change: ({ target }) => (target.checked ? this._chosen.set(row.key, row) : this._chosen.delete(row.key)),
    });
  }

  _more(row) {
    const room = element("div", {}, "Loading ...");
    const fold = details("Show", room);
    fold.querySelector("summary").setAttribute("aria-label", `Show ${row.event ?? "the event"}, ${row.message_id ?? row.key}`);
    fold.addEventListener("toggle", async () => {
      if (fold.open) {
        room.replaceChildren(await shown(row, {
          user: this._user, during: (text, action) => this.during(text, action), done: (text) => this._done(text),
        }).catch((failure) => failure.message));
      }
    });
    return fold;
  }

  /** Reports what an action did, and reads the letters again. Without a `text`, nothing was done. */
  async _done(text) {
    this.report.clear();
    if (text) {
      await this._read();
      this.report.say("good", text, ...(/again/.test(text) ? [" That takes up to 15 minutes if \"Send dead letters again\" is "
        + "scheduled; or press \"Send now\"."] : []));
      this._changed();
    }
  }

  async _markChosen(status) {
    const rows = [...this._chosen.values()];
    if (!rows.length) {
      this.report.say("warning", "First select some events.");
      return;
    }
    if (status === "dropped" && !await confirmed(`Drop ${events(rows.length)}?`, ["They will never be sent. The next run removes them."], "Drop")) {
      return;
    }
    await this.during(`Marking ${events(rows.length)} ...`, async () => {
      const failures = await mark(rows, status);
      const marked = events(rows.length - failures.length);
      await this._done(failures.length === rows.length ? "Nothing was changed."
        : status === "again" ? `${marked} will be sent again.` : `${marked} will be removed.`);
      for (const text of new Set(failures.map(({ message }) => message))) {
        this.report.add("bad", `Not changed: ${events(failures.filter(({ message }) => message === text).length)}. ${text}`);
      }
    });
  }

  async _markAll({ destination, status, reason, count }, as) {
    const some = Math.min(count, MOST);
    const [title, body, action] = as === "again"
      ? [`Send ${events(some)} again?`, `All events for ${destination} that are ${status} because of ${reason}. They are sent unchanged.`, "Send again"]
      : [`Drop ${events(some)}?`, `All events for ${destination} that are ${status} because of ${reason}. They will never be sent.`, "Drop"];
    const rest = count > MOST ? ` These are the oldest of ${number(count)}; no more can be marked at once.` : "";
    if (!await confirmed(title, [body + rest], action, as === "again" ? "primary" : "danger")) {
      return;
    }
    await this.during(`Marking ${events(some)} ...`, async () => {
      const { rows: [row] } = await finished(await dispatch(MARK, {
        args: { destination: argument(destination), status: argument(status), reason: argument(reason), mark: as } }));
      await this._done(as === "again" ? `${events(row.count)} will be sent again.` : `${events(row.count)} will be removed.`);
    });
  }

  async _send() {
    if (!await confirmed("Send now?", [`Sends up to ${number(MOST)} events that are due for their next try.`], "Send", "primary")) {
      return;
    }
    await this.during("Sending ...", async () => {
      const { rows } = await finished(await dispatch(SEND)).finally(() => this._read());
      this.report.say("good", rows.length
        ? `Sent: ${rows.map(({ count, segment_status, segment_reason }) => `${number(count)} ${segment_status}${segment_reason === "-" ? "" : ` (${segment_reason})`}`).join(", ")}.`
        : "There was nothing to send.");
      this._changed();
    });
  }
}
