/* Step 1: where events are sent to, the stanzas of segment_bridge.conf, each with a write key.

   What is on the screen is tried as a destination of its own, a draft, before it takes the place of what is saved. */

import { check } from "../common/check.js";
import { confirmed } from "../common/dialog.js";
import { code, element, helpLink, table } from "../common/dom.js";
import { Failure, plain } from "../common/failure.js";
import { search } from "../common/searches.js";
import { get, isTrue, path, post, remove } from "../common/splunkd.js";
import { DestinationForm, DRAFT, SECRETS, shown } from "./destinationform.js";
import { ListSection } from "./list.js";
import { name as nameRule } from "./rules.js";
import * as secrets from "./secrets.js";

const ALL = "configs/conf-segment_bridge";
/* That of the job. The app brings it along, so it cannot be removed. */
const JOBS = "segment";
const EVENT = "Segment Bridge test";
const ONE_ROW = `| makeresults | eval type="track", event="${EVENT}", anonymousId="segment-bridge-setup"`;
const CHECKED = {
  receiver: "Receiver", certificate: "Certificate", clock: "Clock", key: "Write key", region: "Region", source: "Source",
  token: "Public API token", repeats: "Repeats", settings: "Settings",
};
const RESULTS = { ok: "good", warn: "wrong", unknown: "not known" };
const CURES = {
  network: "Is the address right? Do firewalls let this search head through, or is a proxy needed (Network)?",
  tls: "If a private authority signed the certificate, its PEM file goes into CA file (Network).",
  auth: "The receiver does not take this write key, or not from here.",
  wrong_url: "Is the address right, with its path?",
  redirect: "Is the address right? Redirects are not followed; a proxy that asks for a login answers so, too.",
  unexpected_body: "What answered is not a receiver of Segment's protocol: is the address right, with its path?",
};

export class Destinations extends ListSection {
  constructor() {
    super("destinations", "1. Destinations", ["The Segment sources that get events: ", code(JOBS), " those of the job, others those of "
      + "searches that name them. ", helpLink("What else a destination can be told", "setup", "where-the-events-go")], "destination");
  }

  async load() {
    const [{ entry }, saved] = await Promise.all([get(ALL, { count: 0 }), secrets.saved()]);
    this._saved = saved;
    this._destinations = entry.filter(({ name }) => !name.endsWith(DRAFT)).map(({ name, content }) => ({ ...content, name }));
    const jobs = this._destinations.find(({ name }) => name === JOBS);
    const hasKey = saved.has(JOBS);
    const isOff = isTrue(jobs.disabled);
    this.mark(hasKey && !isOff, ...(isOff ? [`Off: ${JOBS}`] : []));
    const runs = this._show(this._destinations, {
      to: { heading: "Sends to", cell: shown },
      key: { heading: "Write key", cell: ({ name }) => (saved.has(name) ? "saved" : "missing") },
    }, {
      isOn: ({ disabled }) => !isTrue(disabled),
      turn: (destination, isOn) => this._turn(destination, isOn),
      runs: ({ name }) => ({ component: "segmentsend", destination: name }),
      actions: (destination) => ({
        "Send a test event": () => this.during("Sending one event ...", () => this._test(destination.name)),
        Check: () => this.during(`Asking about destination ${destination.name} ...`,
          () => this._check(destination.name, `Destination ${destination.name}:`)),
        Edit: () => this._open(destination),
        ...(destination.name === JOBS ? {} : { Remove: () => this._ask(destination) }),
      }),
    });
    if (!hasKey && !this._form.hasChildNodes()) {
      this._put(this._formFor(jobs));
    }
    await runs;
  }

  async _turn({ name }, isOn) {
    await this.during(`Turning destination ${name} ${isOn ? "on" : "off"} ...`, async () => {
      await post(path`configs/conf-segment_bridge/${name}`, { disabled: isOn ? 0 : 1 });
      await this.load();
      this.report.say("good", isOn ? `Destination ${name} is on.`
        : `Destination ${name} is off: nothing is sent there, and searches that want to fail.`);
      return this.switchOf(name);
    });
  }

  _formFor(destination) {
    const form = new DestinationForm(destination, this._saved, this._destinations.map(({ name }) => name), {
      save: () => this._with(form, "Saving ...", async () => {
        const messages = await this._save(form);
        await this._check(form.name.value, "Saved. Nothing was sent yet: a test event shows the rest.");
        this._warn(messages);
      }),
      test: () => this._with(form, "Saving ...", async () => {
        await this._save(form);
        this.report.say("busy", "Sending one event ...");
        await this._test(form.name.value, "Saved, but the");
      }),
      cancel: () => this._close().focus(),
    });
    return form;
  }

  _open(destination = { name: "" }) {
    this.report.clear();
    const form = this._formFor(destination);
    this._put(form);
    form.focus();
  }

  /** Does something with what is on the screen. What is wrong is said beside its field, which gets the focus, where it is about
      one; else the form is closed. */
  async _with(form, text, action) {
    await this.during(text, async () => {
      try {
        await action();
      } catch (failure) {
        const field = form.fail(failure);
        if (!field) {
          throw failure;
        }
        this.report.clear();
        return field;
      }
      return this._close();
    });
  }

  async _save(form) {
    const name = form.name.value;
    const messages = await this._rehearse(form);
    const isNew = !form.destination.name;
    await (isNew ? post(ALL, { name, ...form.settings }) : post(path`configs/conf-segment_bridge/${name}`, form.settings));
    for (const [suffix, secret] of form.given) {
      await secrets.save(name + suffix, secret);
    }
    form.destination = { ...form.destination, ...form.settings, name };
    await this.load();
    for (const [suffix, field] of Object.entries(form.secrets)) {
      field.show(this._saved.has(name + suffix));
    }
    this.watch(form.fields);
    return messages;
  }

  /** Shows what can be found out without sending anything: behind `told`, what is already said. */
  async _check(name, ...told) {
    this.report.say("busy", ...told, " Asking about it ...");
    let checks;
    try {
      checks = await check(name);
      if (!checks.some((each) => each.check === "key")) {
        checks.push({ check: "key", status: "unknown", text: "only Segment itself can be asked whether it knows a key" });
      }
    } catch (failure) {
      this.report.say("good", ...told);
      this.report.add("warning", "What else there is to know could not be found out: ", failure.message);
      return;
    }
    this.report.say("good", ...told, table(checks, {
      check: { heading: "Checked", isName: true, cell: (each) => CHECKED[each.check] ?? each.check },
      status: { heading: "Result", cell: ({ status }) => RESULTS[status] },
      text: "What was found",
    }, "What was found out without sending anything", false));
    for (const { check: what, text } of checks.filter(({ status }) => status === "warn")) {
      this.report.add("warning", element("strong", {}, `${CHECKED[what] ?? what}: `), `${text}.`);
    }
  }

  /** Everything but sending, with the draft, of which nothing is left then. */
  async _rehearse(form) {
    const known = Object.entries(form.destination).filter(([key]) => !["disabled", "name"].includes(key) && !key.startsWith("eai:"));
    const draft = form.name.value + DRAFT;
    await this._forget(draft);
    try {
      await post(ALL, { name: draft, ...Object.fromEntries(known), ...form.settings });
      await secrets.save(draft, form.key.value || form.anyKey);
      return (await search(`${ONE_ROW} | segmentsend dryrun=true destination=${quoted(draft)}`)).messages;
    } finally {
      await this._forget(draft);
    }
  }

  /** A stanza, with its secrets. */
  async _forget(name) {
    for (const suffix of SECRETS) {
      await secrets.forget(name + suffix);
    }
    await remove(path`configs/conf-segment_bridge/${name}`).catch((failure) => {
      if (failure.status !== 404) {
        throw failure;
      }
    });
  }

  async _test(name, beginning = "The") {
    const { rows: [row], messages } = await search(`${ONE_ROW} | segmentsend onfail=warn destination=${quoted(name)}`);
    await this.load();
    if (row.segment_status !== "accepted") {
      throw new Failure(row.segment_reason, `${beginning} test event was not accepted: ${row.segment_error}. `
        + (CURES[row.segment_reason] ?? `The page Reasons under Help says what ${row.segment_reason} means.`));
    }
    await this._check(name, "The event was accepted. So it is for a disabled source, where Segment drops it: look for ", code(EVENT),
      " in the source's Debugger in Segment.");
    this._warn(messages);
  }

  _warn(messages) {
    messages.filter(({ type }) => type === "WARN").forEach(({ text }) => this.report.add("warning", plain(text)));
  }

  async _ask({ name }) {
    if (await confirmed(`Remove destination ${name}?`, element("p", {}, "Its write key goes, too. Searches that name it fail from now on."),
      "Remove")) {
      await this.during(`Removing destination ${name} ...`, async () => {
        await this._forget(name);
        await this.load();
        this.report.say("good", `Removed destination ${name}.`);
        return this._close();
      });
    }
  }
}

/** A name in a search: only one that can be told from the search around it. */
function quoted(name) {
  if (nameRule(name)) {
    throw new Failure("settings", `The name of destination ${name} is wrong: letters, digits, dots, hyphens and underscores only.`);
  }
  return `"${name}"`;
}
