/* The set-up page: five steps, each of which can be done again at any time. */

import { Alerts } from "./alerts.js";
import { Audit } from "./audit.js";
import { Clusters } from "./clusters.js";
import { Destination } from "./destination.js";
import { element } from "./dom.js";
import { Power } from "./power.js";

/** Puts the page into `place`. */
export function show(place) {
  const destination = new Destination();
  const clusters = new Clusters(() => power.isOn);
  const audit = new Audit();
  const alerts = new Alerts();
  const power = new Power([destination, clusters], () => Promise.all([power.load(), clusters.load()]));
  const sections = [destination, clusters, audit, alerts, power];

  place.replaceChildren(
    element("h1", {}, "Set up Segment Bridge"),
    element("p", {}, "What people do in your Kubernetes clusters becomes Segment events, every hour. Nothing is read or sent "
      + "before the last step; every step can be changed later."),
    ...sections.map((section) => section.element),
  );
  place.className = "sb-setup";
  place.dataset.theme = theme(place);
  sections.forEach((section) => section.load().catch((error) => section.report.say("bad", error.message)));
}

/** Light or dark, by what is behind the page: Splunk's theme, or else what the browser prefers. */
function theme(place) {
  for (let each = place.parentElement; each; each = each.parentElement) {
    const [red, green, blue, alpha = 1] = getComputedStyle(each).backgroundColor.match(/[\d.]+/g).map(Number);
    if (alpha > 0) {
      return red + green + blue < 3 * 128 ? "dark" : "light";
    }
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}
