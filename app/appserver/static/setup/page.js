/* The setup page: five steps, each of which can be done again at any time. */

import { Alerts } from "./alerts.js";
import { Audit } from "./audit.js";
import { Clusters } from "./clusters.js";
import { Destination } from "./destination.js";
import { element } from "./dom.js";
import { Power } from "./power.js";
import { content } from "./splunkd.js";
import { followTheme } from "../theme.js";

const OLDEST = [9, 3];
const RIGHTS = ["list_storage_passwords", "edit_storage_passwords"];

/** Puts the page into `place`; or a sentence, for those for whom, or on which, it is not. */
export async function show(place) {
  place.className = "sb-setup";
  followTheme(place);
  const title = element("h1", {}, "Set up Segment Bridge");
  const say = (text) => place.replaceChildren(title, element("p", {}, text));
  let user;
  let server;
  try {
    [user, server] = await Promise.all([content("authentication/current-context"), content("server/info")]);
  } catch (failure) {
    say(failure.message);
    return;
  }
  const [major, minor] = server.version.split(".").map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    say(`Segment Bridge needs Splunk ${OLDEST.join(".")} or later; this is ${server.version}.`);
    return;
  }
  if (!RIGHTS.every((each) => user.capabilities.includes(each))) {
    say("An administrator sets this app up: it takes the capabilities edit_storage_passwords, list_storage_passwords and "
      + "edit_modinput_usersignups, and write permission for the app.");
    return;
  }
  showSteps(place, title, {
    isCloud: server.instance_type === "cloud",
    isMember: Boolean(server.server_roles?.some((role) => role === "shc_member" || role === "shc_captain")),
    kvStore: server.kvStoreStatus,
  });
}

function showSteps(place, title, host) {
  const destination = new Destination();
  const clusters = new Clusters(() => power.isOn, host);
  const audit = new Audit();
  const alerts = new Alerts(host);
  const power = new Power([destination, clusters, audit], host, () => Promise.all([power.load(), clusters.load()]));
  const sections = [destination, clusters, audit, alerts, power];

  place.replaceChildren(
    title,
    element("p", {}, "What people do in your Kubernetes clusters becomes Segment events, every hour. Nothing is read or sent "
      + "before the last step; every step can be changed later."),
    ...(["ready", undefined].includes(host.kvStore) ? [] : [element("div", { class: "sb-note sb-warning", role: "status" },
      `KV store is not ready (${host.kvStore}), and the app keeps the user map in it. It starts some minutes after Splunk: reload `
        + "this page then. Until it is ready, no run can succeed.")]),
    ...sections.map((section) => section.element),
  );
  const load = (section) => section.load().catch((failure) => section.report.say("bad", failure.message));
  load(power).then(() => sections.filter((section) => section !== power).forEach(load));
}
