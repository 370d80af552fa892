/* What the reasons mean: docs/reasons.md, of which Help has the page, so that nobody writes it twice. */

/* By the letter's outcome, what there is to do about it. */
const TO_DO = {
  rejected: "It is wrong in itself, and will be refused again as it is: edit it, or drop it. If there are many, correct what "
    + "makes them, too.",
  failed: "Nothing, if the way to Segment is free again: it is sent by itself for seven days after its first failure. Otherwise repair "
    + "that first.",
  unsent: "Nothing, if the way to Segment is free again: it is sent by itself for seven days after its first failure. Otherwise repair "
    + "that first.",
  again: "Nothing: it goes with the next run of \"Send dead letters again\".",
  "-": "It is no longer a valid letter, because something else changed it: edit it, or drop it.",
};

let read;

/** What a reason means, in words; "" where Help does not know it. */
export async function meaning(reason) {
  read ??= table();
  const known = await read;
  return known.get(reason) ?? known.get(reason.replace(/^http_\d+$/, "http_<status>").replace(/^\w+?_(?=array|not|no|unknown|wrong)/, "<object>_")) ?? "";
}

export const toDo = ({ status }) => TO_DO[status] ?? TO_DO["-"];

async function table() {
  const answer = await fetch(new URL("../help/reasons.html", import.meta.url));
  const page = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
  return new Map([...page.querySelectorAll("tr")].map((row) => [...row.children].map((cell) => cell.textContent.trim()))
    .filter((cells) => cells.length > 1));
}
