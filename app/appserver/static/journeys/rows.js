/* Journeys as rows: reads and checks them, and writes them to the lookup segment_journeys.

     const rows = await all();
     const [{ problem, detail }] = await tried([row]);

   Only the macro segment_bridge_checked_rows decides whether a row is valid, for the job and for this page. So a search checks rows
   before they are written. */

import { argument } from "../common/argument.js";
import { Failure } from "../common/failure.js";
import { change, drop, record, records } from "../common/kvstore.js";
import { search } from "../common/searches.js";
import { postJson, path } from "../common/splunkd.js";

const COLLECTION = "segment_journeys";
const FIELDS = ["journey", "api_group", "resource", "subresource", "verb", "event", "who", "properties", "aliases"];
/* The fields of the app's own journeys that a site may change. */
const OF_BUILTIN = ["event", "properties", "aliases"];
const AT_ONCE = 25;

const PROBLEMS = {
  id: "The id may contain only lower-case letters, digits and hyphens.",
  journey: "It needs a name of at most 100 characters, without quotes, brackets, pipes, backslashes or dollar signs.",
  event_missing: "The event needs a name.",
  event: "The event's name may have 100 characters, without quotes, brackets, pipes, backslashes or dollar signs, and contain %verb% "
    + "and %subject% once each.",
  api_group: "Write the API group like acme.io, and separate several with blanks. Pods and secrets are in core.",
  resource: "Write the resource in the plural and in lower case, as in the API's address: widgets.",
  subresource: "Write the subresource in lower case, as in the API's address: status.",
  verb: "Use only the verbs create, update, patch, delete, deletecollection, get, list and watch.",
  who: "Choose whose the journey is.",
  aliases: "A result's name may contain only letters, digits and underscores, and there may be at most ten names.",
  property: "Write each property on a line of its own: name = place.",
  property_type: "A property's type is string, number, boolean, json or digest.",
  property_place: "There is no such place. Use objectRef.name and the like, label KEY, annotation KEY, responseObject.PATH, "
    + "requestObject.PATH, cluster, or text WORDS.",
  property_repeated: "Two properties have the same name.",
  properties_many: "There may be at most 50 properties.",
  repeated: "There is already a journey with this name, or for the same requests.",
};

/** What is wrong, in words. */
export const told = ({ problem, detail }) =>
  (PROBLEMS[problem] ?? `It is not valid (${problem}).`) + (detail ? ` Here: ${detail}` : "");

/** The name of the field that a problem concerns. */
export const fieldOf = (problem) => ({ event_missing: "event", repeated: "journey", properties_many: "properties", id: "journey" }[problem]
  ?? (problem.startsWith("property") ? "properties" : problem));

/** All rows as the job understands them, including the app's own. */
export const all = async () => (await search("| `segment_bridge_journey_rows(-)`")).rows.map(normal);

/** Returns these rows as the job would understand them if they replaced the saved ones, with the `problem` of each that is not valid. */
export async function tried(rows) {
  const found = [];
  for (let at = 0; at < rows.length; at += AT_ONCE) {
    const { rows: checked } = await search(`| \`segment_bridge_journey_rows(${drafts(rows.slice(at, at + AT_ONCE))})\` | where is_draft=1`);
    found.push(...checked.map(normal));
  }
  return rows.map((row) => found.find(({ id }) => id === row.id) ?? { ...row, problem: "id" });
}

/** The messages that would be sent for this row, or for all rows if there is none. */
export const messages = async (row, earliest) =>
  (await search(`search \`segment_bridge_messages_of(${row ? drafts([row]) : "-"})\``, earliest)).rows;

/** The newest audit event that matches the row, or undefined. */
export async function example(row, earliest) {
  const bare = { ...row, event: row.event || "-", properties: "", who: row.who || "owner" };
  const { rows } = await search(`search \`segment_bridge_example(${drafts([bare])})\``, earliest);
  return rows.length ? JSON.parse(rows[0].event) : undefined;
}

/** Writes a valid row; for any other, throws a Failure that names the field. `by` is the user. A new row replaces no other. */
export async function save(row, by, isNew = false) {
  const [checked] = await tried([row]);
  if (isNew && !checked.problem && (checked.isBuiltin || await stored(row.id))) {
    throw new Failure("journey", told({ problem: "repeated" }));
  }
  if (checked.problem) {
    throw new Failure(fieldOf(checked.problem), told(checked));
  }
  await write({ ...checked, updated: row.updated }, by);
}

/** Writes a row. Unless it comes from a file (`isImport`), it must still be what the list showed. */
export async function write(row, by, isImport = false) {
  const fields = Object.fromEntries((row.isBuiltin ? OF_BUILTIN : FIELDS).map((name) => [name, row[name] ?? ""]));
  for (const name of ["event", "aliases"]) {
    if (row.isBuiltin && fields[name] === (row[`builtin_${name}`] ?? "")) {
      fields[name] = ""; // follows the app's own value, even in later versions
    }
  }
  const made = { ...fields, enabled: row.enabled ? 1 : 0, updated: Math.floor(Date.now() / 1000), updated_by: by };
  const seen = await (isImport ? stored(row.id) : asShown(row));
  if (seen) {
    await change(COLLECTION, seen, made);
  } else {
    await postJson(path`storage/collections/data/${COLLECTION}`, { _key: row.id, ...made });
  }
}

/** Removes the site's row: this removes one of its own journeys, and resets one of the app's. */
export async function takeBack(row) {
  const seen = await asShown(row);
  if (seen) {
    await drop(COLLECTION, seen);
  }
}

/** The site's own rows, as they are stored. */
export async function exported() {
  const found = [];
  for (let page; page === undefined || page.length; found.push(...page)) {
    page = await records(COLLECTION, { sort: "_key", skip: found.length });
  }
  return found.map(({ _key, _user, ...fields }) => ({ id: _key, ...fields }));
}

/** Makes an id of lower-case letters, digits and hyphens. */
export const idOf = (name) => name.toLowerCase().normalize("NFD").replace(/[^0-9a-z]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 100)
  || `journey-${Date.now()}`;

/** The stored row, or undefined, if it is still the one that the list showed. */
async function asShown({ id, updated }) {
  const seen = await stored(id);
  if (String(seen?.updated ?? "") !== String(updated ?? "")) {
    throw new Failure("changed", "This journey has changed since the page showed it. Reload the page, and look at it again.");
  }
  return seen;
}

async function stored(id) {
  try {
    return await record(COLLECTION, id);
  } catch (failure) {
    if (failure.status === 404) {
      return undefined;
    }
    throw failure;
  }
}

const normal = (row) => ({ ...row, enabled: row.enabled === "1", isBuiltin: row.is_builtin === "1" });

const drafts = (rows) => argument(JSON.stringify(rows.map((row) => ({
  ...Object.fromEntries(FIELDS.map((name) => [name, row[name] ?? ""])), id: row.id, enabled: row.enabled ? "1" : "0",
}))));
