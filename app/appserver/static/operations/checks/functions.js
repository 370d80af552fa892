/* Each function of the search language that the job relies on, against its known answer: a saved search has both. */

import { dispatch, finished } from "../../common/searches.js";
import { holds } from "./verdict.js";

const MEANS = "The job relies on it. If this Splunk gives another answer, the job may miss events or name them wrongly.";
const CURE = "Turn the app off and open an issue, with this list and the version of Splunk.";

export const functions = {
  title: "Search functions",
  checks: [{
    title: "The search functions give their known answers",
    means: MEANS,
    cure: CURE,
    look: async () => (await finished(await dispatch("Segment Bridge - Operations - Check search functions"))).rows.map(
      ({ check, expected, got }) => ({
        title: check, means: MEANS, cure: CURE, verdict: holds(expected === got, got, `${got} instead of ${expected}`) })),
  }],
};
