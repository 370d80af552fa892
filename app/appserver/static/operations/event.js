/* One event: traces it from the index to Segment's answer. Finds it by an audit id, a message id, a user id as it is sent, or the
   SHA-256 of a username. */

import { ago, button, code, element, helpLink } from "../common/dom.js";
import { allValid, Choice, Field } from "../common/fields.js";
import { Section } from "../common/section.js";
import { dispatch, finished } from "../common/searches.js";
import { argument } from "../common/argument.js";
import { laidOut } from "./json.js";

const BY_ID = "Segment Bridge - Operations - One event";
const MESSAGE = "Segment Bridge - Operations - Message of an event";
const BY_USER = "Segment Bridge - Operations - Events of a user";
const SPANS = { "-1h": "hour", "-24h": "day", "-7d": "week" };
const DIGEST = /^[0-9a-f]{64}$/i;

export class OneEvent extends Section {
  constructor({ asked }) {
    super("event", "One event", "Traces an event: whether it is in the index, whether it is a user journey, whose it is, when it was sent, "
      + "and what the answer was.");
    this._id = new Field("id", "Audit id, message id, user id, or SHA-256 of a username", {
      check: (text) => (text ? "" : "Required."), width: "wide",
      help: "To find a user's latest 20 journeys, enter the user id that Segment gets, or the SHA-256 of a username (64 hexadecimal digits).",
    });
    this._id.value = asked.get("id") ?? "";
    this._span = new Choice("span", "Happened within the last", SPANS, () => {});
    this._span.value = "-24h";
    this._kind = new Choice("kind", "This is", { id: "the id of an event", user: "a user" }, () => {});
    this._kind.value = DIGEST.test(this._id.value) ? "user" : "id";
    this._found = element("div", {});
    this.body.append(
      element("form", { submit: (event) => {
        event.preventDefault();
        this._look();
      } }, this._id.element, this._kind.element, this._span.element,
      element("div", { class: "sb-actions" }, element("button", { class: "sb-button sb-primary" }, "Find"))),
      this._found,
    );
  }

  async load() {
    this.report.clear();
    if (this._id.value) {
      await this._look();
    }
  }

  async _look() {
    if (!allValid([this._id])) {
      return;
    }
    this._found.replaceChildren();
    await this.during("Searching ...", async () => {
      const isUser = this._kind.value === "user";
      const asked = { args: { id: argument(this._id.value) }, earliest: this._span.value, latest: "now" };
      const { rows } = await finished(await dispatch(isUser ? BY_USER : BY_ID, asked));
      this.report.clear();
      this._found.replaceChildren(...(isUser ? this._ofUser(rows) : [wayOf(rows), ...this._message(rows, asked)]));
    });
  }

  /** A button that shows the message of a journey, which was found by what was `asked`. */
  _message(rows, asked) {
    if (!rows.some(({ part }) => part === "journey")) {
      return [];
    }
    const room = element("div", {});
    const show = button("Show the message", () => this.during("Creating the message ...", async () => {
      const { rows: [row] } = await finished(await dispatch(MESSAGE, asked));
      if (!row) {
        this.report.say("warning", "The event no longer becomes a message: it is now too old for this time range, or the journeys have changed.");
        return;
      }
      this.report.clear();
      room.replaceChildren(element("p", {}, row.segment_status === "dryrun" ? "This would be sent now:"
        : `It would not be sent: ${row.segment_error} (${row.segment_reason}).`),
      element("pre", { tabindex: "0", "aria-label": "The message" }, laidOut(row.segment_payload ?? "")));
    }));
    return [element("div", { class: "sb-actions" }, show), room];
  }

  _ofUser(rows) {
    return rows.length ? rows.map(({ time, journey, message_id, status, reason }) => element(
      "p", {}, ago(time), `: ${journey}, `, status === "dryrun" ? "is sent" : `${status} (${reason}) `, " ",
      button(`Trace ${message_id}`, () => {
        this._id.value = message_id;
        this._kind.value = "id";
        return this._look();
      }, "link"))) : [element("p", {}, "Found no journeys of this user in this time range.")];
  }
}

/** What is known about one event, step by step; leaves out steps about which nothing is known. */
function wayOf(rows) {
  const one = (part) => rows.find((row) => row.part === part);
  const found = { event: one("event"), journey: one("journey"), letter: one("letter"), run: one("run") };
  return element("dl", { class: "sb-facts" }, ...Object.entries(STEPS).map(([term, step]) => [term, step(found)]).filter(([, said]) => said)
    .flatMap(([term, said]) => [element("dt", {}, term), element("dd", {}, ...said)]));
}

const STEPS = {
  "In the index": ({ event }) => (event
    ? [`Yes: index ${event.index}, source type ${event.sourcetype}, happened `, ago(event.time), ", indexed ", ago(event.indexed), "."]
    : ["No audit event in this time range has this id. (If it is a message id that is not an audit id, only the following is known.)"]),
  "A user journey": ({ event, journey }) => {
    if (journey) {
      return [`Yes: ${journey.journey}, sent as `, code(journey.event ?? "-"), ", message id ", code(journey.message_id), "."];
    }
    return [event ? `No: ${event.why_not}.` : "Not known."];
  },
  User: ({ event, journey }) => journey && [journey.user_id ? `User id ${journey.user_id}.`
    : `Not known: neither ${event?.username ?? "its user"} nor the namespace's owner is in the user map, so it is not sent.`],
  Sent: ({ journey, letter, run }) => {
    if (letter) {
      return [`Tried ${letter.attempts ?? 0} times, last `, ago(letter.last_time), "."];
    }
    if (!journey?.user_id) {
      return undefined;
    }
    return run ? ["By the run that ended ", ago(run.time), ", which was the first to succeed after the event was indexed."]
      : ["Not yet: no run has succeeded since the event was indexed."];
  },
  Answer: ({ journey, letter, run }) => {
    if (letter) {
      return [`${letter.status}: ${letter.error ?? ""} (`, helpLink(letter.reason, "reasons", "reasons"), ")"];
    }
    return journey?.user_id && run
      ? ["Accepted, as far as the run's counts show: the event was not refused, and it is not a dead letter."] : undefined;
  },
  "Dead letter": ({ letter }) => (letter
    ? [element("a", { href: `?${new URLSearchParams({ part: "letters", text: letter.message_id })}` }, "Yes: see it"), `, waits for ${letter.waits_for}.`]
    : ["No."]),
};
