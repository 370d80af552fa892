/* The setup page: five steps, which can be repeated at any time. */

import { button, element } from "../common/dom.js";
import { keepUnsaved } from "../common/discard.js";
import { begin } from "../common/page.js";
import { savedSearches } from "../common/searches.js";
import { Alerts } from "./alerts.js";
import { Audit } from "./audit.js";
import { Clusters } from "./clusters.js";
import { Destinations } from "./destinations.js";
import { Power } from "./power.js";

/** Puts the page into `place`, or a sentence that says why the user cannot use it. */
export async function show(place) {
  const page = await begin(place, "Set up Segment Bridge", {
    needs: ["list_storage_passwords", "edit_storage_passwords"],
    instead: "Ask an administrator to set up this app. This page requires the capabilities edit_storage_passwords, "
      + "list_storage_passwords and edit_modinput_usersignups, and write permission for the app.",
  });
  if (page) {
    showSteps(page);
  }
}

function showSteps({ append, host }) {
  const destinations = new Destinations();
  const clusters = new Clusters(() => power.isOn, host);
  const audit = new Audit();
  const alerts = new Alerts(host);
  const power = new Power([destinations, clusters, audit], host, () => Promise.all([power.load(), clusters.load()]));
  const sections = [destinations, clusters, audit, alerts, power];

  append(
    element("p", {}, "This app turns what people do in your Kubernetes clusters into Segment events. It reads and sends nothing "
      + "before the last step. You can change every step later."),
    ...sections.map((section) => section.element),
  );
  keepUnsaved(sections);
  const load = (section, ...known) => {
    section.report.clear();
    section.loaded = section.load(...known).catch((failure) => section.report.say("bad", failure.message, " ", button("Try again", () => {
      section.element.querySelector("h2").focus();
      load(section);
    }, "link")));
    return section.loaded;
  };
  const searches = savedSearches();
  load(alerts, searches);
  load(power, searches).then(() => [destinations, clusters, audit].forEach((section) => load(section)));
}
