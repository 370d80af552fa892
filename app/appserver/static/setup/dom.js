/* Elements, and what becomes of an action. Texts become text nodes and attributes, never markup. */

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

export const details = (summary, ...children) =>
  element("details", { class: "sb-details" }, element("summary", {}, summary), ...children);

/** Rows of a search as a table; `columns` are field -> heading. */
export function table(rows, columns, caption) {
  return element(
    "table",
    { class: "sb-table" },
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...Object.values(columns).map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...Object.entries(columns).map(([key, heading]) =>
      element("td", { "data-heading": heading }, row[key] ?? ""))))),
  );
}

/** A place for what is going on and what came of it, which screen readers read out. */
export class Report {
  constructor() {
    this.element = element("div", { class: "sb-report", role: "status", "aria-live": "polite" });
  }

  /** `kind` is busy, good, warning or bad. */
  say(kind, ...children) {
    this.element.replaceChildren(element("div", { class: `sb-note sb-${kind}` }, ...children));
  }

  add(kind, ...children) {
    this.element.append(element("div", { class: `sb-note sb-${kind}` }, ...children));
  }

  clear() {
    this.element.replaceChildren();
  }
}

/** A step of the page: heading, whether it is done, what it is about, and what is in it. */
export class Section {
  constructor(id, title, about) {
    this.title = title;
    this.isDone = false;
    this.report = new Report();
    this._mark = element("span", { class: "sb-mark" });
    this.body = element("div", {});
    this.element = element(
      "section",
      { class: "sb-section", id: `sb-${id}`, "aria-labelledby": `sb-${id}-title` },
      element("h2", { id: `sb-${id}-title`, tabindex: "-1" }, title, " ", this._mark),
      element("p", { class: "sb-about" }, ...[about].flat()),
      this.body,
      this.report.element,
    );
  }

  /** `isDone`: whether the last step may be taken; `isGood`: whether it is to look so. */
  mark(isDone, text = isDone ? "Done" : "To do", isGood = isDone) {
    this.isDone = isDone;
    this._mark.textContent = text;
    this._mark.className = `sb-mark ${isGood ? "sb-done" : "sb-todo"}`;
  }

  /** Does something, in which time nothing else of the section can be done, and reports if it fails. What is inert loses
      the focus: unless it is elsewhere by then, it goes to what the action returns, or back to where it was. */
  async during(text, action) {
    let next = document.activeElement;
    this.report.say("busy", text);
    this.body.inert = true;
    try {
      next = (await action()) ?? next;
    } catch (error) {
      this.report.say("bad", error.message);
    } finally {
      this.body.inert = false;
      if (document.activeElement === document.body) {
        next.focus();
      }
    }
  }
}
