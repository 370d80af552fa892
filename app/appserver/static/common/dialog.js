/* Questions that come before what cannot be taken back.

     if (await confirmed("Drop 3 events?", ["They are not sent, ever."], "Drop")) { ... }

   The browser's own <dialog>: it keeps the focus, gives it back, and Escape is no. */

import { button, element } from "./dom.js";

/** Resolves to whether the answer was `action`, the text of a button; `kind` is danger or primary. */
export const confirmed = async (title, body, action, kind = "danger") =>
  await ask(title, body, { [action]: { kind, answer: () => true } }) === true;

/** Shows `body`, and a button for each of `actions`: text -> { kind, answer }. Resolves to what the button's `answer` returns, or its
    promise; the dialog stays where that is undefined, to have something put right. Resolves to undefined where it is left. */
export function ask(title, body, actions) {
  return new Promise((resolve) => {
    let result;
    const heading = element("h2", { id: "sb-dialog-title" }, title);
    const press = async (answer) => {
      result = await answer();
      if (result !== undefined) {
        dialog.close();
      }
    };
    const dialog = element(
      "dialog",
      { class: "sb-dialog", "aria-labelledby": heading.id, close: () => {
        dialog.remove();
        resolve(result);
      } },
      heading,
      ...[body].flat(),
      element(
        "div",
        { class: "sb-actions" },
        ...Object.entries(actions).map(([text, { kind, answer }]) => button(text, () => press(answer), kind)),
        button("Cancel", () => dialog.close()),
      ),
    );
    document.querySelector(".sb-page").append(dialog);
    dialog.showModal();
  });
}
