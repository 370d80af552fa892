/* The view "help" shows one of the pages beside this file, which package.sh generates from docs/. The address names the page and
   a heading: help?page=glossary#glossary. */

import { element } from "../common/dom.js";
import { followTheme } from "../common/theme.js";

const FIRST = "index";
const ID = "help-"; // a prefix for a page's ids, which might otherwise clash with Splunk's own

/** Puts the page that the address names into `place`. */
export async function show(place) {
  const name = new URLSearchParams(location.search).get("page") ?? FIRST;
  const address = new URL(`${name}.html`, import.meta.url);
  const answer = /^[\w-]+(\.[\w-]+)*$/.test(name) ? await fetch(address) : { status: 404 };
  if (answer.status === 404) {
    place.replaceChildren(`Help has no page ${name}. `, element("a", { href: "?" }, "Go to its first page"), ".");
    return;
  }
  if (!answer.ok) {
    throw new Error(`Splunk Web answered ${answer.status}`);
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html").body;
  for (const each of page.querySelectorAll("[id]")) {
    each.id = ID + each.id;
  }
  for (const link of page.querySelectorAll("a[href]")) {
    link.setAttribute("href", inView(link.getAttribute("href")));
  }
  for (const image of page.querySelectorAll("img")) {
    image.src = new URL(image.getAttribute("src"), address);
  }
  place.className = page.className;
  followTheme(place);
  place.replaceChildren(...page.children);
  addEventListener("hashchange", goToHeading);
  goToHeading();
}

/** Turns a link between pages into an address in this view. */
function inView(address) {
  const [, name, anchor] = address.match(/^([\w.-]+)\.html(#.*)?$/) ?? [];
  return name ? `?page=${name}${anchor ?? ""}` : address;
}

function goToHeading() {
  document.getElementById(ID + decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}
