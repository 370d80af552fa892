/* Files of journeys: what the page exports and imports. */

export const FORMAT = "segment_bridge journeys 1";

/** Writes rows as one file. The same rows give the same file, for version control. */
export const written = (rows) => `${JSON.stringify({ format: FORMAT, journeys: rows.map(({ updated, updated_by, ...row }) => row) }, null, 2)}\n`;

/** Reads the rows of such a file. Throws an Error that says what is wrong with it. */
export function read(text) {
  let whole;
  try {
    whole = JSON.parse(text);
  } catch (error) {
    throw new Error(`This file is not valid JSON: ${error.message}`, { cause: error });
  }
  if (whole?.format !== FORMAT || !Array.isArray(whole.journeys)) {
    throw new Error(`This is not a file of journeys: it lacks "format": "${FORMAT}". Export creates such a file.`);
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
