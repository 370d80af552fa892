/* A step with a list of things, each with a switch, and a form that edits one of them at a time. */

import { ago, button, element, table } from "../common/dom.js";
import { mayDiscard } from "../common/discard.js";
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
    return this._orUnknown(Promise.all(things.map(async (thing) => {
      const { last, failed } = await lastRuns(runs(thing));
      cells.get(thing).last.replaceChildren(...(last ? [ago(last.time), last.status === "ok" ? ": good" : ": failed"] : ["none yet"]));
      cells.get(thing).failed.replaceChildren(failed ? problem(failed) : "none");
    })));
  }

  /** Waits for what cells of the list will show. If that cannot be read, says why below the list, which is of use even so. */
  async _orUnknown(shown) {
    try {
      await shown;
    } catch (failure) {
      this._list.querySelectorAll("td span").forEach((cell) => {
        cell.textContent = cell.textContent === "..." ? "not known" : cell.textContent;
      });
      const note = element("p", { class: "sb-about" }, `Not all is known: ${failure.message}`);
      if (this._list.lastChild?.textContent !== note.textContent) {
        this._list.append(note);
      }
    }
  }

  /** Opens a form, which has an `element`, `fields` to watch, one of which is its `name`, and focus(). */
  _put(form) {
    this._opened = form;
    this._form.replaceChildren(form.element);
    this.watch(form.fields);
  }

  /** The same for a user who asked for it, and may want to keep what is not saved. */
  async _replace(form) {
    if (await mayDiscard(this)) {
      this.report.clear();
      this._put(form);
      form.focus();
    }
  }

  /** Closes the form, if it is that of the thing with this name; returns what should get the focus. */
  _close(name = this._opened?.name.value) {
    if (this._opened?.name.value === name) {
      this._opened = undefined;
      this._form.replaceChildren();
      this.watch([]);
    }
    return this._add;
  }
}
