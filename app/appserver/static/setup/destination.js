/* Step 1: where events are sent to, segment_bridge.conf [segment], and its write key.

   What is on the screen is tried as a destination of its own, a draft, before it takes the place of what is saved. */

import { button, code, details, element } from "../common/dom.js";
import { Failure, plain } from "../common/failure.js";
import { allValid, Choice, failAt, Field, optional, required, SecretField } from "../common/fields.js";
import { search } from "../common/searches.js";
import { Section } from "../common/section.js";
import { content, post, remove } from "../common/splunkd.js";
import { batchUrl, filePath, proxyUrl, writeKey } from "./rules.js";
import * as secrets from "./secrets.js";

const ALL = "configs/conf-segment_bridge";
const SETTINGS = "configs/conf-segment_bridge/segment";
const SECRET = "segment";
const DRAFT = "segment.draft";
const DRAFTED = "configs/conf-segment_bridge/segment.draft";
/* Stands for the saved key, which this page does not know. A dry run asks for one, and for no more. */
const ANY_KEY = "0".repeat(32);
const EVENT = "Segment Bridge test";
const ONE_ROW = `| makeresults | eval type="track", event="${EVENT}", anonymousId="segment-bridge-setup"`;
const CURES = {
  network: "Is the address right? Do firewalls let this search head through, or is a proxy needed (Network)?",
  tls: "If a private authority signed the certificate, its PEM file goes into CA file (Network).",
  auth: "The receiver does not take this write key, or not from here.",
  wrong_url: "Is the address right, with its path?",
  redirect: "Is the address right? Redirects are not followed; a proxy that asks for a login answers so, too.",
  unexpected_body: "What answered is not a receiver of Segment's protocol: is the address right, with its path?",
};

export class Destination extends Section {
  constructor() {
    super("destination", "1. Destination", "The Segment source that gets the events.");
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
    this.body.append(
      this.where.element,
      this.url.element,
      this.key.element,
      details("Network", this.proxy.element, this.ca.element),
      element(
        "div",
        { class: "sb-actions" },
        button("Save", () => this._with("Saving ...", () => this.save()), "primary"),
        button("Save, and send a test event", () => this._with("Saving ...", () => this.test())),
      ),
    );
  }

  async load() {
    const settings = await content(SETTINGS);
    this.where.value = settings.url ? "url" : settings.region;
    this.url.value = settings.url;
    this.proxy.value = settings.proxy_url;
    this.ca.value = settings.ca_file;
    this.key.show((await secrets.saved()).has(SECRET));
    this.mark(this.key.isSaved);
  }

  /** Does something with what is on the screen, if it can be right. What is wrong is said beside its field, which gets the
      focus, where it is about one. */
  async _with(text, action) {
    if (!allValid([this.url, this.key, this.proxy, this.ca])) {
      this.report.clear();
      return;
    }
    await this.during(text, async () => {
      try {
        await action();
      } catch (failure) {
        const field = failAt(failure, {
          url: this.url, proxy_url: this.proxy, ca_file: this.ca, secret: this.key, auth: this.key, tls: this.ca,
          wrong_url: this.url, redirect: this.url, network: this.url, unexpected_body: this.url,
        });
        if (!field) {
          throw failure;
        }
        this.report.clear();
        return field;
      }
      return undefined;
    });
  }

  async save() {
    const messages = await this._rehearse();
    await post(SETTINGS, this._settings());
    if (this.key.value) {
      await secrets.save(SECRET, this.key.value);
    }
    await this.load();
    this.report.say("good", "Saved. Nothing was sent yet: a test event shows whether Segment can be reached.");
    this._warn(messages);
  }

  _settings() {
    const where = this.where.value;
    return {
      ...(where === "url" ? { url: this.url.value } : { region: where, url: "" }),
      proxy_url: this.proxy.value,
      ca_file: this.ca.value,
    };
  }

  /** Everything but sending, with the draft, of which nothing is left then. */
  async _rehearse() {
    const known = Object.entries(await content(SETTINGS)).filter(([name]) => name !== "disabled" && !name.startsWith("eai:"));
    await this._forgetDraft();
    try {
      await post(ALL, { name: DRAFT, ...Object.fromEntries(known), ...this._settings() });
      await secrets.save(DRAFT, this.key.value || ANY_KEY);
      return (await search(`${ONE_ROW} | segmentsend dryrun=true destination="${DRAFT}"`)).messages;
    } finally {
      await this._forgetDraft();
    }
  }

  async _forgetDraft() {
    await secrets.forget(DRAFT);
    await remove(DRAFTED).catch((failure) => {
      if (failure.status !== 404) {
        throw failure;
      }
    });
  }

  async test() {
    await this.save();
    this.report.say("busy", "Sending one event ...");
    const { rows: [row], messages } = await search(`${ONE_ROW} | segmentsend onfail=warn`);
    if (row.segment_status !== "accepted") {
      throw new Failure(row.segment_reason, `Saved, but the test event was not accepted: ${row.segment_error}. `
        + (CURES[row.segment_reason] ?? `The page Reasons under Help says what ${row.segment_reason} means.`));
    }
    this.report.say(
      "good",
      "The event was accepted: Splunk reaches the receiver, and its certificate is in order. ",
      element("strong", {}, "Whether the write key is right, nobody can tell from here: "),
      "Segment also accepts events with a wrong key or for a disabled source, and drops them. Look for ",
      code(EVENT),
      " in the source's Debugger in Segment.",
    );
    this._warn(messages);
  }

  _warn(messages) {
    messages.filter(({ type }) => type === "WARN").forEach(({ text }) => this.report.add("warning", plain(text)));
  }
}
