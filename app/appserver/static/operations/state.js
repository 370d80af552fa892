/* The app's state, in one word, and its troubles. Both come from macros.conf [segment_bridge_state], like the alerts. */

import { ago, button, element, helpLink, table } from "../common/dom.js";
import { Failure } from "../common/failure.js";
import { Section } from "../common/section.js";
import { dispatch, finished, JOB, savedSearches } from "../common/searches.js";
import { content, isTrue } from "../common/splunkd.js";
import { outcome } from "./runs.js";

const SEARCH = "Segment Bridge - Operations - State";
const BLIND = "Segment Bridge - Operations - State without KV store";
const ALERT = "Segment Bridge - Alert - ";
const LOOKS = { healthy: "good", degraded: "warning", failing: "bad", off: "off" };
const MEANS = {
  healthy: "User journeys get to Segment, and nothing waits for a person.",
  degraded: "User journeys get to Segment, but not all of them, or something waits for a person.",
  failing: "User journeys do not get to Segment, or soon will not.",
  off: "Nothing is read and nothing is sent.",
};
const CLUSTERS = {
  cluster: { heading: "Cluster", isName: true },
  last_ok: { heading: "Last read", cell: ({ last_ok }) => (last_ok ? ago(last_ok) : "not within a day") },
  records: { heading: "Users in the map", cell: ({ records }) => number(records ?? 0) },
  error: {
    heading: "Last run",
    cell: ({ last_run, error }) => (error ? element("span", {}, `${error} `, helpLink("What to do", "operations",
      "the-user-map-is-out-of-date")) : last_run ?? "none within a day"),
  },
};

const counted = (name, title) => ({ heading: title, cell: (row) => number(row[name] ?? 0) });
const FUNNEL = {
  event: { heading: "Event", isName: true },
  destination: "Destination",
  accepted: counted("accepted", "Accepted"),
  received: counted("received", "Received"),
  thrown_away: counted("thrown_away", "Thrown away"),
  filtered: counted("filtered", "Filtered"),
};

const number = (text) => Number(text).toLocaleString();

export class State extends Section {
  constructor() {
    super("state", "State", "");
    this.element.querySelector(".sb-about").remove();
    this._word = element("p", { class: "sb-state", role: "status" });
    this._found = element("div", {});
    this._again = button("Refresh", () => this.during("Loading ...", () => this.load()));
    this.body.append(this._word, this._found, element("div", { class: "sb-actions" }, this._again));
  }

  async load() {
    this.report.say("busy", "Loading ...");
    try {
      await this._read();
    } catch (failure) {
      this._word.replaceChildren();
      this._found.replaceChildren();
      throw failure;
    }
  }

  async _read() {
    const server = await content("server/info");
    const isReady = ["ready", undefined].includes(server.kvStoreStatus);
    const [{ rows, errors }, searches] = await Promise.all([finished(await dispatch(isReady ? SEARCH : BLIND)), savedSearches()]);
    const of = (part) => rows.filter((row) => row.part === part);
    const troubles = of("trouble");
    if (!troubles.length) {
      throw new Failure("", `The search for the state had no results. ${errors.join(" ")} Press Refresh.`);
    }
    const { state } = troubles[0];
    this._word.replaceChildren(
      element("strong", { class: `sb-word sb-${LOOKS[state]}` }, state[0].toUpperCase() + state.slice(1)), ` ${MEANS[state]}`);
    this._found.replaceChildren(
      ...this._troubles(troubles.filter(({ level }) => level !== "-"), searches),
      facts({ job: searches.find(({ name }) => name === JOB), run: of("run")[0], letters: of("letters"), behind: of("behind")[0],
        late: of("late")[0], kvStore: server.kvStoreStatus, isReady }),
      ...(of("cluster").length ? [table(of("cluster"), CLUSTERS, "Clusters that the app reads")] : []),
      ...(of("funnel").length ? [table(of("funnel"), FUNNEL, "What Segment did with the last day's events, according to its receipts")] : []),
    );
    this.report.clear();
    if (errors.length) {
      this.report.add("warning", `Some of this may be missing: ${errors.join(" ")}`);
    }
  }

  /** Shows each kind of trouble once: what is wrong, since when, and what its alert says to do. */
  _troubles(troubles, searches) {
    return [...new Set(troubles.map(({ alert }) => alert))].map((alert) => {
      const own = troubles.filter((each) => each.alert === alert);
      const about = searches.find(({ name }) => name === ALERT + alert)?.description ?? "";
      const [, cure] = /To\s+do:\s*(.*)$/s.exec(about) ?? [];
      return element(
        "div",
        { class: `sb-note sb-${LOOKS[own[0].level]}` },
        ...own.map(({ news, since }) => element("div", {}, element("strong", {}, news[0].toUpperCase() + news.slice(1)),
          ...(since ? [", reported ", ago(since)] : []), ".")),
        ...(cure ? ["To do: ", `${cure} `, helpLink("More", "operations", heading(alert))] : []),
        ...(own[0].level === "off" ? [element("a", { href: "setup" }, "Turn it on"), " on the setup page."] : []),
      );
    });
  }
}

const heading = (alert) => alert.toLowerCase().replaceAll(" ", "-");

/** The facts below the word, as terms and descriptions. */
function facts({ job, run, letters, behind, late, kvStore, isReady }) {
  const said = {
    "The job": [schedule(job)],
    ...(isReady ? {
      "Last run": run ? [ago(run.time), `: ${run.status}. `, outcome(run)] : ["none within eight days"],
      "How far behind": [delay(behind ?? {})],
    } : {}),
    ...(late ? { "Audit events arrive": [late.news] } : {}),
    "KV store": [kvStore ?? "not known"],
    ...(isReady ? { "Dead letters": [waiting(letters)] } : {}),
  };
  return element("dl", { class: "sb-facts" }, ...Object.entries(said).flatMap(
    ([term, text]) => [element("dt", {}, term), element("dd", {}, ...text)]));
}

function schedule(job) {
  return isTrue(job.is_scheduled) ? `on; next run ${job.next_scheduled_time || "not known yet"}` : "off";
}

const delay = ({ hours, slices, why }) => (Number(hours) ? `${hours} hours` : "not at all")
  + (Number(slices) ? `; ${number(slices)} whole hours wait` : "") + (why ? `: ${why}` : "");

function waiting(letters) {
  const of = (whom) => number(letters.find(({ waits_for }) => waits_for === whom)?.count ?? 0);
  return `${of("a person")} wait for a person, ${of("the next try")} for their next try`;
}
