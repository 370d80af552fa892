/* Files: down from the page, and up to it. */

import { element } from "../common/dom.js";

/** Has the browser save a text. */
export function download(name, type, text) {
  const href = URL.createObjectURL(new Blob([text], { type }));
  const link = element("a", { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

export const FORMAT = "segment_bridge journeys 1";

/** Rows as one file, the same for the same rows: for version control. */
export const written = (rows) => `${JSON.stringify({ format: FORMAT, journeys: rows.map(({ updated, updated_by, ...row }) => row) }, null, 2)}\n`;

/** The rows of such a file. Throws an Error that says what is wrong with it. */
export function read(text) {
  let whole;
  try {
    whole = JSON.parse(text);
  } catch (error) {
    throw new Error(`This file is not valid JSON: ${error.message}`, { cause: error });
  }
  if (whole?.format !== FORMAT || !Array.isArray(whole.journeys)) {
    throw new Error(`This is not a file of journeys: it lacks "format": "${FORMAT}". Export makes one.`);
  }
  const rows = whole.journeys.filter((row) => row && typeof row === "object" && typeof row.id === "string");
  if (rows.length !== whole.journeys.length || new Set(rows.map(({ id }) => id)).size !== rows.length) {
    throw new Error("Each journey in the file needs an id of its own.");
  }
  return rows.map((row) => ({
    ...Object.fromEntries(Object.entries(row).map(([name, value]) => [name, typeof value === "string" ? value : String(value ?? "")])),
    enabled: ["1", "true"].includes(String(row.enabled)),
  }));
}
