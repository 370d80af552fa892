/* Checks each destination without sending it an event: key, region, receiver, certificate, clock. */

import { check } from "../../common/check.js";
import { bad, doubt, good, unknown } from "./verdict.js";

const VERDICTS = { ok: good, warn: bad, unknown: doubt };
const MEANS = {
  key: "Segment answers 200 to a key that it does not know, and throws the events away.",
  region: "A source in the other region gets no events.",
  receiver: "Events go there.",
  certificate: "The app always verifies certificates.",
  clock: "Segment corrects times by the sender's clock, and signatures require that clocks agree.",
};
const CURE = "Do what the text says. Then save the destination on the setup page, step 1, which checks it again.";

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
        title: `${name}: ${what}`, means: MEANS[what] ?? "Events need this to reach the receiver.", cure: CURE,
        verdict: (VERDICTS[status] ?? unknown)(code ? `${text} (${code})` : text || "OK"),
      }));
    },
  }],
};
