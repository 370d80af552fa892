/* Backfill: estimates, plans and cancels past hours to send, and shows their progress. */

import { confirmed } from "../common/dialog.js";
import { button, element } from "../common/dom.js";
import { allValid, Field } from "../common/fields.js";
import { change, record } from "../common/kvstore.js";
import { Pages } from "../common/pages.js";
import { Section } from "../common/section.js";
import { dispatch, finished, savedSearches } from "../common/searches.js";
import { isTrue } from "../common/splunkd.js";

const ESTIMATE = "Segment Bridge - Operations - Estimate a backfill";
const COUNT = "Segment Bridge - Operations - Count audit events";
const PLAN = "Segment Bridge - Operations - Plan a backfill";
const LIST = "Segment Bridge - Operations - Backfill";
const CANCEL = "Segment Bridge - Operations - Cancel the backfill";
const SEND = "Segment Bridge - Backfill";
const SLICES = "segment_backfill";
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/;
const REPEATS_MS = 86_400_000; // for so long, Segment drops repeats

const number = (text) => Number(text ?? 0).toLocaleString();
const hours = (count) => (Number(count) === 1 ? "1 hour" : `${number(count)} hours`);
const time = (text) => (TIME.test(text) ? "" : "A date and a time: 2026-11-20T07:00.");

export class Backfill extends Section {
  constructor({ changed }) {
    super("backfill", "Backfill", "Sends past hours that the job does not send by itself, because a gap was too long or the user map was "
      + "wrong. Hours that were sent need no backfill.");
    this._changed = changed;
    this._rows = [];
    const field = (name, label) => {
      const made = new Field(name, label, { check: time, type: "datetime-local", help: "In the time zone of your Splunk account." });
      made.control.addEventListener("input", () => this._forget());
      return made;
    };
    this._from = field("from", "From");
    this._to = field("to", "To");
    this._progress = element("progress", { max: 1, value: 0, "aria-label": "Hours done", hidden: true });
    this._how = element("p", {});
    this._plan = button("Plan it", () => this._planned(), "primary");
    this._plan.hidden = true;
    this._cancel = button("Cancel waiting hours", () => this._cancelled(), "danger");
    this._list = new Pages({
      hour: { heading: "Hour", isName: true },
      state: "State",
      attempts: "Tries",
      events: { heading: "Events", cell: ({ events }) => (events === undefined ? "" : number(events)) },
      accepted: { heading: "Accepted", cell: ({ accepted }) => (accepted === undefined ? "" : number(accepted)) },
      not_sent: { heading: "Not sent", cell: ({ not_sent }) => (not_sent === undefined ? "" : number(not_sent)) },
      key: { heading: "Action", cell: (row) => this._again(row) },
    }, "Planned hours, in the time zone of your Splunk account", (skip, limit) => this._rows.slice(skip, skip + limit), {
      none: "No hours are planned.", size: 24 });
    this.body.append(
      element("div", { class: "sb-filter" }, this._from.element, this._to.element,
        button("How much is that?", () => this._estimated()), this._plan),
      this._how, this._progress, this._list.element,
      element("div", { class: "sb-actions" }, button("Refresh", () => this.during("Loading ...", () => this.load())), this._cancel),
    );
  }

  async load() {
    this.report.say("busy", "Loading the planned hours ...");
    const [{ rows }, searches] = await Promise.all([finished(await dispatch(LIST)), savedSearches()]);
    this._rows = rows;
    await this._list.show(0);
    const of = (...states) => rows.filter(({ state }) => states.includes(state)).length;
    const [done, open] = [of("done"), of("waiting", "next")];
    this._progress.hidden = !rows.length;
    this._progress.max = Math.max(1, done + open);
    this._progress.value = done;
    this._cancel.hidden = !open;
    const isOn = isTrue(searches.find(({ name }) => name === SEND)?.is_scheduled);
    this._how.textContent = !rows.length ? "" : `${hours(done)} done, ${hours(open)} waiting, ${hours(of("cancelled"))} cancelled. `
      + (open && !isOn ? `The search "${SEND}" is not scheduled, so nothing is sent: turn it on, on the setup page.` : "");
    this.report.clear();
  }

  /** A button that sends a done hour once more. */
  _again({ key, hour, state }) {
    if (state !== "done") {
      return "";
    }
    const again = button("Again", async () => await confirmed(`Send the hour ${hour} once more?`, [
      "Segment drops repeats for about a day. If the hour is older, it counts the accepted events twice."], "Again")
      && this.during("Planning ...", async () => {
        await change(SLICES, await record(SLICES, key), { state: "waiting", attempts: 0 });
        await this.load();
        this.report.say("good", `The hour ${hour} will be sent again.`);
      }), "link");
    again.setAttribute("aria-label", `Again: ${hour}`);
    return again;
  }

  /** Hides the button for planning until the new times have been estimated. */
  _forget() {
    this._plan.hidden = true;
    this.report.clear();
  }

  _isValid() {
    if (!allValid([this._from, this._to])) {
      return false;
    }
    this._to.fail(this._from.value < this._to.value ? "" : "It must be after the first time.");
    return this._from.value < this._to.value;
  }

  _args() {
    return { from: this._from.value, to: this._to.value };
  }

  async _estimated() {
    this._forget();
    if (!this._isValid()) {
      return;
    }
    await this.during("Counting ...", async () => {
      const { rows: [{ from, to, hours: count }] } = await finished(await dispatch(ESTIMATE, { args: this._args() }));
      if (!Number(count)) {
        this.report.say("warning", "There is no complete hour in this time. The job itself sends the last hours.");
        return;
      }
      // If the base search uses more than indexed fields, only reading the events could tell.
      const events = await finished(await dispatch(COUNT, { earliest: from, latest: to })).then(
        ({ rows: [row] }) => `with ${number(row.events)} audit events`, (failure) => `with an unknown number of audit events (${failure.message})`);
      const planned = this._rows.filter(({ start, state }) => state !== "cancelled" && Number(start) >= from && Number(start) < to).length;
      this.report.say("good", `${hours(count)}, ${events}.`
        + (planned ? ` ${hours(planned)} of them are already planned, and stay unchanged.` : ""));
      if (Date.now() - from * 1000 > REPEATS_MS) {
        this.report.add("warning", "Some of these hours are older than a day, and Segment drops repeats for about a day only. Do not plan hours whose "
          + "events were sent, or they count twice. The view Overview shows which hours were not sent.");
      }
      this._plan.hidden = false;
    });
  }

  async _planned() {
    if (!await confirmed("Send these hours?", [`${this._from.value} to ${this._to.value}. The app sends them in the background. You can cancel them `
      + "as long as they wait."], "Plan it", "primary")) {
      return;
    }
    await this.during("Planning ...", async () => {
      const { rows } = await finished(await dispatch(PLAN, { args: this._args() }));
      await this.load();
      this._plan.hidden = true;
      this.report.say("good", `${hours(rows[0]?.count ?? 0)} planned.`);
      this._changed();
    });
  }

  async _cancelled() {
    if (!await confirmed("Cancel the waiting hours?", ["If an hour is being sent right now, the run still finishes it."], "Cancel hours")) {
      return;
    }
    await this.during("Cancelling ...", async () => {
      const { rows } = await finished(await dispatch(CANCEL));
      await this.load();
      this.report.say("good", `${hours(rows[0]?.count ?? 0)} cancelled.`);
      this._changed();
    });
  }
}
