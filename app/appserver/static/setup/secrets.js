/* The password store. This page writes secrets into it, but reads only their names.

   A secret of more than 255 characters is stored in pieces under NAME, NAME#2, NAME#3, ..., as
   bin/segment_bridge/splunk/passwords.py reads it. Source: Splunk REST API reference, "storage/passwords". */

import { get, path, post, remove } from "../common/splunkd.js";

const REALM = "segment_bridge";
const PIECE_CHARS = 255;

/** The usernames of the app's secrets, each with its entry's name. The secrets themselves do not leave splunkd. */
async function entries() {
  const { entry } = await get("storage/passwords", { count: 0, f: ["realm", "username"] });
  const own = entry.filter(({ content }) => content.realm === REALM);
  return new Map(own.map(({ name, content }) => [content.username, name]));
}

/** The names of all the app's secrets. */
export async function saved() {
  return new Set((await entries()).keys());
}

/** Saves a secret, or replaces it; "" removes it. */
export async function save(name, secret) {
  const known = await entries();
  const pieces = secret.trim().match(new RegExp(`.{1,${PIECE_CHARS}}`, "gsu")) ?? [];
  for (const [index, password] of pieces.entries()) {
    const user = pieceName(name, index);
    await (known.has(user)
      ? post(path`storage/passwords/${known.get(user)}`, { password })
      : post("storage/passwords", { name: user, realm: REALM, password }));
  }
  for (let index = pieces.length; known.has(pieceName(name, index)); index += 1) {
    await remove(path`storage/passwords/${known.get(pieceName(name, index))}`);
  }
}

export const forget = (name) => save(name, "");

const pieceName = (name, index) => (index ? `${name}#${index + 1}` : name);
