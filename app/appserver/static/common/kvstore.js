/* Records of KV store, a page at a time, and changes of one that nobody else's change gets lost by.

     const letters = await records("segment_dead_letters", { sort: "last_time:-1", skip: 100 });
     await change("segment_dead_letters", letters[0], { status: "again" });

   KV store replaces a whole record, and knows no versions: a change reads the record once more, and is refused where it is no longer what
   its reader saw. Source: Splunk REST API reference, "KV store endpoint descriptions". */

import { Failure } from "./failure.js";
import { get, path, postJson, remove } from "./splunkd.js";

export const PAGE = 100;

/** At most `limit` records; `query` as KV store has it, {"status": "again"} say; of `fields` all, if there are none. */
export function records(collection, { query = {}, sort = "", fields = "", limit = PAGE, skip = 0 } = {}) {
  const options = { query: JSON.stringify(query), sort, fields, limit, skip };
  const given = Object.entries(options).filter(([, value]) => value !== "");
  return get(path`storage/collections/data/${collection}`, Object.fromEntries(given));
}

export const record = (collection, key) => get(path`storage/collections/data/${collection}/${key}`);

/** Writes a record with `changes`, where its fields still are as in `seen`, and returns it as KV store has it then. */
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

/** Removes a record, where its fields still are as in `seen`. */
export async function drop(collection, seen) {
  await still(collection, seen);
  await remove(path`storage/collections/data/${collection}/${seen._key}`);
}

async function still(collection, seen) {
  const now = await record(collection, seen._key).catch((failure) => {
    throw failure.status === 404 ? new Failure("gone", "This is no longer there: it was sent or removed meanwhile.", 404) : failure;
  });
  if (!isAs(now, seen)) {
    throw new Failure("changed", "This has changed since it was shown. Look at it again.");
  }
  return now;
}

const isAs = (whole, part) => Object.entries(part).every(([name, value]) => JSON.stringify(whole[name]) === JSON.stringify(value));
