/* The results of the last runs, of the command for a destination or of the input for a cluster, from the collection segment_runs.

     const { last, failed } = await lastRuns({ component: "usersignups", cluster: "prod" });
     cell.append(failed ? problem(failed) : "none"); */

import { ago, element, helpLink } from "./dom.js";
import { records } from "./kvstore.js";

const RUNS = "segment_runs";

/** The records of the last run, and of the last one that failed, or undefined. */
export async function lastRuns(about) {
  const newest = async (query) => (await records(RUNS, { query, sort: "time:-1", limit: 1 }))[0];
  const [last, failed] = await Promise.all([newest(about), newest({ ...about, status: { $ne: "ok" } })]);
  return { last, failed };
}

/** Shows when a run failed, and why, with a link from the code to its meaning. */
export function problem({ time, problems }) {
  const told = JSON.parse(problems || "[]");
  const { reason, error } = told.find(({ event }) => event === "error") ?? told.find((each) => each.error) ?? {};
  return element(
    "span", {}, ago(time), ": ", error ?? "somebody stopped it", ...(reason ? [" (", helpLink(reason, "reasons", "reasons"), ")"] : []));
}
