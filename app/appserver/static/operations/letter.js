/* One dead letter: shows it, why it was kept, and what to do; sends, edits or drops it. Each change first reads the letter again,
   and then writes the whole record. */

import { ask, confirmed } from "../common/dialog.js";
import { ago, button, element, helpLink } from "../common/dom.js";
import { Failure } from "../common/failure.js";
import { Field } from "../common/fields.js";
import { change, record } from "../common/kvstore.js";
import { dispatch, finished } from "../common/searches.js";
import { argument } from "../common/argument.js";
import { laidOut, problem } from "./json.js";
import { meaning, toDo } from "./reasons.js";

const LETTERS = "segment_dead_letters";
const REHEARSAL = "Segment Bridge - Operations - Rehearse a dead letter";

/** Marks letters of the list, one after another, to be sent again or dropped. Returns the failures of those that it could not. */
export async function mark(rows, status) {
  const failures = [];
  for (const row of rows) {
    try {
      await change(LETTERS, await asShown(row), { status });
    } catch (failure) {
      failures.push(failure);
    }
  }
  return failures;
}

/** A letter of the list as KV store has it, if it is still what the list shows. */
async function asShown({ key, last_time, status }) {
  const now = await record(LETTERS, key);
  if (Number(now.last_time ?? 0) !== Number(last_time ?? 0) || (now.status ?? "-") !== status) {
    throw new Failure("changed", "This has changed since the page showed it. Press Find to read the list again.");
  }
  return now;
}

/** The HTTP status of the last answer, unless there is none or the reason names it. */
const status = ({ http }, reason) => (http && reason !== `http_${http}` ? [`HTTP ${http}`] : []);

/** Shows a letter of the list, with its actions; calls `done` with what an action did. */
export async function shown(row, { user, done, during }) {
  const letter = await asShown(row);
  const act = (text, action) => during(text, async () => done(await action()));
  const meant = await meaning(row.reason);
  return element(
    "div",
    { class: "sb-letter" },
    element("p", {}, element("strong", {}, "Why: "), letter.error ?? "", ` (${[row.reason, ...status(letter, row.reason)].join(", ")})`,
      ...(meant ? [`: ${meant}.`] : []), " ", helpLink("All reasons", "reasons", "reasons")),
    element("p", {}, element("strong", {}, "To do: "), toDo(row)),
    element("p", {}, element("strong", {}, "Tried: "), `${letter.attempts ?? 0} times, first `, when(letter.first_time), ", last ", when(letter.last_time)),
    ...(letter.edited ? [element("p", {}, element("strong", {}, "Edited: "), when(letter.edited), ` by ${letter.edited_by}.`)] : []),
    element("pre", { tabindex: "0", "aria-label": "The event" }, laidOut(letter.payload ?? "")),
    element(
      "div",
      { class: "sb-actions" },
      ...(row.is_whole === "1" ? [button("Send again", () => act("Marking ...", async () => {
        await change(LETTERS, letter, { status: "again" });
        return "It will be sent again.";
      }))] : []),
      button("Edit", () => act("Editing ...", () => edit(letter, user))),
      button("Drop", async () => await confirmed("Drop this event?", ["It will never be sent. The next run removes it."], "Drop")
        && act("Marking ...", async () => {
          await change(LETTERS, letter, { status: "dropped" });
          return "It will be removed.";
        }), "danger"),
    ),
  );
}

const when = (time) => (time ? ago(time) : "at an unknown time");

/** Lets the user edit a letter. Does not save what segmentsend would refuse. Returns what was done, or undefined. */
async function edit(letter, user) {
  const field = new Field("payload", "The event, as JSON", {
    check: problem, tall: true, width: "wide",
    help: "The event keeps its id and the time of its first failure, and the record keeps the original.",
  });
  field.control.rows = 18;
  field.value = laidOut(letter.payload ?? "");
  const save = async () => {
    if (!field.validate()) {
      return undefined;
    }
    try {
      await rehearse(letter, field.value);
      await change(LETTERS, letter, {
        payload: field.value, original: letter.original ?? letter.payload, status: "again",
        edited: Math.floor(Date.now() / 1000), edited_by: user.username,
      });
    } catch (failure) {
      field.fail(failure.message);
      field.focus();
      return undefined;
    }
    return "Saved. It will be sent again.";
  };
  return ask("Edit a dead letter", [field.element], { "Check and save": { kind: "primary", answer: save } });
}

/** Throws a Failure if segmentsend would not send this payload. */
async function rehearse({ destination = "", message_id = "" }, payload) {
  const { rows: [row] } = await finished(await dispatch(REHEARSAL, {
    args: { destination: argument(destination), message_id: argument(message_id), payload: argument(payload) },
  }));
  if (row?.segment_status !== "dryrun") {
    throw new Failure(row?.segment_reason ?? "", `It would not be sent: ${row?.segment_error ?? "the check gave no answer"} (${row?.segment_reason ?? "-"}).`);
  }
}
