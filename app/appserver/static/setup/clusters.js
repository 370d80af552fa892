/* Step 2: the clusters whose UserSignups say who is who; each is an input, [usersignups://NAME], and its token. */

import { button, code, element, Section } from "./dom.js";
import { ClusterForm, SECRETS, SETTINGS } from "./clusterform.js";
import * as secrets from "./secrets.js";
import { get, isTrue, path, post, remove, search } from "./splunkd.js";

export const INPUTS = "data/inputs/usersignups";
const COLLECTIONS = ["usersignups", "tenant_namespaces"];
const COUNT = "| inputlookup usersignups | stats count BY cluster";

/** The settings of all clusters, by name. */
export async function all() {
  const { entry } = await get(INPUTS, { count: 0 });
  return entry.map(({ name, content }) => ({ ...content, name }));
}

export class Clusters extends Section {
  /** `isOn` tells whether a new cluster is to be read from now on, or only when the app is turned on. */
  constructor(isOn) {
    super(
      "clusters",
      "2. Clusters",
      "The Kubernetes clusters that know the users: their UserSignups say whose a username is. Each is read every "
        + "quarter of an hour.",
    );
    this._isOn = isOn;
    this._list = element("div", {});
    this._form = element("div", {});
    this._note = element("p", { class: "sb-about", hidden: true });
    this._add = button("Add a cluster", () => this._open({ name: "" }));
    this.body.append(this._list, element("div", { class: "sb-actions" }, this._add), this._form, this._note);
  }

  async load() {
    const [clusters, saved] = await Promise.all([all(), secrets.saved()]);
    this.clusters = clusters;
    this._saved = saved;
    this._list.replaceChildren(...(clusters.length ? [this._table()] : []));
    this.mark(clusters.length > 0);
    await Promise.all([this._count(), this._noteOnMembers()]);
  }

  _table() {
    const heading = (text) => element("th", { scope: "col" }, text);
    return element(
      "table",
      { class: "sb-table" },
      element("caption", { class: "sb-unseen" }, "Clusters"),
      element("thead", {}, element("tr", {}, heading("Name"), heading("Read from"), heading("Usernames known"), heading("State"),
        heading("Actions"))),
      element("tbody", {}, ...this.clusters.map((cluster) => this._row(cluster))),
    );
  }

  _row(cluster) {
    const action = (text, click) => {
      const made = button(text, click, "link");
      made.setAttribute("aria-label", `${text} cluster ${cluster.name}`);
      return made;
    };
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, cluster.name),
      element("td", {}, cluster.server || cluster.kubeconfig || "this pod's service account"),
      element("td", { "data-cluster": cluster.name }, "..."),
      element("td", {}, isTrue(cluster.disabled) ? "Off" : "On"),
      element("td", { class: "sb-row-actions" },
        action("Test", () => this._test(cluster)),
        action("Edit", () => this._open(cluster)),
        action("Remove", () => this._ask(cluster))),
    );
  }

  async _count() {
    const counts = new Map((await search(COUNT)).rows.map(({ cluster, count }) => [cluster, count]));
    this._list.querySelectorAll("[data-cluster]").forEach((cell) => {
      cell.textContent = counts.get(cell.dataset.cluster) ?? "none yet";
    });
  }

  async _noteOnMembers() {
    const { entry } = await get("server/info");
    this._note.hidden = !entry[0].content.server_roles?.includes("shc_member");
    this._note.textContent = "This search head is a member of a cluster. An input that is made here runs on this member, "
      + "and all members share what it finds. That suffices; if all are to have it, distribute it with the deployer.";
  }

  /** A cluster is right if splunkd takes its settings once more: it has the input check them against the cluster. */
  async _test(cluster) {
    await this.during(`Asking cluster ${cluster.name} ...`, async () => {
      const settings = SETTINGS.filter((each) => each in cluster).map((each) => [each, cluster[each]]);
      await post(path`data/inputs/usersignups/${cluster.name}`, Object.fromEntries(settings));
      this.report.say("good", `Cluster ${cluster.name} answers, and lets its account list what the app needs.`);
    });
  }

  _open(cluster) {
    const form = new ClusterForm(cluster, this._saved, this.clusters.map(({ name }) => name), {
      save: (...changes) => this._save(form, ...changes),
      cancel: () => this._close().focus(),
    });
    this.report.clear();
    this._form.replaceChildren(form.element);
    form.focus();
  }

  /** Returns what gets the focus then. */
  _close() {
    this._form.replaceChildren();
    return this._add;
  }

  /** `given` are secrets, by name. The input's check reads the token out of the password store, so that goes first. */
  async _save(form, name, settings, given) {
    const isNew = !form.cluster.name;
    await this.during(`Asking cluster ${name} ...`, async () => {
      for (const [user, secret] of given) {
        await (secret ? secrets.save(user, secret) : secrets.forget(user));
      }
      try {
        await (isNew
          ? post(INPUTS, { name, ...settings, disabled: this._isOn() ? 0 : 1 })
          : post(path`data/inputs/usersignups/${name}`, settings));
      } catch (error) {
        if (isNew) {
          await Promise.all([...given.keys()].map(secrets.forget));
        }
        const field = form.fail(error.message);
        if (!field) {
          throw error;
        }
        this.report.clear();
        return field;
      }
      await this.load();
      this.report.say("good", `Saved. Cluster ${name} answers, and lets its account list what the app needs.`);
      return this._close();
    });
  }

  _ask(cluster) {
    const forget = element("input", { type: "checkbox" });
    const box = element(
      "div",
      { class: "sb-form", role: "group", "aria-label": `Remove cluster ${cluster.name}` },
      element("p", {}, "Remove ", code(cluster.name), " and its token? Nothing in the cluster itself changes."),
      element(
        "div",
        { class: "sb-field sb-tick" },
        element("label", {}, forget, " Also forget its users: events of theirs are no longer sent"),
      ),
      element(
        "div",
        { class: "sb-actions" },
        button("Remove", () => this._remove(cluster, forget.checked), "danger"),
        button("Cancel", () => this._close().focus()),
      ),
    );
    this.report.clear();
    this._form.replaceChildren(box);
    forget.focus();
  }

  async _remove({ name }, isForgotten) {
    await this.during(`Removing cluster ${name} ...`, async () => {
      await remove(path`data/inputs/usersignups/${name}`);
      for (const suffix of SECRETS) {
        await secrets.forget(`usersignups:${name}${suffix}`);
      }
      for (const collection of isForgotten ? COLLECTIONS : []) {
        await remove(path`storage/collections/data/${collection}`, { query: JSON.stringify({ cluster: name }) });
      }
      await this.load();
      this.report.say("good", `Removed cluster ${name}.`);
      return this._close();
    });
  }
}
