/* Step 1: where events are sent to, segment_bridge.conf [segment], and its write key. */

import { button, code, details, element, Section } from "./dom.js";
import { allValid, Choice, failWhere, Field, SecretField } from "./fields.js";
import { batchUrl, filePath, optional, proxyUrl, required } from "./rules.js";
import * as secrets from "./secrets.js";
import { content, post, search } from "./splunkd.js";

const SETTINGS = "configs/conf-segment_bridge/segment";
const SECRET = "segment";
const EVENT = "Segment Bridge test";
const ONE_ROW = `| makeresults | eval type="track", event="${EVENT}", anonymousId="segment-bridge-setup"`;

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
        button("Save", () => this.save(), "primary"),
        button("Send a test event", () => this.test()),
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

  async save() {
    const fields = [this.url, this.key, this.proxy, this.ca];
    if (!allValid(fields)) {
      this.report.clear();
      return;
    }
    await this.during("Saving ...", async () => {
      const where = this.where.value;
      await post(SETTINGS, {
        ...(where === "url" ? { url: this.url.value } : { region: where, url: "" }),
        proxy_url: this.proxy.value,
        ca_file: this.ca.value,
      });
      if (this.key.value) {
        await secrets.save(SECRET, this.key.value);
      }
      await this.load();
      return this._rehearse();
    });
  }

  /** Everything but sending: the settings can be read, and there is a write key. Returns the field that is wrong. */
  async _rehearse() {
    try {
      const { messages } = await search(`${ONE_ROW} | segmentsend dryrun=true`);
      this.report.say("good", "Saved. Nothing was sent yet: a test event shows whether Segment can be reached.");
      this._warn(messages);
    } catch (error) {
      this.mark(false);
      const field = failWhere(error.message, [
        [/ url /, this.url], [/ proxy_url /, this.proxy], [/ ca_file /, this.ca], [/write key/, this.key],
      ]);
      if (!field) {
        throw error;
      }
      this.report.clear();
      return field;
    }
    return undefined;
  }

  async test() {
    await this.during("Sending one event ...", async () => {
      const { messages } = await search(`${ONE_ROW} | segmentsend`);
      this.report.say(
        "good",
        "The event was accepted: Splunk reaches the receiver, and its certificate is in order. ",
        element("strong", {}, "Whether the write key is right, nobody can tell from here: "),
        "Segment also accepts events with a wrong key or for a disabled source, and drops them. Look for ",
        code(EVENT),
        " in the source's Debugger in Segment.",
      );
      this._warn(messages);
    });
  }

  _warn(messages) {
    messages.filter(({ type }) => type === "WARN").forEach(({ text }) => this.report.add("warning", text));
  }
}
