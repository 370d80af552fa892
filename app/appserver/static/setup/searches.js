/* The saved searches of the app. */

import { get, path, post } from "./splunkd.js";

const PREFIX = "Segment Bridge - ";
export const JOB = "Segment Bridge - Send user journeys";

/** Those that the app brought along: their settings and names. (What splunkd's filter `search` compares is nowhere said.) */
export async function savedSearches() {
  const { entry } = await get("saved/searches", { count: 0 });
  return entry
    .filter(({ name, acl }) => acl.app === "segment_bridge" && name.startsWith(PREFIX))
    .map(({ name, content }) => ({ ...content, name }));
}

/** Those that are made to run by the clock. */
export const scheduled = async () => (await savedSearches()).filter((each) => each.cron_schedule);

export const setScheduled = (name, isScheduled) => post(path`saved/searches/${name}`, { is_scheduled: isScheduled ? 1 : 0 });
