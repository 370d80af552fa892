/* splunkd's REST API as Splunk Web passes it on, in the app's namespace; the only module that makes requests.

     const { capabilities } = await content("authentication/current-context");
     await post(path`saved/searches/${name}`, { is_scheduled: 1 });

   What goes wrong is a Failure, whose message can be shown as it is.

   Sources: Splunk REST API reference; REST API User Manual, "Namespace"; web.conf.spec, [expose:...]. Splunk Web takes a
   change only with the form key of its session in a header, which a page of another origin cannot know. */

import { Failure, toldBy } from "./failure.js";

const APP = "segment_bridge";

/** Splunk Web says where it has splunkd. Else: behind the locale, and a root_endpoint if there is one. */
const SPLUNKD = window.$C?.SPLUNKD_PATH
  ?? `${location.pathname.replace(/\/app\/segment_bridge(\/.*)?$/, "")}/splunkd/__raw`;

/** A path whose parts are encoded: path`saved/searches/${name}`. */
export function path(texts, ...parts) {
  return String.raw({ raw: texts }, ...parts.map(encodeURIComponent));
}

export const get = (where, query = {}) => request("GET", where, query);
export const post = (where, form = {}) => request("POST", where, form);
/** For what takes JSON in place of a form: KV store. */
export const postJson = (where, value) => request("POST", where, {}, value);
export const remove = (where, query = {}) => request("DELETE", where, query);

/** The only entry of an answer: its settings. */
export async function content(where, query = {}) {
  return (await get(where, query)).entry[0].content;
}

/** splunkd writes booleans as JSON has them, or as .conf files have them. */
export const isTrue = (value) => ["1", "true", "t", "yes", "y", "on", "enabled"].includes(String(value).toLowerCase());

export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function request(method, where, parameters, json) {
  const form = new URLSearchParams({ output_mode: "json" });
  for (const [name, value] of Object.entries(parameters)) {
    [value].flat().forEach((each) => form.append(name, each));
  }
  const isForm = method === "POST" && json === undefined;
  const url = `${SPLUNKD}/servicesNS/nobody/${APP}/${where}${isForm ? "" : `?${form}`}`;
  let answer;
  try {
    answer = await fetch(url, {
      method,
      body: isForm ? form : json === undefined ? undefined : JSON.stringify(json),
      headers: {
        "X-Requested-With": "XMLHttpRequest", "X-Splunk-Form-Key": formKey(),
        ...(json === undefined ? {} : { "Content-Type": "application/json" }),
      },
    });
  } catch {
    throw new Failure("unreachable", "Splunk Web cannot be reached; or your session has ended, and it led to another page to "
      + "log in. Log in again, and open this page once more.");
  }
  const told = parsed(await answer.text());
  if (answer.ok && told !== undefined) {
    return told;
  }
  throw refusal(answer, where, told);
}

/** What an answer says, as JSON; null if that is nothing, undefined if it is something else: not splunkd's. */
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
  if (status === 401 || ok) {
    return new Failure("ended", "Your session has ended. Log in again, and open this page once more.", status);
  }
  if (told === undefined && (status === 404 || status === 405)) {
    return new Failure("not_exposed", `Splunk Web does not pass on ${where} (status ${status}). Has Splunk been restarted since `
      + "the app was installed? Otherwise some web.conf takes away what the app's own exposes.", status);
  }
  const said = told?.messages?.map(({ text }) => text) ?? [`Splunk answered with status ${status}.`];
  if (status === 403) {
    return new Failure("forbidden", `Splunk refuses this to you. ${needed(where)} ${said.join(" ")}`, status);
  }
  if (status === 503 && where.startsWith("storage/collections/")) {
    return new Failure("kvstore", "KV store is not ready yet: it starts some minutes after Splunk. Try again then.", status);
  }
  return toldBy(said, status);
}

function needed(where) {
  if (where.startsWith("data/inputs/")) {
    return "It takes the capability edit_modinput_usersignups.";
  }
  return where.startsWith("storage/passwords")
    ? "It takes the capabilities list_storage_passwords and edit_storage_passwords."
    : "It takes the role admin (in Splunk Cloud: sc_admin), or write permission for the app.";
}
