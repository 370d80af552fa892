/* Checks a destination without sending it an event. Splunk sends the requests, never the browser.

     const checks = await check("segment");   // [{ check: "key", status: "warn", code: "key_unknown", text: "..." }, ...]

   `status` is ok, warn or unknown. We could not verify all of Segment's answers, so no check blocks anything. */

import { post } from "./splunkd.js";

export const check = async (destination) => (await post("segment_bridge/check", { destination })).checks;
