/* Runs searches and reads their results.

     const { rows, messages } = await finished(await dispatch("Segment Bridge - One event", { args: { id } }));

   A page runs saved searches by name. The SPL of `search` is a constant of a module. It may contain what somebody typed only as an
   argument of a macro, and encoded by `argument` of argument.js. */

import { Failure, toldBy } from "./failure.js";
import { content, get, isTrue, path, pause, post } from "./splunkd.js";

const PREFIX = "Segment Bridge - ";
export const JOB = "Segment Bridge - Send user journeys";
const POLL_MS = 500;
/* Splunk cancels a job after nobody has asked for it for this long, because the page was closed. Browsers let the page of a
   background tab ask only once a minute. */
const AUTO_CANCEL_S = 180;
/* Splunk inserts arguments into the search unchanged, so this refuses characters that could end a quoted value or begin a macro. */
const ARGUMENT = /^[^"'`|[\]\\$\n]*$/;

/** The names and settings of the searches that ship with the app. Throws a Failure if the user may see none. (splunkd's own filter, `search`, is not documented.) */
export async function savedSearches() {
  const { entry } = await get("saved/searches", { count: 0 });
  const own = entry.filter(({ name, acl }) => acl.app === "segment_bridge" && name.startsWith(PREFIX));
  if (!own.length) {
    throw new Failure("forbidden", "Splunk does not show you the app's searches. That requires the role admin (in Splunk Cloud: sc_admin).");
  }
  return own.map(({ name, content: settings }) => ({ ...settings, name }));
}

/** Those that have a schedule, even if it is off. */
export const scheduled = async () => (await savedSearches()).filter((each) => each.cron_schedule);

export const setScheduled = (name, isScheduled) => post(path`saved/searches/${name}`, { is_scheduled: isScheduled ? 1 : 0 });

/** Runs a search, and returns its result rows and messages. Throws a Failure if it fails. */
export async function search(spl, earliest = "-1h") {
  const { sid } = await post("search/jobs", {
    search: spl, earliest_time: earliest, latest_time: "now", auto_cancel: AUTO_CANCEL_S,
  });
  return finished(sid);
}

/** Starts a saved search and returns its job's sid. The job continues if the page is closed. `args` replace $name$ in the search;
    `earliest` and `latest` replace the search's own times. */
export async function dispatch(name, { args = {}, earliest, latest, trigger = false } = {}) {
  const form = { trigger_actions: trigger ? 1 : 0 };
  for (const [key, value] of Object.entries(args)) {
    if (!ARGUMENT.test(value)) {
      throw new Failure("argument", "You cannot search for quotation marks, pipes, brackets, backslashes or dollar signs here.");
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

/** Waits for a search job, and returns its messages and its result rows: all, or `count` rows from `offset` on, and their `total`
    number. Throws a Failure if the search fails, or finds nothing because of errors. `errors` are the texts of those in spite of which
    it found something, but perhaps not all: a subsearch failed, or a search peer. */
export async function finished(sid, { offset = 0, count = 0 } = {}) {
  let job = await content(path`search/jobs/${sid}`);
  while (!["isDone", "isFailed", "isZombie"].some((end) => isTrue(job[end]))) {
    await pause(POLL_MS);
    job = await content(path`search/jobs/${sid}`);
  }
  const messages = job.messages.map(({ type, text }) => ({ type: type.toUpperCase(), text }));
  const errors = messages.filter(({ type }) => type === "ERROR" || type === "FATAL").map(({ text }) => text);
  const total = Number(job.resultCount);
  if (!isTrue(job.isDone) || isTrue(job.isFailed) || (errors.length && !total)) {
    throw toldBy(errors.length ? errors : ["The search failed without an error message. Run it again."]);
  }
  const { results } = await get(path`search/v2/jobs/${sid}/results`, { offset, count });
  return { rows: results, messages, errors, total };
}
