/* Step 5: turns everything on (inputs, schedules, a first run), and off again. */

import { button, element, table } from "../common/dom.js";
import { plain } from "../common/failure.js";
import { Choice } from "../common/fields.js";
import { dispatch, finished, JOB, savedSearches, scheduled, setScheduled } from "../common/searches.js";
import { Section } from "../common/section.js";
import { content, get, isTrue, path, pause, post } from "../common/splunkd.js";
import { all } from "./clusters.js";

const WAIT_FOR_USERS_MS = 120_000;
const POLL_MS = 1_000;
/* The job's schedules to choose from. Each run reads what arrived since the last one. */
const SOON = { "7 * * * *": "Within an hour or so", "*/15 * * * *": "Within a quarter of an hour", "*/5 * * * *": "Within minutes" };
const COLUMNS = { journey: "Journey", segment_status: "Outcome", segment_reason: "Reason", count: "Events" };

export class Power extends Section {
  /** `steps` are the sections that must be done before; `changed` is called after the app was turned on or off. */
  constructor(steps, { isMember }, changed) {
    super("power", "5. Turn it on", "Reads the clusters, schedules the job and the alerts, and runs the job once.");
    this._steps = steps;
    this._isMember = isMember;
    this._changed = changed;
    this.isOn = false;
    this._on = button("Turn it on", () => this.during("Checking the other steps ...", () => this._turnOn()), "primary");
    this._off = button("Turn it off", () => this.during("Turning it off ...", () => this._turnOff()));
    this._note = element("p", { class: "sb-about", hidden: true }, "The app is on in this search head cluster, but this member does not "
      + "know that it is set up, so it sends everybody to this page first. Splunk does not share that setting among members. Turn the "
      + "app on again on this member, or let the deployer distribute is_configured = true in local/app.conf, under [install].");
    this._saveSoon = button("Save", () => this.during("Saving ...", () => this._schedule()));
    this._on.hidden = this._off.hidden = this._saveSoon.hidden = true;
    this._times = element("div", {});
    this._lead = element("a", { class: "sb-button sb-primary", href: "operations", hidden: true }, "Go to Operations");
    this.body.append(this._times, element("div", { class: "sb-actions" }, this._lead, this._saveSoon, this._on, this._off), this._note);
  }

  /** `searches` are the app's saved searches, or a promise of them. */
  async load(searches = savedSearches()) {
    const job = (await searches).find(({ name }) => name === JOB);
    this.isOn = isTrue(job.is_scheduled) && !isTrue(job.disabled);
    this.mark(this.isOn, this.isOn ? "On" : "Off");
    this._on.hidden = false;
    this._on.textContent = this.isOn ? "Turn it on again, and run the job" : "Turn it on";
    this._showTimes(job.cron_schedule);
    this._saveSoon.hidden = !this.isOn;
    this._on.classList.toggle("sb-primary", !this.isOn);
    this._off.hidden = !this.isOn;
    this._lead.hidden = !this.isOn;
    this._note.hidden = !(this._isMember && this.isOn && !isTrue((await content("apps/local/segment_bridge")).configured));
  }

  /** Shows the choices, with one more if somebody has set another schedule. */
  _showTimes(cron) {
    this.soon = new Choice("soon", "How soon should events reach Segment?", { ...SOON, ...(SOON[cron] ? {} : { [cron]: `Current schedule: ${cron}` }) });
    this.soon.value = cron;
    this._times.replaceChildren(this.soon.element);
    this.watch([this.soon]);
  }

  async _schedule() {
    await post(path`saved/searches/${JOB}`, { cron_schedule: this.soon.value });
    this.watch([this.soon]);
    this.report.say("good", "Saved.");
  }

  /** Returns what gets the focus then. */
  async _turnOn() {
    await Promise.all(this._steps.map(({ loaded }) => loaded));
    const unsaved = this._steps.filter((step) => step.isChanged);
    if (unsaved.length) {
      this.report.say("bad", `First save or cancel your changes in: ${unsaved.map(({ title }) => title).join(", ")}.`);
      return unsaved[0].element.querySelector("h2");
    }
    const missing = this._steps.filter((step) => !step.isDone);
    if (missing.length) {
      this.report.say("bad", `First complete: ${missing.map(({ title }) => title).join(", ")}.`);
      return missing[0].element.querySelector("h2");
    }
    const unknown = await this._orShow(() => this._turnAllOn());
    await this._runJob();
    unknown.forEach((name) => this.report.add(
      "warning", `The app does not know any users of cluster ${name} yet. Step 2 shows its last error.`));
    // Last, and without a reload of the app, for which Splunk Web would restart.
    await post("apps/local/segment_bridge", { configured: true }).then(() => {
      this._note.hidden = true;
    }, ({ message }) => this.report.add(
      "warning", `The app is on, but Splunk could not note that it is set up, and so opens it with this page: ${message}`));
    return this._lead;
  }

  /** Turns inputs and schedules on; returns the clusters of which no users are known. */
  async _turnAllOn() {
    this.report.say("busy", "Turning the clusters' inputs on ...");
    // If the app is on already, somebody has switched off the clusters that are off.
    const clusters = (await all()).clusters.filter(({ disabled }) => !this.isOn || !isTrue(disabled));
    for (const { name } of clusters) {
      await post(path`data/inputs/usersignups/${name}/enable`);
    }
    const unknown = await this._waitForUsers(clusters.filter(({ usersignups }) => isTrue(usersignups ?? true))
      .map(({ name }) => name));
    this.report.say("busy", "Scheduling the job and the alerts ...");
    await this._schedule();
    for (const { name } of await scheduled()) {
      await setScheduled(name, true);
    }
    return unknown;
  }

  /** Runs an action, and shows what is on and off then, even if it failed halfway. */
  async _orShow(action) {
    try {
      return await action();
    } finally {
      await this._changed();
    }
  }

  /** Waits for the first records of these clusters; returns those that still have none. */
  async _waitForUsers(names) {
    const until = Date.now() + WAIT_FOR_USERS_MS;
    const waiting = new Set(names);
    while (waiting.size && Date.now() < until) {
      this.report.say("busy", `Reading the users of ${[...waiting].join(", ")} ...`);
      for (const cluster of [...waiting]) {
        const found = await get("storage/collections/data/usersignups", { query: JSON.stringify({ cluster }), limit: 1 });
        if (found.length) {
          waiting.delete(cluster);
        }
      }
      await pause(waiting.size && POLL_MS);
    }
    return waiting;
  }

  async _runJob() {
    this.report.say("busy", "The app is on. Running the job for the first time ...");
    try {
      this._show(await finished(await dispatch(JOB, { trigger: true })));
    } catch (failure) {
      this.report.say("warning", "The app is on, but the first run failed. The next run will try again. ", failure.message);
    }
  }

  _show({ rows, messages }) {
    if (rows.length) {
      this.report.say("good", "The app is on. The first run:", table(rows, COLUMNS, "Events by journey and outcome"));
    } else {
      this.report.say("good", "The app is on. The first run found no user journeys.");
    }
    messages.filter(({ type }) => type === "WARN").forEach(({ text }) => this.report.add("warning", plain(text)));
  }

  async _turnOff() {
    const refusal = await this._orShow(async () => {
      for (const { name } of await scheduled()) {
        await setScheduled(name, false);
      }
      const found = await all();
      for (const { name } of found.clusters) {
        await post(path`data/inputs/usersignups/${name}/disable`);
      }
      return found.refusal;
    });
    this.report.say("good", "The app is off: it reads and sends nothing. All settings stay.");
    if (refusal) {
      this.report.add("warning", "The inputs are still on, because this page cannot turn them off: use Settings > Data inputs > UserSignups.");
    }
  }
}
