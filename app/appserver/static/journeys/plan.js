/* Creates a tracking plan of what is sent: for Segment Protocols, and as a table.

   Source: Segment Public API, "Replace Rules in Tracking Plan": rules of type TRACK, with the event's name as their key and a JSON
   Schema of its properties. */

const MOST_EXAMPLES = 3;

/** Collects [{ journey, event, count, properties: { name: { types, examples, count } } }] from messages that would be sent. */
export function planned(messages) {
  const events = new Map();
  for (const { journey, segment_payload: payload } of messages.filter(({ segment_payload: each }) => each)) {
    const { event, properties = {} } = JSON.parse(payload);
    const one = events.get(event) ?? { journey, event, count: 0, properties: {} };
    events.set(event, one);
    one.count += 1;
    for (const [name, value] of Object.entries(properties)) {
      const property = one.properties[name] ??= { types: new Set(), examples: [], count: 0 };
      property.types.add(typeOf(value));
      property.count += 1;
      const text = typeof value === "string" ? value : JSON.stringify(value);
      if (property.examples.length < MOST_EXAMPLES && !property.examples.includes(text)) {
        property.examples.push(text);
      }
    }
  }
  return [...events.values()].sort((one, other) => one.event.localeCompare(other.event));
}

const typeOf = (value) => (Array.isArray(value) ? "array" : value === null ? "null" : typeof value);

export const asJson = (events) => JSON.stringify({ rules: events.map((event) => ({
  type: "TRACK",
  key: event.event,
  version: 1,
  jsonSchema: {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: event.event,
    description: event.journey,
    type: "object",
    properties: { properties: {
      type: "object",
      properties: Object.fromEntries(Object.entries(event.properties).map(([name, { types, examples }]) => [
        name, { type: [...types], examples },
      ])),
      required: Object.entries(event.properties).filter(([, { count }]) => count === event.count).map(([name]) => name),
    } },
  },
})) }, null, 2);

/** One line for each property. An apostrophe precedes a cell that a spreadsheet would take for a formula. */
export const asCsv = (events) => [
  ["event", "journey", "property", "type", "always", "examples"],
  ...events.flatMap((event) => Object.entries(event.properties).map(([name, { types, examples, count }]) => [
    event.event, event.journey, name, [...types].join(" or "), count === event.count ? "yes" : "no", examples.join(" | "),
  ])),
].map((cells) => cells.map(cell).join(",")).join("\r\n");

const cell = (text) => `"${text.replace(/^(?=[=+@-])/, "'").replace(/"/g, '""')}"`;
