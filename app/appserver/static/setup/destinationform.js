/* The form for one destination: the settings of a stanza of segment_bridge.conf that a site may need; README/segment_bridge.conf.spec
   has all. */

import { button, details, element } from "../common/dom.js";
import { allValid, Choice, failAt, Field, optional, required, SecretField } from "../common/fields.js";
import { batchUrl, filePath, name, proxyUrl, writeKey } from "./rules.js";

export const DRAFT = ".draft";

export class DestinationForm {
  /** `destination` has no name if it is a new one; `saved` are the names of the secrets that there are, `taken` those of
      destinations. */
  constructor(destination, saved, taken, { save, test, cancel }) {
    this.destination = destination;
    this._makeFields(taken);
    this._fill(destination, saved);
    this.fields = [this.name, this.where, this.url, this.key, this.proxy, this.ca];
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
      this.url.element,
      this.key.element,
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
      check: required((text) => (taken.includes(text) ? "There is a destination of this name."
        : text.endsWith(DRAFT) ? `Must not end with ${DRAFT}.` : name(text))),
      placeholder: "staging", help: "As searches name it: | segmentsend destination=<name>. It cannot be changed later.",
    });
    this.where = new Choice("where", "Where is the Segment workspace?", {
      us: "United States (api.segment.io)",
      eu: "European Union (events.eu1.segmentapis.com)",
      url: "Elsewhere: a proxy of yours, or another receiver of Segment's protocol",
    }, (value) => {
      this.url.element.hidden = value !== "url";
    });
    this.url = new Field("url", "Address that takes batches", {
      check: required(batchUrl), placeholder: "https://hosted.rudderlabs.com/v1/batch", width: "wide",
      help: "With its path. Region does not matter then.",
    });
    this.key = new SecretField("write_key", "Write key", {
      check: writeKey,
      help: "In Segment: Connections > Sources > your HTTP API source > Settings > API Keys. It is kept in Splunk's password store.",
    });
    this.proxy = new Field("proxy_url", "Proxy", {
      check: optional(proxyUrl), placeholder: "http://proxy.example.com:3128", width: "wide",
      help: "If Splunk reaches the internet through one. What the environment of Splunk says does not matter here.",
    });
    this.ca = new Field("ca_file", "CA file", {
      check: optional(filePath), placeholder: "$SPLUNK_HOME/etc/auth/ca.pem", width: "wide",
      help: "PEM file on the search head, if the receiver or the proxy has a certificate of a private authority. "
        + "Certificates are always verified.",
    });
  }

  _fill(destination, saved) {
    this.name.value = destination.name;
    this.name.element.hidden = Boolean(destination.name);
    this.where.value = destination.url ? "url" : destination.region ?? "us";
    this.url.value = destination.url;
    this.proxy.value = destination.proxy_url;
    this.ca.value = destination.ca_file;
    this.key.show(saved.has(destination.name));
  }

  _ifValid(action) {
    if (allValid(this.fields)) {
      action();
    }
  }

  get settings() {
    const where = this.where.value;
    return {
      ...(where === "url" ? { url: this.url.value } : { region: where, url: "" }),
      proxy_url: this.proxy.value,
      ca_file: this.ca.value,
    };
  }

  focus() {
    (this.destination.name ? this.where : this.name).focus();
  }

  /** Shows a failure beside the field that it is about, which is returned, if it is about one. */
  fail(failure) {
    return failAt(failure, {
      url: this.url, proxy_url: this.proxy, ca_file: this.ca, secret: this.key, auth: this.key, tls: this.ca,
      wrong_url: this.url, redirect: this.url, network: this.url, unexpected_body: this.url,
    });
  }
}
