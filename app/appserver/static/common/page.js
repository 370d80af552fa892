/* Starts a page: in the light or dark theme behind it, and only if the user and this Splunk meet its requirements.

     export async function show(place) {
       const page = await begin(place, "Operations", { needs: ["segment_bridge_send"], instead: "This page is for ..." });
       if (page) {
         page.append(section.element);
       }
     }

   A view loads load.js and page.css, and contains one <div id="segment-bridge-NAME">. load.js passes it to `show` of
   NAME/page.js. */

import { element } from "./dom.js";
import { content } from "./splunkd.js";
import { followTheme } from "./theme.js";

const OLDEST = [9, 3];

/** Puts the title into `place` and, if KV store is not ready, a note. Resolves to the page, { append, user, isReady, host }: `user`
    is authentication/current-context, `isReady` whether KV store is ready, and `host` is { isCloud, isMember }. If the user lacks
    one of the capabilities `needs`, shows only the sentence `instead`, and resolves to null. */
export async function begin(place, title, { needs = [], instead = "", isWide = false } = {}) {
  place.className = isWide ? "sb-page sb-broad" : "sb-page";
  followTheme(place);
  const heading = element("h1", {}, title);
  const say = (text) => {
    place.replaceChildren(heading, element("p", {}, text));
    return null;
  };
  let user;
  let server;
  try {
    [user, server] = await Promise.all([content("authentication/current-context"), content("server/info")]);
  } catch (failure) {
    return say(failure.message);
  }
  const [major, minor] = server.version.split(".").map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    return say(`Segment Bridge needs Splunk ${OLDEST.join(".")} or later; this is ${server.version}.`);
  }
  if (!needs.every((each) => user.capabilities.includes(each))) {
    return say(instead);
  }
  const isReady = ["ready", undefined].includes(server.kvStoreStatus);
  place.replaceChildren(heading, ...(isReady ? [] : [kvStoreNote(server.kvStoreStatus)]));
  return {
    append: (...parts) => place.append(...parts),
    user,
    isReady,
    host: {
      isCloud: server.instance_type === "cloud",
      isMember: Boolean(server.server_roles?.some((role) => role === "shc_member" || role === "shc_captain")),
    },
  };
}

const kvStoreNote = (status) => element(
  "div", { class: "sb-note sb-warning", role: "status" }, `KV store is not ready (${status}). The app keeps the user map in it, so no `
    + "run can succeed until it is ready. It starts some minutes after Splunk; reload this page then.");
