/* Step 1: the destinations, which are stanzas of segment_bridge.conf, each with a write key.

   Before the form's contents replace what is saved, they are tested as a destination of their own, the draft. */

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
/* The job's destination. It ships with the app, so it cannot be removed; nor can one that a deployer has put into default/. */
const JOBS = "segment";
const EVENT = "Segment Bridge test";
const ONE_ROW = `| makeresults | eval type="track", event="${EVENT}", anonymousId="segment-bridge-setup"`;
const CHECKED = {
  receiver: "Receiver", certificate: "Certificate", clock: "Clock", key: "Write key", region: "Region", source: "Source",
  token: "Public API token", repeats: "Repeats", settings: "Settings",
};
const RESULTS = { ok: "good", warn: "wrong", unknown: "not known" };
const CURES = {
  network: "Check the URL, and whether a firewall blocks this search head. If you need a proxy, set it under Network.",
  tls: "If a private CA signed the certificate, set its PEM file as CA file, under Network.",
  auth: "The receiver does not accept this write key, or not from this search head.",
  wrong_url: "Check the URL and its path.",
  redirect: "Check the URL. The app follows no redirects; a proxy that asks for a login also sends one.",
  unexpected_body: "The answer does not come from a receiver of Segment's protocol. Check the URL and its path.",
};

export class Destinations extends ListSection {
  constructor() {
    super("destinations", "1. Destinations", ["The Segment sources to which events go. The job sends to ", code(JOBS), "; searches can name "
      + "others. ", helpLink("More settings of a destination", "setup", "where-the-events-go")], "destination");
  }

  async load() {
    const [{ entry }, saved] = await Promise.all([get(ALL, { count: 0 }), secrets.saved()]);
    this._saved = saved;
    this._destinations = entry.filter(({ name }) => !name.endsWith(DRAFT)).map(({ name, content }) => ({ ...content, name }));
    const removable = new Set(entry.filter(({ name, acl }) => acl.removable && name !== JOBS).map(({ name }) => name));
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
        Check: () => this.during(`Checking destination ${destination.name} ...`,
          () => this._check(destination.name, `Destination ${destination.name}:`)),
        Edit: () => this._open(destination),
        ...(removable.has(destination.name) ? { Remove: () => this._ask(destination) } : {}),
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
        : `Destination ${name} is off. Nothing is sent there; searches that try to will fail.`);
    });
  }

  _formFor(destination) {
    const form = new DestinationForm(destination, this._saved, this._destinations.map(({ name }) => name), {
      save: () => this._with(form, "Saving ...", async () => {
        const messages = await this._save(form);
        await this._check(form.name.value, "Saved. Nothing was sent yet; send a test event to test the rest.");
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
    return this._replace(this._formFor(destination));
  }

  /** Runs an action on the form's contents, and closes the form if it succeeds. If it fails because of a field, shows the failure
      beside that field, and moves the focus there. */
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
    const { given, settings } = form;
    form.destination = { ...form.destination, ...settings, name };
    for (const [suffix, secret] of given) {
      await secrets.save(name + suffix, secret);
    }
    await this.load();
    for (const [suffix, field] of Object.entries(form.secrets)) {
      field.show(this._saved.has(name + suffix));
    }
    this.watch(form.fields);
    return messages;
  }

  /** Shows what can be found out without sending anything, after what was already `told`. */
  async _check(name, ...told) {
    this.report.say("busy", ...told, " Checking it ...");
    let checks;
    try {
      checks = await check(name);
      if (!checks.some((each) => each.check === "key")) {
        checks.push({ check: "key", status: "unknown", text: "only Segment's own addresses can tell whether they know a key" });
      }
    } catch (failure) {
      this.report.say("good", ...told);
      this.report.add("warning", "The checks of this destination failed: ", failure.message);
      return;
    }
    this.report.say("good", ...told, table(checks, {
      check: { heading: "Checked", isName: true, cell: (each) => CHECKED[each.check] ?? each.check },
      status: { heading: "Result", cell: ({ status }) => RESULTS[status] },
      text: "Details",
    }, "Checks that send nothing", false));
    for (const { check: what, text } of checks.filter(({ status }) => status === "warn")) {
      this.report.add("warning", element("strong", {}, `${CHECKED[what] ?? what}: `), `${text}.`);
    }
  }

  /** Does everything except send, with the draft, and then removes the draft. */
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

  /** Removes a stanza and its secrets. */
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
        + (CURES[row.segment_reason] ?? `Help > Reasons explains ${row.segment_reason}.`));
    }
    await this._check(name, "The event was accepted. Segment also accepts events for a disabled source, and drops them, so look for ",
      code(EVENT), " in the source's Debugger in Segment.");
    this._warn(messages);
  }

  _warn(messages) {
    messages.filter(({ type }) => type === "WARN").forEach(({ text }) => this.report.add("warning", plain(text)));
  }

  async _ask({ name }) {
    if (await confirmed(`Remove destination ${name}?`, element("p", {}, "This also removes its write key. Searches that name it will fail."),
      "Remove")) {
      await this.during(`Removing destination ${name} ...`, async () => {
        await this._forget(name);
        await this.load();
        this.report.say("good", `Removed destination ${name}.`);
        return this._close(name);
      });
    }
  }
}

/** A destination's name, quoted for a search. Refuses a name that could end the quotes. */
function quoted(name) {
  if (nameRule(name)) {
    throw new Failure("settings", `The destination's name "${name}" is not valid. Use letters, digits, dots, hyphens and underscores only.`);
  }
  return `"${name}"`;
}
