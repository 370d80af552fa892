/* The last runs of segmentsend and of the input: results, duration, problems, and the lines of each in the run log. */

import { ago, button, code, element, helpLink } from "../common/dom.js";
import { Pages } from "../common/pages.js";
import { Section } from "../common/section.js";
import { dispatch, finished } from "../common/searches.js";
import { argument } from "../common/argument.js";

const SEARCH = "Segment Bridge - Operations - Runs";
const LOG = "Segment Bridge - Operations - Run log";
const OUTCOMES = ["accepted", "rejected", "failed", "unsent", "duplicate"];
const MOST = 1_000; // lines that the search returns
const ROUND = 60; // seconds to add before and after a run, because the times of its lines differ a little from the run's

const number = (text) => Number(text ?? 0).toLocaleString();
const seconds = (text) => `${Number(text ?? 0).toLocaleString(undefined, { maximumFractionDigits: 1 })} s`;

/** The result of a run, in words: its events by outcome, or its users. */
export function outcome(run) {
  if (run.component === "usersignups") {
    return run.users === undefined ? "no users" : `${number(run.users)} users`;
  }
  const counts = OUTCOMES.filter((each) => Number(run[each])).map((each) => `${number(run[each])} ${each}`);
  return `${number(run.rows)} events${counts.length ? `: ${counts.join(", ")}` : ""}`;
}

/** All problems of a run, each with a link from its code to its meaning. */
export function problems(run) {
  const told = JSON.parse(run.problems || "[]");
  return told.length ? element("ul", { class: "sb-problems" }, ...told.map(({ status, reason, count, error }) => element(
    "li", {}, ...(count ? [`${[number(count), status].filter(Boolean).join(" ")}: `] : []), error ?? "",
    ...(reason ? [" (", helpLink(reason, "reasons", "reasons"), ")"] : [])))) : "";
}

const size = (bytes) => (Number(bytes) ? `${Math.ceil(bytes / 1024).toLocaleString()} KB` : "");

/** Texts without line breaks inside; on a narrow screen, one below the other. */
const whole = (...texts) => element("span", {}, ...texts.filter(Boolean).flatMap((text) => [element("span", { class: "sb-whole" }, text), " "]));

export class Runs extends Section {
  constructor() {
    super("runs", "Runs", "The results of the last runs: of segmentsend, which sends events, and of the inputs, which keep the user map.");
    this._rows = [];
    this._list = new Pages({
      time: { heading: "Ended", cell: ({ time }) => ago(time) },
      component: { heading: "Program", cell: ({ component, destination, cluster }) => whole(component, destination ?? cluster) },
      status: { heading: "Outcome", cell: ({ status }) => element("span", { class: `sb-mark sb-${status === "ok" ? "done" : "failed"}` }, status) },
      rows: { heading: "Result", cell: outcome },
      duration_s: { heading: "Duration", cell: ({ duration_s, requests }) => whole(seconds(duration_s), Number(requests) === 1 ? "1 request"
        : requests && `${number(requests)} requests`) },
      bytes: { heading: "Sent", cell: ({ bytes, wire_bytes }) => whole(size(bytes), size(wire_bytes) && `(${size(wire_bytes)} on the wire)`) },
      problems: { heading: "Problems", cell: problems },
      sid: { heading: "Run log", cell: (run) => this._log(run) },
    }, "The last 500 runs, latest first", (skip, limit) => this._rows.slice(skip, skip + limit), {
      none: "There were no runs in the last eight days.", size: 25,
    });
    this._lines = element("div", { tabindex: "-1" });
    this.body.append(this._list.element, element("div", { class: "sb-actions" },
      button("Refresh", () => this.during("Loading ...", () => this.load()))), this._lines);
  }

  async load() {
    this.report.say("busy", "Loading the last runs ...");
    this._rows = (await finished(await dispatch(SEARCH))).rows;
    await this._list.show();
    this.report.clear();
  }

  /** A button that shows a run's log lines below the list. */
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
      ? [...(rows.length < MOST ? [] : [element("p", {}, `Only the first ${number(MOST)} lines.`)]), element("ol", { class: "sb-log" }, ...rows.map(({ _raw }) => element("li", {}, code(_raw)))),
        element("a", { href: `search?${new URLSearchParams({ sid: job })}`, target: "_blank", rel: "noopener" }, "Open in Search")]
      : [element("p", {}, "Found no lines of this run in index=_internal. Either your roles may not search that index, or the member "
        + "that ran does not forward it.")])];
  }
}
