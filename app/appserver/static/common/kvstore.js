/* Reads KV store records, a page at a time, and changes single records without losing anybody else's change.

     const letters = await records("segment_dead_letters", { sort: "last_time:-1", skip: 100 });
     await change("segment_dead_letters", letters[0], { status: "again" });

   KV store always replaces the whole record, and has no versions. So a change first reads the record again, and fails if it is not
   what the user saw. Source: Splunk REST API reference, "KV store endpoint descriptions". */

import { Failure } from "./failure.js";
import { get, path, postJson, remove } from "./splunkd.js";

export const PAGE = 100;

/** Returns at most `limit` records. `query` is a KV store query, such as {"status": "again"}; without `fields`, records have all
    their fields. */
export function records(collection, { query = {}, sort = "", fields = "", limit = PAGE, skip = 0 } = {}) {
  const options = { query: JSON.stringify(query), sort, fields, limit, skip };
  const given = Object.entries(options).filter(([, value]) => value !== "");
  return get(path`storage/collections/data/${collection}`, Object.fromEntries(given));
}

export const record = (collection, key) => get(path`storage/collections/data/${collection}/${key}`).catch((failure) => {
  throw failure.status === 404 ? new Failure("gone", "This no longer exists: it has been sent or removed meanwhile.", 404) : failure;
});

/** Changes a record, if its fields still are as in `seen`, and returns it as KV store then has it. */
export async function change(collection, seen, changes) {
  const now = await still(collection, seen);
  await postJson(path`storage/collections/data/${collection}/${seen._key}`, { ...now, ...changes });
  const written = await record(collection, seen._key);
  if (!isAs(written, changes)) {
    throw new Failure("changed", "Somebody else changed this at the same moment. Look at it again.");
  }
  return written;
}

export const add = (collection, fields) => postJson(path`storage/collections/data/${collection}`, fields);

/** Removes a record, if its fields still are as in `seen`. */
export async function drop(collection, seen) {
  await still(collection, seen);
  await remove(path`storage/collections/data/${collection}/${seen._key}`);
}

async function still(collection, seen) {
  const now = await record(collection, seen._key);
  if (!isAs(now, seen)) {
    throw new Failure("changed", "This has changed since the page showed it. Look at it again.");
  }
  return now;
}

const isAs = (whole, part) => Object.entries(part).every(([name, value]) => JSON.stringify(whole[name]) === JSON.stringify(value));
