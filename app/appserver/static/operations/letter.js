/* One dead letter: what it is, why it is here, what to do about it, and doing it. What changes one reads it again first, and
   writes it whole. */

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

/** Marks letters of a list, one after another, to be sent again or to be dropped; how many. */
export async function mark(rows, status) {
  for (const row of rows) {
    await change(LETTERS, await asShown(row), { status });
  }
  return rows.length;
}

/** A letter of the list as KV store has it, if it is still what the list shows. */
async function asShown({ key, last_time, status }) {
  const now = await record(LETTERS, key).catch((failure) => {
    throw failure.status === 404 ? new Failure("gone", "One no longer exists: it was sent or removed in the meantime. Look again.", 404) : failure;
  });
  if (Number(now.last_time ?? 0) !== Number(last_time ?? 0) || (now.status ?? "-") !== status) {
    throw new Failure("changed", "One has changed since it was shown. Look again.");
  }
  return now;
}

/** What is to be seen of a letter of the list, and what can be done with it; `done` is told what was. */
export async function shown(row, { user, done, during }) {
  const letter = await asShown(row);
  const act = (text, action) => during(text, async () => done(await action()));
  return element(
    "div",
    { class: "sb-letter" },
    element("p", {}, element("strong", {}, "Why: "), letter.error ?? "", ` (${row.reason}`, ...(letter.http ? [`, HTTP ${letter.http}`] : []), ") ",
      await meaning(row.reason), " ", helpLink("All reasons", "reasons", "reasons")),
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
      button("Drop", async () => await confirmed("Drop this event?", ["It is never sent. The next run removes it."], "Drop")
        && act("Marking ...", async () => {
          await change(LETTERS, letter, { status: "dropped" });
          return "It is dropped.";
        }), "danger"),
    ),
  );
}

const when = (time) => (time ? ago(time) : "at no known time");

/** Has a letter edited; what was done, or undefined. What segmentsend would refuse is not saved. */
async function edit(letter, user) {
  const field = new Field("payload", "The event, as JSON", {
    check: problem, tall: true, width: "wide",
    help: "It keeps its id and the time of its first failure. The original is kept with it.",
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
      return undefined;
    }
    return "Saved. It will be sent again.";
  };
  return ask("Edit a dead letter", [field.element], { "Check and save": { kind: "primary", answer: save } });
}

/** Throws a Failure where segmentsend would not send the letter as it is now. */
async function rehearse({ destination = "", message_id = "" }, payload) {
  const { rows: [row] } = await finished(await dispatch(REHEARSAL, {
    args: { destination: argument(destination), message_id: argument(message_id), payload: argument(payload) },
  }));
  if (row?.segment_status !== "dryrun") {
    throw new Failure(row?.segment_reason ?? "", `It would not be sent: ${row?.segment_error ?? "the check gave no answer"} (${row?.segment_reason ?? "-"}).`);
  }
}
