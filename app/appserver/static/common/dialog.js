/* Asks before something that cannot be undone.

     if (await confirmed("Drop 3 events?", ["They are not sent, ever."], "Drop")) { ... }

   It uses the browser's own <dialog>, which keeps the focus, gives it back, and treats Escape as "no". */

import { button, element } from "./dom.js";

/** Resolves to whether the answer was `action`, the text of a button; `kind` is danger or primary. */
export const confirmed = async (title, body, action, kind = "danger") =>
  await ask(title, body, { [action]: { kind, answer: () => true } }) === true;

/** Shows `body`, and a button for each of `actions`: text -> { kind, answer }. Resolves to what the button's `answer` returns, or
    what its promise resolves to; until then, nothing can be pressed. If that is undefined, the dialog stays open, so that the user can
    correct something. Resolves to undefined if the user leaves the dialog. */
export function ask(title, body, actions) {
  return new Promise((resolve) => {
    let result;
    const heading = element("h2", { id: "sb-dialog-title" }, title);
    const busy = element("p", { role: "status" });
    const press = async (answer) => {
      const pressed = document.activeElement;
      busy.textContent = "Please wait ...";
      buttons.inert = true;
      try {
        result = await answer();
      } finally {
        busy.textContent = "";
        buttons.inert = false;
      }
      if (result !== undefined) {
        dialog.close();
      } else if (!dialog.contains(document.activeElement)) {
        pressed.focus();
      }
    };
    const buttons = element(
      "div",
      { class: "sb-actions" },
      ...Object.entries(actions).map(([text, { kind, answer }]) => button(text, () => press(answer), kind)),
      button("Cancel", () => dialog.close()),
    );
    const dialog = element(
      "dialog",
      {
        class: "sb-dialog", "aria-labelledby": heading.id,
        cancel: (event) => buttons.inert && event.preventDefault(),
        close: () => {
          dialog.remove();
          resolve(result);
        },
      },
      heading,
      ...[body].flat(),
      busy,
      buttons,
    );
    document.querySelector(".sb-page").append(dialog);
    dialog.showModal();
  });
}
