/* Each destination, as far as it can be looked at without sending it an event: key, region, receiver, certificate, clock. */

import { check } from "../../common/check.js";
import { bad, doubt, good, unknown } from "./verdict.js";

const VERDICTS = { ok: good, warn: bad, unknown: doubt };
const MEANS = {
  key: "Segment answers 200 to a key that it does not know, and throws the events away.",
  region: "A source of the other region gets nothing.",
  receiver: "Events go there.",
  certificate: "Certificates are always verified.",
  clock: "Segment corrects times by the sender's clock; signatures need clocks that agree.",
};
const CURE = "As the text says; then save the destination on the setup page, step 1, which checks again.";

export const destination = {
  title: "Destinations",
  checks: [{
    title: "Each destination can be reached",
    means: "Events go there.",
    cure: CURE,
    look: async ({ destinations }) => {
      const all = await Promise.all(destinations.map(async (name) => {
        try {
          return (await check(name)).map((each) => ({ name, ...each }));
        } catch (failure) {
          return [{ name, check: "receiver", status: "none", text: failure.message }];
        }
      }));
      return all.flat().map(({ name, check: what, status, code, text }) => ({
        title: `${name}: ${what}`, means: MEANS[what] ?? "It is part of the way to the receiver.", cure: CURE,
        verdict: (VERDICTS[status] ?? unknown)(code ? `${text} (${code})` : text || "in order"),
      }));
    },
  }],
};
