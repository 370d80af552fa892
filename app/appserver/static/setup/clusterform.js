/* The form for one cluster, with the settings of [usersignups://NAME] that most sites need; README/inputs.conf.spec has all. */

import { button, code, details, element } from "../common/dom.js";
import { allValid, Choice, failAt, Field, optional, required, SecretField, Tick } from "../common/fields.js";
import { isTrue } from "../common/splunkd.js";
import { certificates, derCertificates, filePath, httpsUrl, name, namespace, proxyUrl, seconds } from "./rules.js";

/** The settings in the form. */
export const SETTINGS = ["server", "ca_file", "kubeconfig", "context", "namespace", "proxy_url", "usersignups", "tenant_namespaces",
  "interval"];

/** A cluster's secrets: the suffixes of their names, after usersignups:NAME. */
export const SECRETS = ["", ":ca", ":proxy"];
const [TOKEN, CA, PROXY] = SECRETS;

export class ClusterForm {
  /** `cluster` has no name if it is new. `saved` are the names of all saved secrets, `taken` those of all clusters. If
      `isSecret`, the form has only the secrets, because the settings are made elsewhere. */
  constructor(cluster, saved, taken, isSecret, { save, cancel }) {
    this.cluster = cluster;
    this._save = save;
    this._makeFields(taken);
    this._show(cluster, saved);
    this.element = element(
      "form",
      { class: "sb-form", novalidate: true, "aria-label": cluster.name ? `Cluster ${cluster.name}` : "New cluster",
        submit: (event) => this._submit(event) },
      element("h3", {}, cluster.name ? `Cluster ${cluster.name}` : "New cluster"),
      ...(isSecret
        ? this._elements(this.name, this.token, this.ca, this.proxyCredentials)
        : [...this._elements(this.name, this.way, this.server, this.token, this.ca, this.kubeconfig, this.context),
          element("div", { class: "sb-field" }, ...this._elements(this.signups, this.tenants)),
          details("More settings", ...this._elements(this.caFile, this.namespace, this.interval, this.proxy,
            this.proxyCredentials))]),
      element(
        "div",
        { class: "sb-actions" },
        element("button", { type: "submit", class: "sb-button sb-primary" }, isSecret ? "Save" : "Test and save"),
        button("Cancel", cancel),
      ),
    );
    this.fields = [this.name, this.way, this.server, this.token, this.ca, this.kubeconfig, this.context, this.signups, this.tenants,
      this.caFile, this.namespace, this.interval, this.proxy, this.proxyCredentials].filter((field) => this.element.contains(field.element));
  }

  _elements(...fields) {
    return fields.map((field) => field.element);
  }

  _makeFields(taken) {
    this.name = new Field("name", "Name", {
      check: required((text) => (taken.includes(text) ? "Another cluster has this name." : name(text))),
      placeholder: "prod", help: "Records and the run log use this name. You cannot change it later.",
    });
    this.way = new Choice("way", "How does Splunk connect?", {
      server: "With the API server's address and a token",
      kubeconfig: "With a kubeconfig file on the search head",
      pod: "With the service account of the pod that Splunk runs in",
    }, (way) => this._choose(way));
    this.server = new Field("server", "API server", {
      check: required(httpsUrl), placeholder: "https://api.example.com:6443", width: "wide",
      help: "The address of the host cluster's API server, or of a member cluster's.",
    });
    this.token = new SecretField("token", "Bearer token", {
      help: [
        "The token of an account that may list UserSignups and namespaces. ", code("kubectl apply -f kubernetes/reader.yaml"),
        " (from the app's package) creates one; the file says how to read its token. To list only UserSignups or only namespaces, use ",
        code("host.yaml"), " or ", code("member.yaml"), ". Splunk's password store keeps the token.",
      ],
    });
    this.ca = new SecretField("ca", "CA certificates", {
      check: certificates, isOptional: true, tall: true, width: "wide", placeholder: "-----BEGIN CERTIFICATE-----",
      help: [
        "Needed only if a private CA signed the API server's certificate. The app always verifies it. To see the CA certificate, run ",
        code("kubectl config view --minify --raw -o jsonpath='{..certificate-authority-data}' | base64 -d"), ".",
      ],
    });
    this.caFile = new Field("ca_file", "CA file", {
      check: optional(filePath), placeholder: "/opt/splunk/etc/auth/cluster-ca.pem", width: "wide",
      help: "A PEM file on the search head, instead of the CA certificates above.",
    });
    this.kubeconfig = new Field("kubeconfig", "Kubeconfig", {
      check: required(filePath), placeholder: "/opt/splunk/etc/auth/kubeconfig", width: "wide",
      help: "A file on the search head. It may contain a token or a client certificate, but not name programs that log in.",
    });
    this.context = new Field("context", "Context", { help: "A context of the kubeconfig. If empty, the app uses its current context." });
    this.namespace = new Field("namespace", "Namespace of the UserSignups", {
      check: optional(namespace), placeholder: "toolchain-host-operator", help: "",
    });
    this.signups = new Tick("usersignups", "List UserSignups", "They map usernames to people. Host clusters have them.");
    this.tenants = new Tick("tenant_namespaces", "List tenant namespaces",
      "They let the app attribute what a controller does to the workspace's owner. Member clusters have them.");
    this.interval = new Field("interval", "Seconds between reads", { check: optional(seconds), placeholder: "900", help: "" });
    this.proxy = new Field("proxy_url", "Proxy", {
      check: optional(proxyUrl), placeholder: "http://proxy.example.com:3128", width: "wide",
      help: "An HTTP proxy between Splunk and the API server.",
    });
    this.proxyCredentials = new SecretField("proxy_credentials", "Proxy credentials", {
      isOptional: true, help: ["If the proxy asks for them: ", code("user:password"), "."],
    });
    this._secrets = { [TOKEN]: this.token, [CA]: this.ca, [PROXY]: this.proxyCredentials };
  }

  _show(cluster, saved) {
    const fields = {
      name: this.name, server: this.server, ca_file: this.caFile, kubeconfig: this.kubeconfig, context: this.context,
      namespace: this.namespace, interval: this.interval, proxy_url: this.proxy,
    };
    for (const [key, field] of Object.entries(fields)) {
      field.value = cluster[key];
    }
    this.name.element.hidden = Boolean(cluster.name);
    this.signups.value = isTrue(cluster.usersignups ?? true);
    this.tenants.value = isTrue(cluster.tenant_namespaces ?? true);
    for (const [suffix, field] of Object.entries(this._secrets)) {
      field.show(saved.has(`usersignups:${cluster.name}${suffix}`));
    }
    this.way.value = cluster.kubeconfig ? "kubeconfig" : !cluster.name || cluster.server ? "server" : "pod";
  }

  _choose(way) {
    const server = [this.server, this.token, this.ca, this.caFile];
    const kubeconfig = [this.kubeconfig, this.context];
    const shown = { server, kubeconfig, pod: [] }[way];
    for (const field of [...server, ...kubeconfig]) {
      field.element.hidden = !shown.includes(field);
    }
  }

  focus() {
    (!this.cluster.name ? this.name : this.fields.includes(this.way) ? this.way : this.token).focus();
  }

  _submit(event) {
    event.preventDefault();
    if (!allValid(this.fields)) {
      return;
    }
    const visible = (field) => (field.element.hidden ? "" : field.value);
    const settings = {
      server: visible(this.server), ca_file: visible(this.caFile), kubeconfig: visible(this.kubeconfig),
      context: visible(this.context), namespace: this.namespace.value, proxy_url: this.proxy.value,
      usersignups: this.signups.value ? 1 : 0, tenant_namespaces: this.tenants.value ? 1 : 0, interval: this.interval.value || 900,
    };
    // A new input simply lacks empty settings. In an existing input, empty settings must replace the old ones.
    const given = Object.entries(settings).filter(([, value]) => this.cluster.name || value !== "");
    this._save(this.name.value, Object.fromEntries(given), new Map(this._changedSecrets()));
  }

  /** The suffix and the new value of each changed secret; "" removes it. */
  * _changedSecrets() {
    for (const [suffix, field] of Object.entries(this._secrets)) {
      const value = field === this.ca ? derCertificates(field.value) : field.value;
      if (!field.element.hidden && (value || field.isRemoved)) {
        yield [suffix, value];
      }
    }
  }

  /** Shows a failure beside its field, and returns the field, if the failure concerns one. */
  fail(failure) {
    return failAt(failure, {
      server: this.server, ca_file: this.caFile, kubeconfig: this.kubeconfig, context: this.context, namespace: this.namespace,
      proxy_url: this.proxy, interval: this.interval,
      secret: this.token, http_401: this.token, tls: this.ca, proxy: this.proxy, network: this.server,
    });
  }
}
