/* What the reasons mean, read from the Help page made of docs/reasons.md, so that there is only one text. */

/* What to do about a letter, by its outcome. */
const TO_DO = {
  rejected: "The event itself is wrong, and would be refused again: edit it, or drop it. If there are many, also correct what "
    + "creates them.",
  failed: "Nothing, if Segment can be reached again: the app sends it by itself for seven days after its first failure. Otherwise repair "
    + "the connection first.",
  unsent: "Nothing, if Segment can be reached again: the app sends it by itself for seven days after its first failure. Otherwise repair "
    + "the connection first.",
  again: "Nothing: the next run of \"Send dead letters again\" sends it.",
  "-": "Something else has changed it, so that it is no longer a valid dead letter: edit it, or drop it.",
};

let read;

/** What a reason means, in words; "" if Help does not list it. */
export async function meaning(reason) {
  read ??= table().catch(() => {
    read = undefined; // the next one tries again
    return new Map();
  });
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
