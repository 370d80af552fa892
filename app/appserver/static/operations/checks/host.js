/* This Splunk: version, licence, search head cluster; and the app's version. */

import { content } from "../../common/splunkd.js";
import { doubt, good, holds } from "./verdict.js";

const OLDEST = [9, 3];
const NEWEST = 10;

export const host = {
  title: "This Splunk",
  checks: [
    {
      title: "Splunk's version",
      means: "The app supports Splunk 9.3 to 10.x.",
      cure: "Upgrade Splunk, or look for a newer version of the app.",
      look: ({ server }) => {
        const [major, minor] = server.version.split(".").map(Number);
        return holds((major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) && major <= NEWEST,
          `${server.version}, build ${server.build ?? "-"}`, `the app was never tested with ${server.version}`, doubt);
      },
    },
    {
      title: "The app's version",
      means: "Mention it when you open an issue.",
      cure: "The pages and the app must have the same version. If they do not, open /_bump in Splunk Web and press the button there.",
      look: async () => good((await content("apps/local/segment_bridge")).version),
    },
    {
      title: "The app is set up",
      means: "Until then, the app opens its setup page.",
      cure: "Setup page, last step: turn it on.",
      look: async () => {
        const { configured } = await content("apps/local/segment_bridge");
        return holds(["1", "true"].includes(String(configured)), "yes", "no");
      },
    },
    {
      title: "Search head cluster",
      means: "Members do not share inputs, and each writes its own run log.",
      cure: "Create the inputs on one member or with the deployer, and forward index=_internal: see Help > Distributed Splunk and Splunk Cloud.",
      look: ({ server }) => {
        const isOne = (server.server_roles ?? []).some((role) => role.startsWith("shc_"));
        return isOne ? doubt("this is a member: check that you have done this") : good("no");
      },
    },
    {
      title: "Splunk's licence is valid",
      means: "Without a valid licence, searches and alerts do not run.",
      cure: "Settings > Licensing.",
      look: ({ server }) => holds((server.licenseState ?? "OK") === "OK", server.licenseState ?? "not known", server.licenseState),
    },
  ],
};
