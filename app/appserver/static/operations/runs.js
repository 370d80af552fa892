/* The last runs of segmentsend and of the input: what they came to, how long they took, all that went wrong, and what each
   wrote into the run log. */

import { ago, button, code, element, helpLink } from "../common/dom.js";
import { Pages } from "../common/pages.js";
import { Section } from "../common/section.js";
import { dispatch, finished } from "../common/searches.js";
import { argument } from "../common/argument.js";

const SEARCH = "Segment Bridge - Operations - Runs";
const LOG = "Segment Bridge - Operations - Run log";
const OUTCOMES = ["accepted", "rejected", "failed", "unsent", "duplicate"];
const ROUND = 60; // seconds around a run: lines are indexed by the time in them, which is a little off

const number = (text) => Number(text ?? 0).toLocaleString();
const seconds = (text) => `${Number(text ?? 0).toLocaleString(undefined, { maximumFractionDigits: 1 })} s`;

/** What became of a run's rows, or of a list's users, in words. */
export function outcome(run) {
  if (run.component === "usersignups") {
    return run.users === undefined ? "no users" : `${number(run.users)} users`;
  }
  const counts = OUTCOMES.filter((each) => Number(run[each])).map((each) => `${number(run[each])} ${each}`);
  return `${number(run.rows)} events${counts.length ? `: ${counts.join(", ")}` : ""}`;
}

/** All that went wrong in a run, each with its code, which leads to what it means. */
export function problems(run) {
  const told = JSON.parse(run.problems || "[]");
  return told.length ? element("ul", { class: "sb-problems" }, ...told.map(({ status, reason, count, error }) => element(
    "li", {}, ...(count ? [`${number(count)} ${status ?? ""} `] : []), error ?? "",
    ...(reason ? [" (", helpLink(reason, "reasons", "reasons"), ")"] : [])))) : "";
}

const size = (bytes) => (Number(bytes) ? `${Math.ceil(bytes / 1024).toLocaleString()} KB` : "");

/** Texts that are not to be broken, one below the other where there is no room. */
const whole = (...texts) => element("span", {}, ...texts.filter(Boolean).flatMap((text) => [element("span", { class: "sb-whole" }, text), " "]));

export class Runs extends Section {
  constructor() {
    super("runs", "Runs", "What the last runs came to: of segmentsend, which sends, and of the inputs that keep the user map.");
    this._rows = [];
    this._list = new Pages({
      time: { heading: "Ended", cell: ({ time }) => ago(time) },
      component: { heading: "Run of", cell: ({ component, destination, cluster }) => whole(component, destination ?? cluster) },
      status: { heading: "Outcome", cell: ({ status }) => element("span", { class: `sb-mark sb-${status === "ok" ? "done" : "failed"}` }, status) },
      rows: { heading: "What it did", cell: outcome },
      duration_s: { heading: "Took", cell: ({ duration_s, requests }) => whole(seconds(duration_s), Number(requests) === 1 ? "1 request"
        : requests && `${number(requests)} requests`) },
      bytes: { heading: "Sent", cell: ({ bytes, wire_bytes }) => whole(size(bytes), size(wire_bytes) && `(${size(wire_bytes)} on the wire)`) },
      problems: { heading: "What went wrong", cell: problems },
      sid: { heading: "Run log", cell: (run) => this._log(run) },
    }, "The last 500 runs, the latest first", (skip, limit) => this._rows.slice(skip, skip + limit), {
      none: "There have been no runs within eight days.", size: 25,
    });
    this._lines = element("div", { tabindex: "-1" });
    this.body.append(this._list.element, element("div", { class: "sb-actions" },
      button("Look again", () => this.during("Looking ...", () => this.load()))), this._lines);
  }

  async load() {
    this.report.say("busy", "Reading the last runs ...");
    this._rows = (await finished(await dispatch(SEARCH))).rows;
    await this._list.show();
    this.report.clear();
  }

  /** A button that shows a run's lines below the list. */
  _log(run) {
    const show = button("Show", () => this.during("Reading the run log ...", async () => {
      this._lines.replaceChildren(...await this._read(run));
      this.report.clear();
      return this._lines;
    }), "link");
    show.setAttribute("aria-label", `Show the run log of ${run.component}, ${new Date(run.time * 1000).toLocaleString()}`);
    return show;
  }

  async _read({ component, sid = "", cluster = "", time, duration_s = 0 }) {
    const job = await dispatch(LOG, {
      args: Object.fromEntries(Object.entries({ component, sid, cluster }).map(([name, text]) => [name, argument(text)])),
      earliest: String(Math.floor(time - duration_s - ROUND)), latest: String(Math.ceil(Number(time) + ROUND)),
    });
    const { rows } = await finished(job);
    return [element("h3", {}, "Run log of ", ago(time)), ...(rows.length
      ? [element("ol", { class: "sb-log" }, ...rows.map(({ _raw }) => element("li", {}, code(_raw)))),
        element("a", { href: `search?${new URLSearchParams({ sid: job })}`, target: "_blank", rel: "noopener" }, "Open in Search")]
      : [element("p", {}, "Its lines are not in index=_internal: you may not search that, or the member that ran does not forward it.")])];
  }
}
