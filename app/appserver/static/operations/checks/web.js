/* What Splunk Web passes on to splunkd: what a web.conf exposes, and nothing else. */

import { get } from "../../common/splunkd.js";
import { bad, good, unknown } from "./verdict.js";

const passedOn = (what, ask) => ({
  title: `Splunk Web passes on ${what}`,
  means: "The app's pages ask splunkd by way of Splunk Web. They cannot do what Splunk Web does not pass on.",
  cure: "Restart Splunk if you have not done so since the app was installed. Otherwise another web.conf hides what Splunk's or the app's exposes: "
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
