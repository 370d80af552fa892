/* Creates elements. Texts become text nodes and attributes, never markup.

     element("p", { class: "sb-about" }, "Read ", code(name), " or ", helpLink("Help", "operations", "backfill"), "."); */

/** element("button", { type: "button", click: handler }, "Save"). A function becomes a listener, true an attribute without a
    value; false and undefined are left out. */
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

/** A link to a heading of a Help page, in a new tab. It opens the page itself, because the view "help" redirects to the setup
    page until the app is set up. */
export const helpLink = (text, page, heading) => {
  const href = new URL(`../help/${page}.html#${heading}`, import.meta.url);
  return element("a", { href, target: "_blank", rel: "noopener" }, text);
};

/** Shows how long ago `time` (epoch seconds) was; the tooltip shows the moment itself. */
export function ago(time) {
  if (!Number.isFinite(Number(time ?? NaN))) {
    return "at an unknown time";
  }
  const moment = new Date(time * 1000);
  const seconds = (moment - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  const text = new Intl.RelativeTimeFormat("en").format(Math.round(seconds / size), unit);
  return element("time", { datetime: moment.toISOString(), title: moment.toLocaleString() }, text);
}

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

export const details = (summary, ...children) =>
  element("details", { class: "sb-details" }, element("summary", {}, ...[summary].flat()), ...children);

/** Shows rows as a table. `columns` are field -> heading, or field -> { heading, cell, isName }: `cell(row)` returns what to show,
    a text or an element; a column with `isName` becomes the row's heading. On a narrow screen, each cell gets a line of its own.
    With `isCaptionSeen` false, the caption is for screen readers only. */
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
