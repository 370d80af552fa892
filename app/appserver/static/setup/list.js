/* A step with a list of things, each with a switch, and a form that edits one of them at a time. */

import { ago, button, element, table } from "../common/dom.js";
import { onOff } from "../common/fields.js";
import { lastRuns, problem } from "../common/runs.js";
import { Section } from "../common/section.js";

export class ListSection extends Section {
  /** `noun` is what it lists, such as "cluster". */
  constructor(id, title, about, noun) {
    super(id, title, about);
    this._noun = noun;
    this._list = element("div", { class: "sb-list" });
    this._form = element("div", {});
    this._add = button(`Add a ${noun}`, () => this._open());
    this._add.hidden = true;
    this.body.append(this._list, element("div", { class: "sb-actions" }, this._add), this._form);
  }

  /** Runs an action. If it fails, shows the things as they are now, because it may have changed some of them. */
  async during(text, action) {
    await super.during(text, async () => {
      try {
        return await action();
      } catch (failure) {
        await this.load().catch(() => {});
        throw failure;
      }
    });
  }

  /** Shows the things, each of which has a `name`. `columns` are as in `table`; before them comes the name, and after them the
      switch, the last runs and the actions. Resolves once all is shown, even if KV store does not tell the runs. `isOn(thing)` and `turn(thing, isOn)` are for the switch, `runs(thing)` is the query
      for lastRuns, and `actions(thing)` maps a text to what a click does. */
  _show(things, columns, { isOn, turn, runs, actions }) {
    const link = (thing, text, click) => {
      const made = button(text, click, "link");
      made.setAttribute("aria-label", `${text}: ${this._noun} ${thing.name}`);
      return made;
    };
    const cells = new Map(things.map((thing) => [thing, {
      last: element("span", {}, "..."), failed: element("span", {}, "...") }]));
    this._add.hidden = false;
    this._list.replaceChildren(...(things.length ? [table(things, {
      name: { heading: "Name", isName: true, cell: ({ name }) => name },
      ...columns,
      on: { heading: "State", cell: (thing) => onOff(`${this._noun} ${thing.name}`, isOn(thing), (wanted) => turn(thing, wanted)) },
      last: { heading: "Last run", cell: (thing) => cells.get(thing).last },
      failed: { heading: "Last error", cell: (thing) => cells.get(thing).failed },
      actions: { heading: "Actions", cell: (thing) => element("span", { class: "sb-row-actions" },
        ...Object.entries(actions(thing)).map(([text, click]) => link(thing, text, click))) },
    }, this.title, false)] : []));
    return Promise.all(things.map(async (thing) => {
      const cell = cells.get(thing);
      try {
        const { last, failed } = await lastRuns(runs(thing));
        cell.last.replaceChildren(...(last ? [ago(last.time), last.status === "ok" ? ": good" : ": failed"] : ["none yet"]));
        cell.failed.replaceChildren(failed ? problem(failed) : "none");
      } catch (failure) {
        cell.last.textContent = "not known";
        cell.failed.textContent = `not known: ${failure.message}`;
      }
    }));
  }

  /** Opens a form, which has an `element`, `fields` to watch, and focus(). */
  _put(form) {
    this._form.replaceChildren(form.element);
    this.watch(form.fields);
  }

  /** Closes the form; returns what should get the focus. */
  _close() {
    this._form.replaceChildren();
    this.watch([]);
    return this._add;
  }
}
