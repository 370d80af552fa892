/* Searches: those of the app by name, and what they find.

     const { rows, messages } = await finished(await dispatch("Segment Bridge - One event", { args: { id } }));

   A page runs saved searches by name. The SPL of `search` is a constant of a module; what somebody typed may be in it only as
   what `argument` of argument.js makes of it, in place of a macro's argument. */

import { Failure, toldBy } from "./failure.js";
import { content, get, isTrue, path, pause, post } from "./splunkd.js";

const PREFIX = "Segment Bridge - ";
export const JOB = "Segment Bridge - Send user journeys";
const POLL_MS = 500;
/* A job ends when nobody has asked for it for so long: the page was left. */
const AUTO_CANCEL_S = 60;
/* Splunk puts an argument into the search as it is: what could end a quoted value, or begin a macro, is refused. */
const ARGUMENT = /^[^"'`|[\]\\$\n]*$/;

/** Those that the app brought along: their settings and names. (What splunkd's filter `search` compares is nowhere said.) */
export async function savedSearches() {
  const { entry } = await get("saved/searches", { count: 0 });
  return entry
    .filter(({ name, acl }) => acl.app === "segment_bridge" && name.startsWith(PREFIX))
    .map(({ name, content: settings }) => ({ ...settings, name }));
}

/** Those that are made to run by the clock. */
export const scheduled = async () => (await savedSearches()).filter((each) => each.cron_schedule);

export const setScheduled = (name, isScheduled) => post(path`saved/searches/${name}`, { is_scheduled: isScheduled ? 1 : 0 });

/** A search's result rows and messages. Throws a Failure if it fails. */
export async function search(spl, earliest = "-1h") {
  const { sid } = await post("search/jobs", {
    search: spl, earliest_time: earliest, latest_time: "now", auto_cancel: AUTO_CANCEL_S,
  });
  return finished(sid);
}

/** Starts a saved search and returns its job's sid. It goes on when the page is left. `args` are put in place of $name$ in the search;
    `earliest` and `latest` are in place of the search's own times. */
export async function dispatch(name, { args = {}, earliest, latest, trigger = false } = {}) {
  const form = { trigger_actions: trigger ? 1 : 0 };
  for (const [key, value] of Object.entries(args)) {
    if (!ARGUMENT.test(value)) {
      throw new Failure("argument", "You cannot look for quotation marks, pipes, brackets, backslashes and dollar signs here.");
    }
    form[`args.${key}`] = value;
  }
  if (earliest !== undefined) {
    form["dispatch.earliest_time"] = earliest;
  }
  if (latest !== undefined) {
    form["dispatch.latest_time"] = latest;
  }
  return (await post(path`saved/searches/${name}/dispatch`, form)).sid;
}

/** The result rows and messages of a search job, as soon as it is done: all of them, or `count` from `offset` on, of `total`.
    Throws a Failure if the search fails. */
export async function finished(sid, { offset = 0, count = 0 } = {}) {
  let job = await content(path`search/jobs/${sid}`);
  while (!isTrue(job.isDone) && !isTrue(job.isFailed)) {
    await pause(POLL_MS);
    job = await content(path`search/jobs/${sid}`);
  }
  const messages = job.messages.map(({ type, text }) => ({ type: type.toUpperCase(), text }));
  if (isTrue(job.isFailed)) {
    const errors = messages.filter(({ type }) => type === "ERROR" || type === "FATAL").map(({ text }) => text);
    throw toldBy(errors.length ? errors : ["The search failed; its job says no more."]);
  }
  const { results } = await get(path`search/v2/jobs/${sid}/results`, { offset, count });
  return { rows: results, messages, total: Number(job.resultCount) };
}

/** Ends a search job, and forgets what it found. */
export const cancel = (sid) => post(path`search/jobs/${sid}/control`, { action: "cancel" });
