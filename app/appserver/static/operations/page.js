/* The view "operations": the app's state at the top, and below it one part of the page at a time. The address names the part, and
   what to look for in it: operations?part=letters&reason=http_400. */

import { element } from "../common/dom.js";
import { begin } from "../common/page.js";
import { Backfill } from "./backfill.js";
import { Check } from "./check.js";
import { OneEvent } from "./event.js";
import { Letters } from "./letters.js";
import { Runs } from "./runs.js";
import { State } from "./state.js";

const PARTS = { runs: Runs, letters: Letters, backfill: Backfill, event: OneEvent, check: Check };
const FIRST = "runs";

/** Puts the page into `place`, or a sentence that says why the user cannot use it. */
export async function show(place) {
  const page = await begin(place, "Operations", {
    needs: ["edit_modinput_usersignups"],
    instead: "This page is for administrators of the app: you need the role admin (in Splunk Cloud: sc_admin), which may run the "
      + "app's searches.",
    isWide: true,
  });
  if (page) {
    await showParts(page);
  }
}

async function showParts({ append, user, host }) {
  const asked = new URLSearchParams(location.search);
  const state = new State();
  const parts = new Map(Object.entries(PARTS).map(([name, Part]) => [name, new Part({ user, host, asked, changed: () => run(state) })]));
  const room = element("div", {});
  const links = new Map([...parts].map(([name, part]) => [name, element("a", {
    href: `?part=${name}`,
    click: (event) => {
      event.preventDefault();
      history.replaceState(null, "", `?part=${name}`);
      open(name);
    },
  }, part.title)]));
  const open = (name) => {
    for (const [each, link] of links) {
      link.setAttribute("aria-current", each === name ? "page" : "false");
    }
    const part = parts.get(name);
    room.replaceChildren(part.element);
    return run(part);
  };
  append(state.element, element("nav", { class: "sb-parts", "aria-label": "Parts of this page" }, ...links.values()), room);
  await Promise.all([run(state), open(parts.has(asked.get("part")) ? asked.get("part") : FIRST)]);
}

/** Loads a part, and shows in it if that fails. */
const run = (part) => part.load().catch((failure) => part.report.say("bad", failure.message));
