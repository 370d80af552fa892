/* Keeps changes that are not saved from being lost by mistake. */

import { confirmed } from "./dialog.js";

/** Makes the browser ask before it leaves a page on which one of these sections has changes. */
export function keepUnsaved(sections) {
  addEventListener("beforeunload", (event) => {
    if (sections.some((section) => section.isChanged)) {
      event.preventDefault();
    }
  });
}

/** Asks before something else takes the place of a section's changes. */
export const mayDiscard = async (section) => !section.isChanged
  || await confirmed("Discard your changes?", ["The open form has changes that are not saved."], "Discard");
