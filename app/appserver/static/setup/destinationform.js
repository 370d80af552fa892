/* The form for one destination, with the settings of its stanza in segment_bridge.conf that most sites need;
   README/segment_bridge.conf.spec has all. */

import { button, code, details, element } from "../common/dom.js";
import { allValid, Choice, failAt, Field, optional, required, SecretField } from "../common/fields.js";
import { batchUrl, bodyOfKey, filePath, identifier, keyWithSecret, name, privateKey, proxyUrl, writeKey } from "./rules.js";

export const DRAFT = ".draft";

/** A destination's secrets: the suffixes of their names, after the destination's name. */
export const SECRETS = ["", ":api", ":oauth"];
const [KEY, TOKEN, PRIVATE_KEY] = SECRETS;

/* The settings for each choice of receiver, and how the receiver treats repeats, if it does not drop them: the ledger is on then.
   Source: Help > segmentsend > Other receivers. */
const WHERE = {
  us: { label: "Segment, in the United States", receiver: "segment", region: "us" },
  eu: { label: "Segment, in the European Union", receiver: "segment", region: "eu" },
  rudderstack: { label: "RudderStack", receiver: "rudderstack", repeats: "By default, RudderStack does not drop repeats" },
  jitsu: { label: "Jitsu", receiver: "jitsu", repeats: "By default, Jitsu does not drop repeats" },
  "customerio-us": { label: "Customer.io, in the United States", receiver: "customerio", region: "us",
    repeats: "Customer.io does not document whether it drops repeats" },
  "customerio-eu": { label: "Customer.io, in the European Union", receiver: "customerio", region: "eu",
    repeats: "Customer.io does not document whether it drops repeats" },
  url: { label: "Another address: your own proxy, or any receiver of Segment's protocol", receiver: "segment" },
};

function whereOf({ receiver = "segment", region = "us", url }) {
  if (receiver !== "segment" || !url) {
    return Object.keys(WHERE).find((each) => WHERE[each].receiver === receiver && (WHERE[each].region ?? region) === region) ?? "url";
  }
  return "url";
}

/** What the list shows of a destination. */
export const shown = (destination) => (destination.url || WHERE[whereOf(destination)].label);

export class DestinationForm {
  /** `destination` has no name if it is new. `saved` are the names of all saved secrets, `taken` those of all destinations. */
  constructor(destination, saved, taken, { save, test, cancel }) {
    this.destination = destination;
    this._makeFields(taken);
    this._receipts = details("Receipts: what Segment did with the events", this.source.element, this.token.element);
    this._oauth = details("OAuth 2.0: if the source requires it", this.app.element, this.keyId.element, this.privateKey.element);
    this._fill(destination, saved);
    this.fields = [this.name, this.where, this.url, this.key, this.source, this.token, this.app, this.keyId, this.privateKey,
      this.proxy, this.ca];
    const title = destination.name ? `Destination ${destination.name}` : "New destination";
    this.element = element(
      "form",
      { class: "sb-form", novalidate: true, "aria-label": title, submit: (event) => {
        event.preventDefault();
        this._ifValid(save);
      } },
      element("h3", {}, title),
      this.name.element,
      this.where.element,
      this._repeats,
      this.url.element,
      this.key.element,
      this._receipts,
      this._oauth,
      details("Network", this.proxy.element, this.ca.element),
      element(
        "div",
        { class: "sb-actions" },
        element("button", { type: "submit", class: "sb-button sb-primary" }, "Save"),
        button("Save, and send a test event", () => this._ifValid(test)),
        button("Cancel", cancel),
      ),
    );
  }

  _makeFields(taken) {
    this.name = new Field("name", "Name", {
      check: required((text) => (taken.includes(text) ? "Another destination has this name."
        : text.endsWith(DRAFT) ? `Must not end with ${DRAFT}.` : name(text))),
      placeholder: "staging", help: "Searches use this name: | segmentsend destination=<name>. You cannot change it later.",
    });
    this.where = new Choice(
      "where", "Where should events go?", Object.fromEntries(Object.entries(WHERE).map(([key, { label }]) => [key, label])),
      (value) => this._choose(value));
    this._repeats = element("p", { class: "sb-help" });
    this.url = new Field("url", "URL for batches", {
      check: required(batchUrl), placeholder: "https://hosted.rudderlabs.com/v1/batch", width: "wide", help: "The whole URL, with its path.",
    });
    this.key = new SecretField("write_key", "Write key", {
      check: (text) => (WHERE[this.where.value].receiver === "jitsu" ? keyWithSecret(text) : writeKey(text)),
      help: "In Segment: Connections > Sources > your HTTP API source > Settings > API Keys. In Jitsu: the key's id, a colon and its "
        + "secret. Splunk's password store keeps it.",
    });
    this.source = new Field("source_id", "Source ID", {
      check: optional(identifier), help: "In Segment: your source > Settings > API Keys. With this ID and a token, Overview and Operations "
        + "show what Segment received and threw away, and why.",
    });
    this.token = new SecretField("api_token", "Public API token", {
      check: optional(writeKey), isOptional: true,
      help: "In Segment: Settings > Access Management > Tokens. The token must be able to read the source. Splunk's password store keeps it.",
    });
    this.app = new Field("oauth_app_id", "Application ID", {
      check: (text) => this._wholeOAuth(text), help: "In Segment: Settings > Access Management > OAuth Applications.",
    });
    this.keyId = new Field("oauth_key_id", "Key ID", {
      check: (text) => this._wholeOAuth(text), help: "The ID that Segment gave the application's public key.",
    });
    this.privateKey = new SecretField("oauth_key", "Private key", {
      check: privateKey, isOptional: true, tall: true, width: "wide", placeholder: "-----BEGIN PRIVATE KEY-----",
      help: ["The application's private key, in PEM, without a passphrase. ", code("openssl genrsa 2048"), " creates one. Splunk's "
        + "password store keeps it."],
    });
    this.proxy = new Field("proxy_url", "Proxy", {
      check: optional(proxyUrl), placeholder: "http://proxy.example.com:3128", width: "wide",
      help: "Needed only if Splunk reaches the internet through a proxy. The app ignores proxies set in Splunk's environment.",
    });
    this.ca = new Field("ca_file", "CA file", {
      check: optional(filePath), placeholder: "$SPLUNK_HOME/etc/auth/ca.pem", width: "wide",
      help: "A PEM file on the search head. Needed only if a private CA signed the certificate of the receiver or the proxy. The app "
        + "always verifies certificates.",
    });
  }

  /** The fields for secrets, by the suffix of the secrets' names. */
  get secrets() {
    return { [KEY]: this.key, [TOKEN]: this.token, [PRIVATE_KEY]: this.privateKey };
  }

  _fill(destination, saved) {
    this.name.value = destination.name;
    this.name.element.hidden = Boolean(destination.name);
    this.url.value = destination.url;
    const texts = { source_id: this.source, oauth_app_id: this.app, oauth_key_id: this.keyId, proxy_url: this.proxy, ca_file: this.ca };
    for (const [key, field] of Object.entries(texts)) {
      field.value = destination[key];
    }
    for (const [suffix, field] of Object.entries(this.secrets)) {
      field.show(saved.has(destination.name + suffix));
    }
    this.where.value = whereOf(destination);
  }

  _choose(where) {
    const { receiver, region, repeats } = WHERE[where];
    this.url.element.hidden = Boolean(region);
    this._repeats.hidden = !repeats;
    this._repeats.textContent = repeats ? `${repeats}. So that nothing is sent twice, the app remembers for six hours what it sent (ledger).` : "";
    const segments = [this._receipts, this._oauth, ...[this.source, this.token, this.app, this.keyId, this.privateKey]
      .map((field) => field.element)];
    segments.forEach((each) => {
      each.hidden = receiver !== "segment";
    });
  }

  /** Each of the two IDs requires the other. */
  _wholeOAuth(text) {
    return text ? identifier(text) : this.app.value || this.keyId.value ? "Required with the other ID." : "";
  }

  _ifValid(action) {
    if (allValid(this.fields)) {
      action();
    }
  }

  /** Leaves out settings that are empty now and were before. */
  get settings() {
    const { receiver, region = "" } = WHERE[this.where.value];
    const isSegment = receiver === "segment";
    const texts = {
      ...(region ? { region } : {}),
      receiver: isSegment ? "" : receiver,
      // Somebody may have set the URL of a receiver that has addresses of its own by hand.
      url: !region ? this.url.value : this.where.value === whereOf(this.destination) ? this.destination.url ?? "" : "",
      source_id: isSegment ? this.source.value : "",
      oauth_app_id: isSegment ? this.app.value : "",
      oauth_key_id: isSegment ? this.keyId.value : "",
      proxy_url: this.proxy.value,
      ca_file: this.ca.value,
    };
    return Object.fromEntries(Object.entries(texts).filter(([key, text]) => text || this.destination[key]));
  }

  /** Pairs of suffix and new value, for each secret that was entered or removed; "" removes it. */
  get given() {
    return Object.entries(this.secrets)
      .filter(([, field]) => !field.element.hidden && (field.value || field.isRemoved))
      .map(([suffix, field]) => [suffix, field === this.privateKey ? bodyOfKey(field.value) : field.value]);
  }

  /** Replaces the saved write key, which this page cannot read: a dry run only needs there to be one. */
  get anyKey() {
    const zeros = "0".repeat(32);
    return WHERE[this.where.value].receiver === "jitsu" ? `${zeros}:${zeros}` : zeros;
  }

  focus() {
    (this.destination.name ? this.where : this.name).focus();
  }

  /** Shows a failure beside its field, and returns the field, if the failure concerns one. */
  fail(failure) {
    return failAt(failure, {
      url: this.url, proxy_url: this.proxy, ca_file: this.ca, source_id: this.source, oauth_app_id: this.app,
      oauth_key_id: this.keyId, secret: this.key, auth: this.key, tls: this.ca,
      wrong_url: this.url, redirect: this.url, network: this.url, unexpected_body: this.url,
    });
  }
}
