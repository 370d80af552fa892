/* Whether Splunk Web passes on the app's requests to splunkd. It passes on only what a web.conf exposes. */

import { get } from "../../common/splunkd.js";
import { bad, good, unknown } from "./verdict.js";

const passedOn = (what, ask) => ({
  title: `Splunk Web passes on ${what}`,
  means: "The app's pages reach splunkd only through Splunk Web.",
  cure: "Restart Splunk if you have not done so since you installed the app. Otherwise another web.conf overrides what Splunk's or the app's exposes: "
    + "look for [expose:...] with splunk btool web list --debug.",
  look: async () => {
    try {
      await ask();
      return good("yes");
    } catch (failure) {
      return failure.code === "not_exposed" ? bad(failure.message) : unknown(failure.message);
    }
  },
});

export const web = {
  title: "Splunk Web",
  checks: [
    passedOn("the inputs", () => get("data/inputs/usersignups", { count: 1 })),
    passedOn("KV store", () => get("storage/collections/data/segment_runs", { limit: 1, fields: "time" })),
    passedOn("saved searches", () => get("saved/searches", { count: 1 })),
    passedOn("the destinations", () => get("configs/conf-segment_bridge", { count: 1 })),
  ],
};
