/* Tests each search function that the job uses. A saved search has the tests and their known results. */

import { dispatch, finished } from "../../common/searches.js";
import { holds } from "./verdict.js";

const MEANS = "The job uses this function. If it has another result on this Splunk, the job may miss events or name them wrongly.";
const CURE = "Turn the app off and open an issue with this list and the version of Splunk.";

export const functions = {
  title: "Search functions",
  checks: [{
    title: "The search functions have their known results",
    means: MEANS,
    cure: CURE,
    look: async () => (await finished(await dispatch("Segment Bridge - Operations - Check search functions"))).rows.map(
      ({ check, expected, got }) => ({
        title: check, means: MEANS, cure: CURE, verdict: holds(expected === got, got, `${got} instead of ${expected}`) })),
  }],
};
