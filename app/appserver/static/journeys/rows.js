/* Journeys as rows: read, tried, and written to the lookup segment_journeys.

     const rows = await all();
     const [{ problem, detail }] = await tried([row]);

   What is right is said in one place, the macro segment_bridge_checked_rows, which the job goes by, too: so rows are checked by a
   search before they are written. */

import { argument } from "../common/argument.js";
import { Failure } from "../common/failure.js";
import { change, drop, record, records } from "../common/kvstore.js";
import { search } from "../common/searches.js";
import { postJson, path } from "../common/splunkd.js";

const COLLECTION = "segment_journeys";
const FIELDS = ["journey", "api_group", "resource", "subresource", "verb", "event", "who", "properties", "aliases"];
/* Of the app's own journeys, the rest is the app's. */
const OF_BUILTIN = ["event", "properties", "aliases"];
const AT_ONCE = 25;

const PROBLEMS = {
  id: "The id may contain only lower-case letters, digits and hyphens.",
  journey: "It needs a name of at most 100 characters, without quotes, brackets, pipes, backslashes or dollar signs.",
  event_missing: "The event needs a name.",
  event: "The event's name may have 100 characters, without quotes, brackets, pipes, backslashes or dollar signs, and %verb% and "
    + "%subject% once each.",
  api_group: "Write the API group as in acme.io; separate several by blanks; pods and secrets are in core.",
  resource: "Write the resource in the plural and in lower case, as in the API's address: widgets.",
  subresource: "Write the subresource in lower case, as in the API's address: status.",
  verb: "The verbs may be create, update, patch, delete, deletecollection, get, list and watch.",
  who: "Say whose it is.",
  aliases: "A result's name may contain only letters, digits and underscores, and there may be at most ten names.",
  property: "Write each property on a line of its own: name = place.",
  property_type: "A property's type is string, number, boolean, json or digest.",
  property_place: "There is no such place. Places are objectRef.name and the like, label KEY, annotation KEY, responseObject.PATH, "
    + "requestObject.PATH, cluster, and text WORDS.",
  property_repeated: "Two properties have the same name.",
  properties_many: "There may be at most 50 properties.",
  repeated: "There is already a journey with this name, or for the same requests.",
};

/** What is wrong, in words. */
export const told = ({ problem, detail }) =>
  (PROBLEMS[problem] ?? `It is wrong (${problem}).`) + (detail ? ` Here: ${detail}` : "");

/** The name of the field that a problem is about. */
export const fieldOf = (problem) => ({ event_missing: "event", repeated: "journey", properties_many: "properties", id: "journey" }[problem]
  ?? (problem.startsWith("property") ? "properties" : problem));

/** All rows as the job understands them: those of the app's own, too. */
export const all = async () => (await search("| `segment_bridge_journey_rows(-)`")).rows.map(normal);

/** Rows as the job would understand them, in place of those that there are, with `problem` where one is wrong. */
export async function tried(rows) {
  const found = [];
  for (let at = 0; at < rows.length; at += AT_ONCE) {
    const { rows: checked } = await search(`| \`segment_bridge_journey_rows(${drafts(rows.slice(at, at + AT_ONCE))})\` | where is_draft=1`);
    found.push(...checked.map(normal));
  }
  return rows.map((row) => found.find(({ id }) => id === row.id) ?? { ...row, problem: "id" });
}

/** Messages of the row as they would be sent; of all rows where there is none. */
export const messages = async (row, earliest) =>
  (await search(`search \`segment_bridge_messages_of(${row ? drafts([row]) : "-"})\``, earliest)).rows;

/** The newest event that the row is about, as it was logged; undefined if there is none. */
export async function example(row, earliest) {
  const bare = { ...row, event: row.event || "-", properties: "", who: row.who || "owner" };
  const { rows } = await search(`search \`segment_bridge_example(${drafts([bare])})\``, earliest);
  return rows.length ? JSON.parse(rows[0].event) : undefined;
}

/** Writes a row that is right; refuses any other with a Failure that names the field. `by` is who does. */
export async function save(row, by) {
  const [checked] = await tried([row]);
  if (checked.problem) {
    throw new Failure(fieldOf(checked.problem), told(checked));
  }
  await write(checked, by);
}

export async function write(row, by) {
  const fields = Object.fromEntries((row.isBuiltin ? OF_BUILTIN : FIELDS).map((name) => [name, row[name] ?? ""]));
  for (const name of ["event", "aliases"]) {
    if (row.isBuiltin && fields[name] === (row[`builtin_${name}`] ?? "")) {
      fields[name] = ""; // as the app has it, also in a later version
    }
  }
  const made = { ...fields, enabled: row.enabled ? 1 : 0, updated: Math.floor(Date.now() / 1000), updated_by: by };
  const seen = await stored(row.id);
  if (seen) {
    await change(COLLECTION, seen, made);
  } else {
    await postJson(path`storage/collections/data/${COLLECTION}`, { _key: row.id, ...made });
  }
}

/** Removes what a site has of a journey: one of its own is gone, one of the app's is as the app has it. */
export async function takeBack(id) {
  const seen = await stored(id);
  if (seen) {
    await drop(COLLECTION, seen);
  }
}

/** The rows that the site has, as they are written down. */
export async function exported() {
  const found = [];
  for (let page; page === undefined || page.length; found.push(...page)) {
    page = await records(COLLECTION, { sort: "_key", skip: found.length });
  }
  return found.map(({ _key, _user, ...fields }) => ({ id: _key, ...fields }));
}

/** Small letters, digits and hyphens. */
export const idOf = (name) => name.toLowerCase().normalize("NFD").replace(/[^0-9a-z]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 100)
  || `journey-${Date.now()}`;

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
