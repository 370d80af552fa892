/* What can be found out about a destination without sending it an event. Splunk asks for it, never the browser.

     const checks = await check("segment");   // [{ check: "key", status: "warn", code: "key_unknown", text: "..." }, ...]

   `status` is ok, warn or unknown: what follows from Segment's answers is not all proven, so none of it refuses anything. */

import { post } from "./splunkd.js";

export const check = async (destination) => (await post("segment_bridge/check", { destination })).checks;
