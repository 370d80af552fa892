/* splunkd's REST API as Splunk Web passes it on, in the app's namespace.

   Sources: Splunk REST API reference; REST API User Manual, "Namespace". Splunk Web takes a change only with the form
   key of its session in a header, which a page of another origin cannot know. */

const APP = "segment_bridge";
const POLL_MS = 500;

/** What Splunk Web has before /app/: the locale, and a root_endpoint if there is one. */
export const ROOT = location.pathname.split("/app/")[0];

/** An answer other than 2xx. `status` is 0 where there was none. */
export class SplunkdError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/** A search that failed; the text is what its job says of it. */
export class SearchError extends Error {}

/** A path whose parts are encoded: path`saved/searches/${name}`. */
export function path(texts, ...parts) {
  return String.raw({ raw: texts }, ...parts.map(encodeURIComponent));
}

export const get = (where, query = {}) => request("GET", where, query);
export const post = (where, form = {}) => request("POST", where, form);
export const remove = (where, query = {}) => request("DELETE", where, query);

/** The only entry of an answer: its settings. */
export async function content(where, query = {}) {
  return (await get(where, query)).entry[0].content;
}

/** A search's result rows and messages. `spl` is never put together from what somebody typed.
    Throws SearchError if it fails. */
export async function search(spl, earliest = "-1h") {
  const { sid } = await post("search/jobs", { search: spl, earliest_time: earliest, latest_time: "now" });
  return finished(sid);
}

/** The result rows and messages of a search job, as soon as it is done. Throws SearchError if it fails. */
export async function finished(sid) {
  let job = await content(path`search/jobs/${sid}`);
  while (!isTrue(job.isDone) && !isTrue(job.isFailed)) {
    await pause(POLL_MS);
    job = await content(path`search/jobs/${sid}`);
  }
  const messages = job.messages.map(({ type, text }) => ({ type: type.toUpperCase(), text }));
  if (isTrue(job.isFailed)) {
    const errors = messages.filter(({ type }) => type === "ERROR" || type === "FATAL").map(({ text }) => text);
    throw new SearchError(errors.join(" ") || "The search failed; its job says no more.");
  }
  const { results } = await get(path`search/v2/jobs/${sid}/results`, { count: 0 });
  return { rows: results, messages };
}

/** splunkd writes booleans as JSON has them, or as .conf files have them. */
export const isTrue = (value) => ["1", "true", "t", "yes", "y", "on", "enabled"].includes(String(value).toLowerCase());

export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function request(method, where, parameters) {
  const form = new URLSearchParams({ output_mode: "json" });
  for (const [name, value] of Object.entries(parameters)) {
    [value].flat().forEach((each) => form.append(name, each));
  }
  const isForm = method === "POST";
  const url = `${ROOT}/splunkd/__raw/servicesNS/nobody/${APP}/${where}${isForm ? "" : `?${form}`}`;
  let answer;
  try {
    answer = await fetch(url, {
      method,
      body: isForm ? form : undefined,
      headers: { "X-Requested-With": "XMLHttpRequest", "X-Splunk-Form-Key": formKey() },
    });
  } catch {
    throw new SplunkdError(0, "Splunk Web cannot be reached. Is the network up, and Splunk running?");
  }
  const text = await answer.text();
  if (!answer.ok) {
    throw new SplunkdError(answer.status, reason(answer.status, text));
  }
  return text ? JSON.parse(text) : null;
}

function formKey() {
  const name = `splunkweb_csrf_token_${window.$C?.MRSPARKLE_PORT_NUMBER ?? location.port}=`;
  const cookie = document.cookie.split("; ").find((each) => each.startsWith(name)) ?? name;
  return decodeURIComponent(cookie.slice(name.length));
}

function reason(status, text) {
  if (status === 401) {
    return "Your session has ended. Log in again, and open this page once more.";
  }
  let said;
  try {
    said = JSON.parse(text).messages.map((message) => message.text).join(" ");
  } catch {
    said = `Splunk answered with status ${status}.`;
  }
  return status === 403 ? `This needs the rights of an administrator of Splunk. ${said}` : said;
}
