/* Form fields. Each has a label, a control, a help text, and a place for what is wrong with the value.

     const event = new Field("event", "Event", { check: required(), help: "As Segment shows it." });
     if (allValid([event])) { ... event.value ... }

   A rule takes a text and returns what is wrong with it, or "". */

import { button, element } from "./dom.js";

let ids = 0;

/** These two deal with empty texts, so that the rules that they wrap need not. */
export const required = (rule = () => "") => (text) => (text ? rule(text) : "Required.");
export const optional = (rule) => (text) => (text ? rule(text) : "");

/** A field for text, with several lines if it is `tall`. `check` is a rule. */
export class Field {
  constructor(name, label, { help, check = () => "", placeholder, type = "text", width, tall }) {
    this.name = name;
    this.check = check;
    const id = `sb-field-${(ids += 1)}`;
    this._problem = element("div", { class: "sb-problem", id: `${id}-problem` });
    this.control = element(tall ? "textarea" : "input", {
      id, name, placeholder, type: tall ? undefined : type, rows: tall ? 5 : undefined, autocomplete: type === "password" ? "new-password" : "off", spellcheck: "false",
      class: width ? `sb-${width}` : undefined, "aria-describedby": `${id}-problem ${id}-help`,
    });
    this.element = element(
      "div",
      { class: "sb-field" },
      element("label", { for: id }, label),
      this._around(this.control, label),
      this._problem,
      element("div", { class: "sb-help", id: `${id}-help` }, ...[help].flat()),
    );
    this.control.addEventListener("input", () => this.fail(""));
  }

  _around(control) {
    return control;
  }

  get value() {
    return this.control.value.trim();
  }

  set value(text) {
    this.control.value = text ?? "";
    this.fail("");
  }

  fail(problem) {
    this._problem.textContent = problem;
    if (problem) {
      this.control.setAttribute("aria-invalid", "true");
    } else {
      this.control.removeAttribute("aria-invalid");
    }
  }

  /** Whether the value is valid; if not, shows why. */
  validate() {
    const problem = this.element.hidden ? "" : this.check(this.value);
    this.fail(problem);
    return !problem;
  }

  focus() {
    this.control.focus();
  }
}

/** A field for a secret in the password store. It never shows the secret, but lets the user replace it, and remove it if it
    `isOptional`. `value` is "" if the secret stays, or if it `isRemoved`. */
export class SecretField extends Field {
  constructor(name, label, { check = () => "", isOptional = false, ...options }) {
    super(name, label, { ...options, type: "password" });
    this.check = (text) => (text ? check(text) : this.isSaved || isOptional ? "" : "Required.");
    this._remove.hidden = !isOptional;
    this.show(false);
  }

  _around(control, label) {
    const replace = button("Replace", () => this.focus(), "link");
    this._remove = button("Remove", () => this._leaveOut(), "link");
    replace.setAttribute("aria-label", `Replace saved secret: ${label}`);
    this._remove.setAttribute("aria-label", `Remove saved secret: ${label}`);
    this._saved = element("div", {}, "Saved, but never shown. ", replace, this._remove);
    return element("div", {}, this._saved, control);
  }

  show(isSaved) {
    this.isSaved = isSaved;
    this.isRemoved = false;
    this.value = "";
    this._open(!isSaved);
  }

  focus() {
    this._open(true);
    super.focus();
  }

  _leaveOut() {
    this.isRemoved = true;
    this.focus();
  }

  _open(isOpen) {
    this._saved.hidden = isOpen;
    this.control.hidden = !isOpen;
  }
}

/** A choice of one of a few values: `choices` are value -> label. */
export class Choice {
  constructor(name, label, choices, changed = () => {}) {
    this._inputs = Object.keys(choices).map((value) =>
      element("input", { type: "radio", name: `sb-${name}`, value, change: () => changed(value) }));
    this.element = element(
      "fieldset",
      { class: "sb-field sb-choice" },
      element("legend", {}, label),
      ...this._inputs.map((input) => element("label", {}, input, " ", choices[input.value])),
    );
    this._changed = changed;
  }

  get value() {
    return this._inputs.find((input) => input.checked).value;
  }

  set value(chosen) {
    this._inputs.forEach((input) => {
      input.checked = input.value === chosen;
    });
    this._changed(chosen);
  }

  focus() {
    (this._inputs.find((input) => input.checked) ?? this._inputs[0]).focus();
  }
}

/** A checkbox. */
export class Tick {
  constructor(name, label, help) {
    const id = `sb-field-${(ids += 1)}`;
    this._input = element("input", { id, name, type: "checkbox", "aria-describedby": `${id}-help` });
    this.element = element(
      "div",
      { class: "sb-field sb-tick" },
      element("label", {}, this._input, " ", label),
      element("div", { class: "sb-help", id: `${id}-help` }, help),
    );
  }

  get value() {
    return this._input.checked;
  }

  set value(isTicked) {
    this._input.checked = isTicked;
  }
}

/** A switch that takes effect at once: `toggle` gets the new state. `name` names what it switches. */
export const onOff = (name, isOn, toggle) => element(
  "button",
  { type: "button", role: "switch", class: "sb-switch", "aria-checked": String(isOn), "aria-label": name, click: () => toggle(!isOn) },
  element("span", { "aria-hidden": "true" }, isOn ? "On" : "Off"),
);

/** Checks all fields that have a rule, and moves the focus to the first one that is wrong. */
export function allValid(fields) {
  const wrong = fields.filter((field) => field.validate && !field.validate());
  wrong[0]?.element.closest("details")?.setAttribute("open", "");
  wrong[0]?.focus();
  return wrong.length === 0;
}

/** Shows a failure beside its field, and returns the field, if the failure concerns a visible one. `fields` maps settings, and
    codes of failures, to fields. */
export function failAt(failure, fields) {
  const field = [fields[failure.setting], fields[failure.code]].find((each) => each && !each.element.hidden);
  field?.fail(failure.short);
  field?.element.closest("details")?.setAttribute("open", "");
  return field;
}
