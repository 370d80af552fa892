/* The form for one journey: its fields, an example event whose values can become properties, and a preview of ten messages. */

import { button, code, details, element } from "../common/dom.js";
import { allValid, Choice, Field, failAt, required } from "../common/fields.js";
import { Section } from "../common/section.js";
import { places, proposed } from "./places.js";
import { example, fieldOf, idOf, messages, save, told, tried } from "./rows.js";

const LOOK_BACK = "-24h";
const SHOWN = 10;

export class Form extends Section {
  /** Calls `saved` after it has written a journey, and `left` when the user cancels. `by` is the user. */
  constructor({ by, saved, left }) {
    super("journey", "A journey", "");
    Object.assign(this, { _by: by, _saved: saved, _left: left });
    const field = (name, label, options) => new Field(name, label, options);
    this._fields = {
      journey: field("journey", "Journey", { check: required(), help: "Its name on this page and in the overview." }),
      event: field("event", "Event in Segment", { check: required(), help: [
        "Name the object, then what was done to it: ", code("Widget Created"), ". ", code("%verb%"), " and ", code("%subject%"),
        " stand for the verb's past tense and the resource."] }),
      api_group: field("api_group", "API group", { help: ["For example ", code("acme.io"), ". Pods and secrets are in ", code("core"),
        ". If the group was renamed, add its earlier name after a blank."] }),
      resource: field("resource", "Resource", { check: required(), help: ["In the plural: ", code("widgets"), "."] }),
      subresource: field("subresource", "Subresource", { help: ["Usually empty. For example ", code("status"), " or ", code("scale"), "."] }),
      verb: field("verb", "What is done", { check: required(),
        help: "One or more of create, update, patch, delete, deletecollection, get, list, watch." }),
      aliases: field("aliases", "Names of the scan's result", { help: "Add a new name beside the old ones, which still count." }),
      properties: field("properties", "Properties", { width: "wide", tall: true, help: [
        "One property on each line: ", code("name = place"), ". ", code("name:digest = place"), " sends a salted digest, ",
        code("name = -"), " leaves out a property that would otherwise be sent, and ", code("name = place | other place"),
        " takes the first place that has a value."] }),
    };
    this._who = new Choice("who", "Whose it is", {
      person: "The person who did it (what controllers do is not a journey)",
      owner: "The workspace's owner",
      "person or owner": "The person, or the workspace's owner if a controller did it",
    }, () => {});
    this._anyway = element("p", { class: "sb-help" });
    this._places = element("div", { class: "sb-places" });
    this._messages = element("div", { class: "sb-messages", "aria-live": "polite" });
    this.body.append(
      ...["journey", "event", "api_group", "resource", "subresource", "verb"].map((name) => this._fields[name].element),
      this._who.element,
      this._fields.aliases.element,
      this._fields.properties.element,
      this._anyway,
      element("div", { class: "sb-actions" },
        button("Show an example event", () => this.showExample()),
        button("Preview ten messages", () => this.preview())),
      this._places,
      this._messages,
      element("div", { class: "sb-actions sb-save" },
        button("Save", () => this.save(), "primary"),
        button("Cancel", () => this._left())),
    );
    this.element.hidden = true;
  }

  /** Shows a row, or a new one. */
  async open(row, isNew = false) {
    this._row = { enabled: true, who: "person", ...row };
    this._isNew = isNew;
    for (const [name, field] of Object.entries(this._fields)) {
      field.value = row[name] === undefined || row[name] === "-" ? "" : row[name];
    }
    this._who.value = this._row.who || "person";
    const isBuiltin = Boolean(row.isBuiltin);
    for (const each of [...["journey", "api_group", "resource", "subresource", "verb"].map((name) => this._fields[name]), this._who]) {
      each.element.hidden = isBuiltin;
    }
    this._fields.event.element.hidden = row.id === "every-event";
    this._fields.aliases.element.hidden = row.id !== "clair-scan-completed";
    this._anyway.textContent = row.sends ? `Always sent: ${row.sends.split(" ").join(", ")}.` : "";
    this.element.querySelector("h2").firstChild.textContent = isNew ? "A new journey" : row.journey;
    this._places.replaceChildren();
    this._messages.replaceChildren();
    this.report.clear();
    this.watch([...Object.values(this._fields), this._who]);
    this.element.hidden = false;
    this.element.querySelector("h2").focus();
    if (isNew && row.resource) {
      await this.showExample();
    }
  }

  get row() {
    const row = { ...this._row };
    for (const [name, field] of Object.entries(this._fields)) {
      row[name] = field.value;
    }
    row.who = this._who.value;
    row.id ??= idOf(row.journey);
    return row;
  }

  async showExample() {
    await this.during("Looking for the newest such event in the last day ...", async () => {
      const event = await example({ ...this.row, id: this.row.id || "example", journey: this.row.journey || "example" }, LOOK_BACK);
      if (!event) {
        this._places.replaceChildren();
        this.report.say("warning", "There was no such event in the last day. You can write properties by hand.");
        return;
      }
      this._offer(event);
      this.report.say("good", "This is the newest such event. Click the values that should become properties.");
    });
  }

  _offer(event) {
    if (this._isNew && !this._fields.event.value) {
      const [verb] = this.row.verb.split(/[\s,]+/);
      const name = proposed(this.row.resource, verb, event.responseObject?.kind === "Status" ? undefined : event.responseObject?.kind,
        this.row.subresource);
      this._fields.event.value = name;
      this._fields.journey.value = name;
    }
    this._places.replaceChildren(...Object.entries(places(event)).filter(([, found]) => found.length).map(([group, found], index) => {
      const list = element("ul", {}, ...found.map(({ place, name, value }) => element("li", {}, button(place, () => this._add(name, place), "link"),
        element("span", { class: "sb-value" }, String(value)))));
      const made = details(`${group} (${found.length})`, list);
      made.open = index < 3 || group === "Answer";
      return made;
    }));
  }

  /** Adds a property under an unused name. */
  _add(name, place) {
    const lines = this._fields.properties.value.split("\n").filter(Boolean);
    if (lines.some((line) => line.split("=")[1]?.trim() === place)) {
      this.report.say("good", `${place} is already a property.`);
      return;
    }
    const names = lines.map((line) => line.split(/[:=]/)[0].trim());
    let free = name;
    for (let number = 2; names.includes(free); number += 1) {
      free = `${name}_${number}`;
    }
    this._fields.properties.value = [...lines, `${free} = ${place}`].join("\n");
    this.report.say("good", `Added property ${free}: ${place}.`);
  }

  async preview() {
    if (!this._isValid()) {
      return;
    }
    await this.during("Creating messages from the last day's events ...", async () => {
      await this._refuseWrong();
      const rows = await messages({ ...this.row, enabled: true }, LOOK_BACK);
      const shown = rows.slice(-SHOWN);
      this._messages.replaceChildren(...shown.map((row) => element("pre", { tabindex: "0" },
        row.segment_payload ? JSON.stringify(JSON.parse(row.segment_payload), null, 2) : `${row.segment_reason}: ${row.segment_error}`)));
      this.report.say(rows.length ? "good" : "warning", rows.length
        ? `${rows.length.toLocaleString()} in the last day; ${shown.length === rows.length ? "all are shown" : `the newest ${shown.length} are shown`}. `
          + "When they are sent, the user's ID replaces (...)."
        : "There was no such event in the last day.");
    });
  }

  async save() {
    if (!this._isValid()) {
      return;
    }
    await this.during("Saving ...", async () => {
      try {
        await save(this.row, this._by, this._isNew);
      } catch (failure) {
        const field = failAt(failure, this._visible());
        if (!field) {
          throw failure;
        }
        this.report.clear();
        return field.control;
      }
      this.report.clear();
      return this._saved(this.row);
    });
  }

  async _refuseWrong() {
    const [checked] = await tried([{ ...this.row, enabled: true }]);
    if (checked.problem) {
      this._visible()[fieldOf(checked.problem)]?.fail(told(checked));
      throw new Error(told(checked));
    }
  }

  _visible() {
    return Object.fromEntries(Object.entries(this._fields).filter(([, field]) => !field.element.hidden));
  }

  _isValid() {
    return allValid(Object.values(this._fields));
  }
}
