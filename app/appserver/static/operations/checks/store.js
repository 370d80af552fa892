/* KV store, in which the app keeps the user map, dead letters, slices and runs. */

import { record, records } from "../../common/kvstore.js";
import { dispatch, finished } from "../../common/searches.js";
import { postJson, remove } from "../../common/splunkd.js";
import { bad, good, holds } from "./verdict.js";

const COLLECTION = "segment_told";
const RECORDS = "storage/collections/data/segment_told";
const OWN = "check"; // a key that no alert has
const CURE = "Run splunk show kvstore-status on the search head; then read mongod.log and splunkd.log in index=_internal.";

export const store = {
  title: "KV store",
  checks: [
    {
      title: "KV store is ready",
      means: "Without it, no user is known and no run can succeed.",
      cure: CURE,
      look: ({ server }) => holds(server.kvStoreStatus === "ready", "ready", server.kvStoreStatus ?? "it is not there"),
    },
    {
      title: "A record can be written and read",
      means: "The app keeps the results of runs there, and what waits.",
      cure: CURE,
      look: async () => {
        await remove(RECORDS, { query: JSON.stringify({ _key: OWN }) });
        const text = `as written at ${Date.now()}, "with" \u00fc`;
        await postJson(RECORDS, { _key: OWN, state: "check", news: text });
        const { news } = await record(COLLECTION, OWN);
        await remove(RECORDS, { query: JSON.stringify({ _key: OWN }) });
        return holds(news === text, "yes", `KV store returned ${news}`);
      },
    },
    {
      title: "Searches can use the lookups",
      means: "The job looks up users and the names of events. An unknown username must match no user.",
      cure: "You must be able to read the app's lookups: see Help > Permissions. If an unknown username matches a user, turn the "
        + "app off and open an issue.",
      look: async () => {
        const { rows: [row] } = await finished(await dispatch("Segment Bridge - Operations - Check lookups"));
        return row?.said === "known: created; unknown: nobody" ? good(row.said) : bad(row?.said ?? "no answer");
      },
    },
    {
      title: "There is room for dead letters",
      means: "If there are more than 100,000, the oldest are removed.",
      cure: "Send or drop dead letters on this page.",
      look: async () => holds(!(await records("segment_dead_letters", { skip: 90_000, limit: 1, fields: "_key" })).length,
        "yes", "there are more than 90,000"),
    },
  ],
};
