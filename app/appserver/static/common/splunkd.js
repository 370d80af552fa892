/* splunkd's REST API in the app's namespace, through Splunk Web. Only this module makes requests to it.

     const { capabilities } = await content("authentication/current-context");
     await post(path`saved/searches/${name}`, { is_scheduled: 1 });

   These functions throw a Failure, whose message can be shown to the user.

   Splunk Web accepts a change only with the session's form key in a header. A page of another origin cannot know that key.

   Sources: Splunk REST API reference; REST API User Manual, "Namespace"; web.conf.spec, [expose:...]. */

import { Failure, toldBy } from "./failure.js";

const APP = "segment_bridge";

/** Splunk Web usually says under which path it passes on splunkd. If not, the path follows the locale (and a root_endpoint). */
const SPLUNKD = window.$C?.SPLUNKD_PATH
  ?? `${location.pathname.replace(/\/app\/segment_bridge(\/.*)?$/, "")}/splunkd/__raw`;

/** Builds a path, and encodes its parts: path`saved/searches/${name}`. */
export function path(texts, ...parts) {
  return String.raw({ raw: texts }, ...parts.map(encodeURIComponent));
}

export const get = (where, query = {}) => request("GET", where, query);
export const post = (where, form = {}) => request("POST", where, form);
/** For KV store, which takes JSON instead of a form. */
export const postJson = (where, value) => request("POST", where, {}, value);
export const remove = (where, query = {}) => request("DELETE", where, query);

/** The settings in an answer that has a single entry. */
export async function content(where, query = {}) {
  return (await get(where, query)).entry[0].content;
}

/** splunkd writes some booleans as in JSON, others as in .conf files. */
export const isTrue = (value) => ["1", "true", "t", "yes", "y", "on", "enabled"].includes(String(value).toLowerCase());

/** Splunk Web itself gives up after 30 s by default (web.conf, splunkdConnectionTimeout). A lost connection may never end. */
const PATIENCE_MS = 120_000;

export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function request(method, where, parameters, json) {
  const form = new URLSearchParams({ output_mode: "json" });
  for (const [name, value] of Object.entries(parameters)) {
    [value].flat().forEach((each) => form.append(name, each));
  }
  const isForm = method === "POST" && json === undefined;
  const url = `${SPLUNKD}/servicesNS/nobody/${APP}/${where}${isForm ? "" : `?${form}`}`;
  let answer;
  let text;
  try {
    answer = await fetch(url, {
      method,
      signal: AbortSignal.timeout(PATIENCE_MS),
      body: isForm ? form : json === undefined ? undefined : JSON.stringify(json),
      headers: {
        "X-Requested-With": "XMLHttpRequest", "X-Splunk-Form-Key": formKey(),
        ...(json === undefined ? {} : { "Content-Type": "application/json" }),
      },
    });
    text = await answer.text();
  } catch (error) {
    throw error.name === "TimeoutError"
      ? new Failure("slow", `Splunk has not answered within ${PATIENCE_MS / 1000} s. Reload this page, and look whether it did what you asked for.`)
      : new Failure("unreachable", "Cannot reach Splunk Web. Perhaps your session has ended: log in again, and reopen this page.");
  }
  const told = parsed(text);
  if (!answer.ok || told === undefined || (method === "POST" && errors(told).length)) {
    throw refusal(answer, where, told);
  }
  return told;
}

const errors = (told) => (told?.messages ?? []).filter(({ type }) => ["ERROR", "FATAL"].includes(type));

/** Parses an answer as JSON. Returns null for an empty one, and undefined for one that is not JSON, so not splunkd's. */
function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return undefined;
  }
}

function formKey() {
  const name = `splunkweb_csrf_token_${window.$C?.MRSPARKLE_PORT_NUMBER ?? location.port}=`;
  const cookie = document.cookie.split("; ").find((each) => each.startsWith(name)) ?? name;
  return decodeURIComponent(cookie.slice(name.length));
}

function refusal({ status, ok }, where, told) {
  if (status === 401 || (ok && told === undefined)) {
    return new Failure("ended", "Your session has ended. Log in again, and reopen this page.", status);
  }
  if (told === undefined && (status === 404 || status === 405)) {
    return new Failure("not_exposed", `Splunk Web does not pass on ${where} (status ${status}). If Splunk has not been restarted since `
      + "the app was installed, restart it. Otherwise, some other web.conf overrides what the app's web.conf exposes.", status);
  }
  const texts = (told?.messages ?? []).map(({ text }) => text);
  const said = texts.length ? texts : [`Splunk answered with status ${status}.`];
  if (status === 403) {
    return new Failure("forbidden", `Splunk does not permit this to you. ${needed(where)} ${said.join(" ")}`, status);
  }
  if (status === 404 && where.startsWith("search/")) {
    return new Failure("expired", "Splunk has cancelled this search, or no longer keeps its results. Run it again.", status);
  }
  if (status >= 500 && !texts.length) {
    return new Failure("away", `${said} It may be starting: try again in a minute. If that does not help, ask whoever runs this Splunk.`, status);
  }
  if (status === 503 && where.startsWith("storage/collections/")) {
    return new Failure("kvstore", "KV store is not ready yet. It starts some minutes after Splunk; try again then.", status);
  }
  return toldBy(said, status);
}

function needed(where) {
  if (where.startsWith("data/inputs/")) {
    return "It requires the capability edit_modinput_usersignups.";
  }
  if (where.startsWith("storage/collections/data/segment_journeys")) {
    return "It requires the role segment_bridge_analyst or admin (in Splunk Cloud: sc_admin).";
  }
  if (where === "segment_bridge/check") {
    return "It requires the capability list_storage_passwords.";
  }
  return where.startsWith("storage/passwords")
    ? "It requires the capabilities list_storage_passwords and edit_storage_passwords."
    : "It requires the role admin (in Splunk Cloud: sc_admin), or write permission for the app.";
}
