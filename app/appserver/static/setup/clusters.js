/* Step 2: the clusters. Each is an input, [usersignups://NAME], with a token. */

import { ask } from "../common/dialog.js";
import { code, element, helpLink, table } from "../common/dom.js";
import { Failure } from "../common/failure.js";
import { Tick } from "../common/fields.js";
import { search } from "../common/searches.js";
import { get, isTrue, path, post, remove } from "../common/splunkd.js";
import { ClusterForm, SECRETS, SETTINGS } from "./clusterform.js";
import { ListSection } from "./list.js";
import * as secrets from "./secrets.js";

export const INPUTS = "data/inputs/usersignups";
const COLLECTIONS = ["usersignups", "tenant_namespaces"];
const COUNT = "| inputlookup usersignups | stats count BY cluster";
/* A draft that stands for no secret: bin/segment_bridge/splunk/modular_input.py. */
const NONE = "-";

/** The settings of all clusters. If Splunk does not let this page see and change inputs, there are none, and `refusal` is
    its answer. */
export async function all() {
  try {
    const { entry } = await get(INPUTS, { count: 0 });
    return { clusters: entry.map(({ name, content, acl }) => ({ ...content, name, isRemovable: acl.removable })) };
  } catch (failure) {
    if (failure.status === 404 && failure.code !== "not_exposed") {
      throw new Failure("unknown_input", "Splunk does not know the app's input, usersignups. If Splunk has not been restarted since the app was "
        + "installed, restart it. Otherwise, splunkd.log says why it could not start the input: search index=_internal usersignups.", 404);
    }
    if ([403, 404, 405].includes(failure.status)) {
      return { clusters: [], refusal: failure };
    }
    throw failure;
  }
}

const secretName = (name, suffix) => `usersignups:${name}${suffix}`;
const draftName = (name, suffix) => `usersignups:${name}:draft${suffix}`;

async function forgetDrafts(name) {
  for (const suffix of SECRETS) {
    await secrets.forget(draftName(name, suffix));
  }
}

export class Clusters extends ListSection {
  /** `isOn()` tells whether the app is on. If it is, a new cluster is read at once, otherwise once the app is turned on. */
  constructor(isOn, { isMember }) {
    super(
      "clusters",
      "2. Clusters",
      ["The Kubernetes clusters from which the app learns who the users are: UserSignups on the host cluster map usernames to "
        + "people, and tenant namespaces name their workspace. The app reads each cluster every 15 minutes. ",
      helpLink("Several clusters", "setup", "several-clusters")],
      "cluster",
    );
    this._isOn = isOn;
    if (isMember) {
      this.body.append(element("p", { class: "sb-about" }, "This search head is a member of a search head cluster. An input that "
        + "you add here runs only on this member, but all members share what it finds, so one is enough. To have it on every member, "
        + "distribute it with the deployer."));
    }
  }

  async load() {
    const [{ clusters, refusal }, saved] = await Promise.all([all(), secrets.saved()]);
    Object.assign(this, { clusters, refusal, _saved: saved });
    const runs = this._show(clusters, {
      from: { heading: "Read from", cell: (cluster) => cluster.server || cluster.kubeconfig || "this pod's service account" },
      users: { heading: "Known usernames", cell: ({ name }) => element("span", { "data-cluster": name }, "...") },
    }, {
      isOn: ({ disabled }) => !isTrue(disabled),
      turn: (cluster, isOn) => this._turn(cluster, isOn),
      runs: ({ name }) => ({ component: "usersignups", cluster: name }),
      actions: (cluster) => ({
        Test: () => this._test(cluster), Edit: () => this._open(cluster),
        ...(cluster.isRemovable ? { Remove: () => this._ask(cluster) } : {}) }),
    });
    if (refusal) {
      this._list.append(this._instead(refusal));
    }
    this._add.textContent = refusal ? "Save a cluster's token" : "Add a cluster";
    const off = clusters.filter(({ disabled }) => isTrue(disabled)).map(({ name }) => name);
    if (refusal) {
      this.mark(true, "By hand", false);
    } else if (off.length) {
      this.mark(true, this._isOn() ? `Off: ${off.join(", ")}` : "Off until step 5", false);
    } else {
      this.mark(clusters.length > 0);
    }
    await Promise.all([runs, this._orUnknown(this._count())]);
  }

  async _turn({ name }, isOn) {
    await this.during(`Turning cluster ${name} ${isOn ? "on" : "off"} ...`, async () => {
      await (isOn ? post(path`data/inputs/usersignups/${name}/enable`) : post(path`data/inputs/usersignups/${name}/disable`));
      await this.load();
      this.report.say("good", isOn
        ? `Cluster ${name} is on. The app reads it now, and then every 15 minutes.`
        : `Cluster ${name} is off. The app no longer reads it, but remembers its users and keeps sending their events.`);
    });
  }

  /** What to do if this page may not see and change inputs. */
  _instead(refusal) {
    return element(
      "div",
      { class: "sb-note sb-warning" },
      element("p", {}, "This page cannot see or change inputs on this Splunk: ", refusal.message),
      "Use Splunk's own page instead: Settings > Data inputs > UserSignups. First save the cluster's token here. Then create the "
        + "input there, with the same name and the API server's address, and enable it. You can do the other steps as usual.",
    );
  }

  async _count() {
    const { rows } = await search(COUNT);
    const counts = new Map(rows.map(({ cluster, count }) => [cluster, count]));
    this._list.querySelectorAll("[data-cluster]").forEach((cell) => {
      cell.textContent = counts.get(cell.dataset.cluster) ?? "none yet";
    });
    if (this.refusal && rows.length) {
      this._list.append(table(rows, { cluster: "Cluster", count: "Known usernames" }, "What the inputs have found"));
    }
  }

  /** Saves the cluster's settings unchanged, because splunkd then has the input check them against the cluster. */
  async _test({ name }) {
    await this.during(`Asking cluster ${name} ...`, async () => {
      await forgetDrafts(name);
      const cluster = (await all()).clusters.find((each) => each.name === name);
      if (!cluster) {
        throw new Failure("gone", `Somebody has removed cluster ${name} since the page showed it.`);
      }
      const settings = SETTINGS.filter((each) => each in cluster).map((each) => [each, cluster[each]]);
      await post(path`data/inputs/usersignups/${name}`, Object.fromEntries(settings));
      this.report.say("good", `Cluster ${name} answers, and permits everything that the app needs.`);
    });
  }

  _open(cluster = { name: "" }) {
    const form = new ClusterForm(cluster, this._saved, this.clusters.map(({ name }) => name), Boolean(this.refusal), {
      save: (...changes) => this.refusal ? this._saveSecrets(...changes) : this._save(form, ...changes),
      cancel: () => this._close().focus(),
    });
    return this._replace(form);
  }

  /** `given` are secrets by the suffix of their names; "" removes one. They are saved as drafts first: when splunkd saves the
      settings, it has the input check them with the drafts. */
  async _save(form, name, settings, given) {
    const isNew = !form.cluster.name;
    await this.during(`Asking cluster ${name} ...`, async () => {
      try {
        await forgetDrafts(name);
        for (const [suffix, secret] of given) {
          await secrets.save(draftName(name, suffix), secret || NONE);
        }
        // A new input stays off until it has its secrets, because its first run needs them.
        await (isNew
          ? post(INPUTS, { name, ...settings, disabled: 1 })
          : post(path`data/inputs/usersignups/${name}`, settings));
        form.cluster = { ...form.cluster, ...settings, name };
        for (const [suffix, secret] of given) {
          await secrets.save(secretName(name, suffix), secret);
        }
        if (isNew && this._isOn()) {
          await post(path`data/inputs/usersignups/${name}/enable`);
        }
      } catch (failure) {
        const field = form.fail(failure);
        if (!field) {
          throw failure;
        }
        this.report.clear();
        return field;
      } finally {
        await forgetDrafts(name);
      }
      await this.load();
      this.report.say("good", `Saved. Cluster ${name} answers, and permits everything that the app needs.`);
      return this._close();
    });
  }

  /** For inputs that are created by hand. */
  async _saveSecrets(name, settings, given) {
    await this.during("Saving ...", async () => {
      for (const [suffix, secret] of given) {
        await secrets.save(secretName(name, suffix), secret);
      }
      this.report.say("good", "Saved. Now create the input under Settings > Data inputs > UserSignups, with the name ", code(name), ".");
      return this._close();
    });
  }

  async _ask({ name }) {
    const forget = new Tick("forget", "Also forget its users", "The app then no longer sends their events.");
    const isForgotten = await ask(`Remove cluster ${name}?`, [
      element("p", {}, "This also removes its token. The cluster itself does not change."), forget.element,
    ], { Remove: { kind: "danger", answer: () => forget.value } });
    if (isForgotten !== undefined) {
      await this._remove(name, isForgotten);
    }
  }

  async _remove(name, isForgotten) {
    await this.during(`Removing cluster ${name} ...`, async () => {
      await remove(path`data/inputs/usersignups/${name}`);
      await forgetDrafts(name);
      for (const suffix of SECRETS) {
        await secrets.forget(secretName(name, suffix));
      }
      for (const collection of isForgotten ? COLLECTIONS : []) {
        await remove(path`storage/collections/data/${collection}`, { query: JSON.stringify({ cluster: name }) });
      }
      await this.load();
      this.report.say("good", `Removed cluster ${name}.`);
      return this._close(name);
    });
  }
}
