/* The view "journeys": which requests are journeys at this site, and with which names and properties they are sent. */

import { button, element, helpLink, table } from "../common/dom.js";
import { confirmed } from "../common/dialog.js";
import { keepUnsaved, mayDiscard } from "../common/discard.js";
import { begin } from "../common/page.js";
import { Failure } from "../common/failure.js";
import { Section } from "../common/section.js";
import { download } from "../common/download.js";
import { read, written } from "./files.js";
import { Form } from "./form.js";
import { Found } from "./found.js";
import { asCsv, asJson, planned } from "./plan.js";
import { all, exported, messages, save, told, takeBack, tried, write } from "./rows.js";

const PLAN_TIME = "-24h";

/** Puts the page into `place`. If a user may not change journeys, splunkd refuses the change. */
export async function show(place) {
  const page = await begin(place, "Journeys", { isWide: true });
  if (page) {
    const list = new List(page.user.username);
    page.append(list.element, list.found.element, list.form.element);
    keepUnsaved([list.form]);
    await list.load().catch((failure) => list.report.say("bad", failure.message));
  }
}

class List extends Section {
  constructor(by) {
    super("journeys", "What becomes an event in Segment", [
      "A journey is something that people do in your clusters. The next run uses your changes. ",
      helpLink("About journeys", "journeys", "journeys")]);
    this._by = by;
    this._rows = element("div", {});
    this._file = element("input", { type: "file", accept: ".json,application/json", hidden: true, change: () => this._import() });
    this.found = new Found((row) => this._edit(row, true), () => this._back());
    this.form = new Form({ by, saved: (row) => this._wasSaved(row), left: () => this._back() });
    this.body.append(
      element("div", { class: "sb-actions" },
        button("Add", () => this._add(), "primary"),
        button("Tracking plan (JSON)", () => this._plan("json")),
        button("Tracking plan (CSV)", () => this._plan("csv")),
        button("Export", () => this._export()),
        button("Import", () => this._file.click()),
        this._file),
      this._rows,
    );
  }

  async load() {
    this.report.say("busy", "Loading ...");
    const rows = await all();
    const order = (row) => [row.id === "every-event", row.id === "heartbeat", row.isBuiltin, row.journey ?? ""];
    rows.sort((one, other) => (String(order(one)) < String(order(other)) ? -1 : 1));
    this._rows.replaceChildren(table(rows, {
      enabled: { heading: "On", cell: (row) => this._switch(row) },
      journey: { heading: "Journey", isName: true, cell: ({ journey, id }) => journey ?? id },
      event: { heading: "Event", cell: ({ event, id }) => (id === "every-event" ? "" : event) },
      what: { heading: "What is done", cell: ({ verb, resource, subresource, api_group: group }) => (resource
        ? `${verb} ${resource}${subresource ? `/${subresource}` : ""} (${group})` : "") },
      who: { heading: "Whose", cell: ({ who }) => who ?? "" },
      properties: { heading: "Properties", cell: ({ properties }) => (properties ?? "").split("\n").map((line) => line.split(/ *[:=]/)[0]).join(", ") },
      problem: { heading: "Problem", cell: (row) => (row.problem ? element("span", { class: "sb-problem" }, told(row)) : "") },
      actions: { heading: "", cell: (row) => this._actions(row) },
    }, "The app's own journeys, and yours"));
    this.report.clear();
  }

  _switch(row) {
    const input = element("input", { type: "checkbox", checked: row.enabled, "aria-label": `${row.journey ?? row.id} is on`, change: () =>
      this.during("Saving ...", async () => {
        const changed = { ...row, enabled: input.checked };
        try {
          await (input.checked ? save(changed, this._by) : write(changed, this._by));
        } catch (failure) {
          input.checked = row.enabled;
          throw failure;
        }
        await this.load();
        this.report.say("good", `${row.journey} is ${changed.enabled ? "on" : "off"}.`);
      }) });
    return input;
  }

  _actions(row) {
    const name = row.journey ?? row.id;
    const labelled = (text, action) => {
      const made = button(text, action, "link");
      made.setAttribute("aria-label", `${text}: ${name}`);
      return made;
    };
    return element("span", { class: "sb-row-actions" },
      labelled("Change", () => this._edit(row)),
      ...(row.updated ? [labelled(row.isBuiltin ? "Reset" : "Remove", () => this._remove(row))] : []));
  }

  async _remove(row) {
    const name = row.journey ?? row.id;
    const [title, text, action] = row.isBuiltin
      ? [`Reset "${name}"?`, "This restores the app's own version.", "Reset"]
      : [`Remove "${name}"?`, "From the next run on, the app sends no events for it. Events that were sent stay in Segment.", "Remove"];
    if (await confirmed(title, [element("p", {}, text)], action)) {
      await this.during("Removing ...", async () => {
        await takeBack(row);
        await this.load();
        this.report.say("good", row.isBuiltin ? `${name} is reset to the app's own version.` : `${name} is removed.`);
      });
    }
  }

  async _add() {
    if (!await mayDiscard(this.form)) {
      return;
    }
    this._back();
    this.report.clear();
    this.found.element.hidden = false;
    this.found.element.querySelector("h2").focus();
    await this.found.load();
  }

  async _edit(row, isNew = false) {
    if (!await mayDiscard(this.form)) {
      return;
    }
    this.report.clear();
    this.found.element.hidden = true;
    await this.form.open(row, isNew);
  }

  async _wasSaved(row) {
    this._back();
    await this.during("Loading ...", async () => {
      await this.load();
      this.report.say("good", `Saved: ${row.journey}. The next run uses it.`);
    });
  }

  _back() {
    this.found.element.hidden = true;
    this.form.element.hidden = true;
    this.form.watch([]);
    this.element.querySelector("h2").focus();
  }

  async _plan(kind) {
    await this.during("Creating messages from the last day's events ...", async () => {
      const events = planned(await messages(undefined, PLAN_TIME));
      if (!events.length) {
        this.report.say("warning", "There were no journeys in the last day, so the plan would be empty.");
        return;
      }
      download(`tracking-plan.${kind}`, kind === "json" ? "application/json" : "text/csv", kind === "json" ? asJson(events) : asCsv(events));
      this.report.say("good", `Saved a tracking plan of ${events.length} events from the last day.`);
    });
  }

  async _export() {
    await this.during("Loading ...", async () => {
      const rows = await exported();
      download("journeys.json", "application/json", written(rows));
      this.report.say("good", `Exported ${rows.length} rows: your own journeys, and your changes to the app's.`);
    });
  }

  /** Writes the valid rows of the chosen file, and reports the others. */
  async _import() {
    const [file] = this._file.files;
    if (!file) {
      return;
    }
    await this.during("Importing ...", async () => {
      const text = await file.text();
      this._file.value = ""; // so that the user can choose the same file again after correcting it
      const rows = read(text);
      const checked = await tried(rows);
      const right = checked.filter(({ problem }) => !problem);
      for (const [done, row] of right.entries()) {
        await write(row, this._by, true).catch(async ({ code, message, status }) => {
          await this.load();
          throw new Failure(code, `Imported ${done} of ${rows.length} journeys, then failed at "${row.journey}": ${message} Import the file again.`, status);
        });
      }
      await this.load();
      this.report.say(right.length === rows.length ? "good" : "warning", `Imported ${right.length} of ${rows.length} journeys.`);
      for (const wrong of checked.filter(({ problem }) => problem)) {
        this.report.add("bad", `Not imported: ${wrong.journey || wrong.id}. ${told(wrong)}`);
      }
    });
  }
}
