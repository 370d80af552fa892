/* "Check this installation": runs checks on this Splunk, and shows what each found, what that means, and the cure. The results can
   be saved as text for a support case. They contain no secrets, because no check reads any. */

import { button, details, element } from "../common/dom.js";
import { download } from "../common/download.js";
import { Section } from "../common/section.js";
import { savedSearches } from "../common/searches.js";
import { content, get, isTrue } from "../common/splunkd.js";
import { audit } from "./checks/audit.js";
import { destination } from "./checks/destination.js";
import { functions } from "./checks/functions.js";
import { host } from "./checks/host.js";
import { map } from "./checks/map.js";
import { rights } from "./checks/rights.js";
import { schedules } from "./checks/schedules.js";
import { store } from "./checks/store.js";
import { unknown } from "./checks/verdict.js";
import { web } from "./checks/web.js";

const GROUPS = [host, rights, web, store, functions, audit, map, destination, schedules];
const FACTS = {
  server: () => content("server/info"),
  searches: savedSearches,
  destinations: async () => (await get("configs/conf-segment_bridge", { count: 0 })).entry
    .map(({ name }) => name).filter((name) => name !== "default" && !name.endsWith(".draft")),
  inputs: async () => (await get("data/inputs/usersignups", { count: 0 })).entry
    .map(({ name, content: { disabled } }) => ({ name, disabled: isTrue(disabled) })),
};
const WORDS = { bad: "Failed", doubt: "Review", unknown: "Unknown", good: "OK" };
const MARKS = { bad: "failed", doubt: "doubt", unknown: "todo", good: "done" };

export class Check extends Section {
  constructor({ user }) {
    super("check", "Check this installation", "Checks whether the app can work on this Splunk. The checks read data, ask the receivers whether they "
      + "know the keys, and write one record, which they remove. They send no events.");
    this._user = user;
    this._found = [];
    this._progress = element("progress", { max: GROUPS.length, value: 0, hidden: true, "aria-label": "Checks" });
    this._list = element("div", {});
    this._save = button("Save as text", () => this._download());
    this._save.hidden = true;
    this.body.append(
      element("div", { class: "sb-actions" }, button("Check", () => this.during("Checking ...", () => this._run()), "primary"), this._save),
      this._progress);
    this.element.append(this._list);
  }

  async load() {
    this.report.clear();
  }

  async _run() {
    this._found = [];
    this._list.replaceChildren();
    this._progress.hidden = false;
    const known = await this._known();
    for (const [done, group] of GROUPS.entries()) {
      this._progress.value = done;
      this.report.say("busy", `${group.title} ...`);
      group.forget?.();
      const found = (await Promise.all(group.checks.map((check) => verdicts(check, known)))).flat();
      this._found.push({ title: group.title, found });
      this._list.append(shown(group.title, found));
    }
    this._progress.hidden = true;
    this._save.hidden = false;
    const of = (result) => this._found.flatMap(({ found }) => found).filter(({ verdict }) => verdict.result === result).length;
    const kind = of("bad") ? "bad" : of("doubt") || of("unknown") ? "warning" : "good";
    this.report.say(kind, `${of("good")} checks are OK, ${of("bad")} failed, ${of("doubt")} need a review, ${of("unknown")} are unknown.`);
  }

  /** The facts that several checks use. If one cannot be read, the checks that use it fail, and no others. */
  async _known() {
    const known = { user: this._user };
    await Promise.all(Object.entries(FACTS).map(async ([name, read]) => {
      try {
        known[name] = await read();
      } catch (failure) {
        Object.defineProperty(known, name, { get: () => {
          throw failure;
        } });
      }
    }));
    return known;
  }

  _download() {
    const lines = this._found.flatMap(({ title, found }) => ["", title, ...found.flatMap(({ title: about, cure, verdict }) => [
      `  [${WORDS[verdict.result]}] ${about}: ${verdict.said}`,
      ...(verdict.result === "good" ? [] : [`      To do: ${cure}`]),
    ])]);
    const text = [`Segment Bridge, check of ${new Date().toISOString()}`, ...lines, ""].join("\n");
    download("segment_bridge_check.txt", "text/plain", text);
  }
}

/** Runs a check, and returns its verdicts. If it fails, the verdict is "unknown". */
async function verdicts(check, known) {
  try {
    const found = await check.look(known);
    return Array.isArray(found) ? found : [{ ...check, verdict: found }];
  } catch (failure) {
    return [{ ...check, verdict: unknown(failure.message) }];
  }
}

const shown = (title, found) => element(
  "div",
  {},
  element("h3", {}, title),
  element("ul", { class: "sb-checks" }, ...found.map(({ title: about, means, cure, verdict: { result, said } }) => element(
    "li", {},
    element("span", { class: `sb-mark sb-${MARKS[result]}` }, WORDS[result]), " ", element("strong", {}, about), `: ${said}`,
    result === "good" ? details("What it means", means) : element("div", { class: "sb-help" }, `${means} `, element("strong", {}, "To do: "), cure),
  ))),
);
