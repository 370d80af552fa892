/* Elements. Texts become text nodes and attributes, never markup.

     element("p", { class: "sb-about" }, "Read ", code(name), " or ", helpLink("Help", "operations", "backfill"), "."); */

/** element("button", { type: "button", click: handler }, "Save"): functions are listeners, true is an attribute without
    a value, false and undefined are none. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      made.addEventListener(name, value);
    } else if (value !== false && value !== undefined) {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

export const button = (text, click, kind = "secondary") =>
  element("button", { type: "button", class: `sb-button sb-${kind}`, click }, text);

export const code = (text) => element("code", {}, text);

/** A link to a heading of a page of Help, in a tab of its own: the page by itself, as the view "help" leads here until the
    app is set up. */
export const helpLink = (text, page, heading) => {
  const href = new URL(`../help/${page}.html#${heading}`, import.meta.url);
  return element("a", { href, target: "_blank", rel: "noopener" }, text);
};

/** How long ago that was, in epoch seconds; the moment itself is its title. */
export function ago(time) {
  const moment = new Date(time * 1000);
  const seconds = (moment - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  const text = new Intl.RelativeTimeFormat("en").format(Math.round(seconds / size), unit);
  return element("time", { datetime: moment.toISOString(), title: moment.toLocaleString() }, text);
}

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

export const details = (summary, ...children) =>
  element("details", { class: "sb-details" }, element("summary", {}, ...[summary].flat()), ...children);

/** Rows as a table. `columns` are field -> heading, or field -> { heading, cell, isName }: `cell(row)` is what to show, a text or
    an element, and a name is the row's own heading. Where there is no room, each cell has a line. The caption can be for screen readers alone. */
export function table(rows, columns, caption, isCaptionSeen = true) {
  const made = Object.entries(columns).map(([field, column]) => ({
    cell: (row) => row[field], ...(typeof column === "string" ? { heading: column } : column),
  }));
  const shown = ({ heading, cell, isName }, row) => (isName
    ? element("th", { scope: "row" }, cell(row) ?? "")
    : element("td", { "data-heading": heading }, cell(row) ?? ""));
  return element(
    "table",
    { class: "sb-table" },
    element("caption", { class: isCaptionSeen ? undefined : "sb-unseen" }, caption),
    element("thead", {}, element("tr", {}, ...made.map(({ heading }) => element("th", { scope: "col" }, heading)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...made.map((column) => shown(column, row))))),
  );
}
