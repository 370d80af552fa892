/* The form for one cluster: the settings of [usersignups://NAME] that a site may need; README/inputs.conf.spec has all. */

import { button, code, details, element } from "../common/dom.js";
import { allValid, Choice, failAt, Field, optional, required, SecretField, Tick } from "../common/fields.js";
import { isTrue } from "../common/splunkd.js";
import { certificates, derCertificates, filePath, httpsUrl, name, namespace, proxyUrl, seconds } from "./rules.js";

/** The settings that the form has. */
export const SETTINGS = ["server", "ca_file", "kubeconfig", "context", "namespace", "proxy_url", "usersignups", "tenant_namespaces",
  "interval"];

/** A cluster's secrets: what follows usersignups:NAME in their names. */
export const SECRETS = ["", ":ca", ":proxy"];
const [TOKEN, CA, PROXY] = SECRETS;

export class ClusterForm {
  /** `cluster` has no name if it is a new one; `saved` are the names of the secrets that there are, `taken` those of
      clusters. `isSecret`: it is for the secrets alone, the settings are made elsewhere. */
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
      check: required((text) => (taken.includes(text) ? "There is a cluster of this name." : name(text))),
      placeholder: "prod", help: "Your name for it, also in records and the run log. You cannot change it later.",
    });
    this.way = new Choice("way", "How does Splunk get in?", {
      server: "API server's address and a token",
      kubeconfig: "A kubeconfig file on the search head",
      pod: "The service account of the pod that Splunk runs in",
    }, (way) => this._choose(way));
    this.server = new Field("server", "API server", {
      check: required(httpsUrl), placeholder: "https://api.example.com:6443", width: "wide", help: "Of the host cluster, or of a member cluster where the tenants live.",
    });
    this.token = new SecretField("token", "Bearer token", {
      help: [
        "Of an account that may list UserSignups and namespaces: ", code("kubectl apply -f kubernetes/reader.yaml"),
        " (from the app's package) makes one, and says how to read its token; for one of both alone there are ",
        code("host.yaml"), " and ", code("member.yaml"), ". It is kept in Splunk's password store.",
      ],
    });
    this.ca = new SecretField("ca", "CA certificates", {
      check: certificates, isOptional: true, tall: true, width: "wide", placeholder: "-----BEGIN CERTIFICATE-----",
      help: [
        "Only if a private authority signed the API server's certificate, which is always verified. ",
        code("kubectl config view --minify --raw -o jsonpath='{..certificate-authority-data}' | base64 -d"), " shows it.",
      ],
    });
    this.caFile = new Field("ca_file", "CA file", {
      check: optional(filePath), placeholder: "/opt/splunk/etc/auth/cluster-ca.pem", width: "wide",
      help: "PEM file on the search head, in place of CA certificates.",
    });
    this.kubeconfig = new Field("kubeconfig", "Kubeconfig", {
      check: required(filePath), placeholder: "/opt/splunk/etc/auth/kubeconfig", width: "wide",
      help: "File on the search head. It may hold a token or a client certificate, but not start programs to log in.",
    });
    this.context = new Field("context", "Context", { help: "Of the kubeconfig; its current one if this is empty." });
    this.namespace = new Field("namespace", "Namespace of the UserSignups", {
      check: optional(namespace), placeholder: "toolchain-host-operator", help: "",
    });
    this.signups = new Tick("usersignups", "List UserSignups", "They say who has which username. A host cluster has them.");
    this.tenants = new Tick("tenant_namespaces", "List tenant namespaces",
      "So that what a controller does counts as done by the workspace's owner. Member clusters have them.");
    this.interval = new Field("interval", "Seconds between two reads", { check: optional(seconds), placeholder: "900", help: "" });
    this.proxy = new Field("proxy_url", "Proxy", {
      check: optional(proxyUrl), placeholder: "http://proxy.example.com:3128", width: "wide",
      help: "On the way to the API server.",
    });
    this.proxyCredentials = new SecretField("proxy_credentials", "Proxy's credentials", {
      isOptional: true, help: ["If it asks for them, as ", code("user:password"), "."],
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
    (this.cluster.name ? this.server : this.name).focus();
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
    // What a new input does not set it does not have; what an old one no longer sets has to be emptied.
    const given = Object.entries(settings).filter(([, value]) => this.cluster.name || value !== "");
    this._save(this.name.value, Object.fromEntries(given), new Map(this._changedSecrets()));
  }

  /** What follows usersignups:NAME in the names of secrets, and what to keep there: "" if nothing. */
  * _changedSecrets() {
    for (const [suffix, field] of Object.entries(this._secrets)) {
      const value = field === this.ca ? derCertificates(field.value) : field.value;
      if (!field.element.hidden && (value || field.isRemoved)) {
        yield [suffix, value];
      }
    }
  }

  /** Shows a failure beside the field that it is about, which is returned, if it is about one. */
  fail(failure) {
    return failAt(failure, {
      server: this.server, ca_file: this.caFile, kubeconfig: this.kubeconfig, context: this.context, namespace: this.namespace,
      proxy_url: this.proxy, interval: this.interval,
      secret: this.token, http_401: this.token, tls: this.ca, proxy: this.proxy, network: this.server,
    });
  }
}
