/* Sections of a page, with a place for the results of their actions.

     const section = new Section("runs", "Runs", "The results of the last runs.");
     section.body.append(button("Run", () => section.during("Running ...", async () => { ... section.report.say("good", "Done."); })));
     place.append(section.element); */

import { element } from "./dom.js";

/** Shows what is going on and what came of it; screen readers announce it. */
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

/** A section: a heading with a mark, an explanation, the body, and a report. */
export class Section {
  constructor(id, title, about) {
    this.title = title;
    this.isDone = false;
    this.report = new Report();
    this._mark = element("span", { class: "sb-mark" });
    this._unsaved = element("span", { class: "sb-mark sb-unsaved", hidden: true }, "Not saved");
    this._watched = [];
    this.body = element("div", { input: () => this._compare(), change: () => this._compare(), click: () => this._compare() });
    this.element = element(
      "section",
      { class: "sb-section", id: `sb-${id}`, "aria-labelledby": `sb-${id}-title` },
      element("h2", { id: `sb-${id}-title`, tabindex: "-1" }, title, " ", this._mark, " ", this._unsaved),
      element("p", { class: "sb-about" }, ...[about].flat()),
      this.body,
      this.report.element,
    );
  }

  /** `isDone`: whether the user may take the last step; `isGood`: whether the mark looks good. */
  mark(isDone, text = isDone ? "Done" : "To do", isGood = isDone) {
    this.isDone = isDone;
    this._mark.textContent = text;
    this._mark.className = `sb-mark ${isGood ? "sb-done" : "sb-todo"}`;
  }

  /** Takes the fields' present values as the saved ones, and marks changes from now on. */
  watch(fields) {
    this._watched = fields.map((field) => ({ field, saved: stateOf(field) }));
    this._compare();
  }

  get isChanged() {
    return this._watched.some(({ field, saved }) => stateOf(field) !== saved);
  }

  _compare() {
    this._unsaved.hidden = !this.isChanged;
    for (const { field, saved } of this._watched) {
      field.element.classList.toggle("sb-changed", stateOf(field) !== saved);
    }
  }

  _labelled(label) {
    const again = label && this.body.querySelector(`[aria-label="${CSS.escape(label)}"]`);
    return again || this.element.querySelector("h2");
  }

  /** Runs an action, makes the section inert meanwhile, and reports a failure. Inert elements lose the focus. Unless the user has
      moved the focus elsewhere by then, it goes to what the action returns, or back to where it was. If that was replaced, it goes to
      what has the same label now, or else to the heading. */
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
        (next.isConnected === false ? this._labelled(next.ariaLabel) : next).focus();
      }
    }
  }
}

const stateOf = ({ value, isRemoved }) => JSON.stringify([value, isRemoved]);
