/* The Splunk that this is. */

import { content } from "../../common/splunkd.js";
import { doubt, good, holds } from "./verdict.js";

const OLDEST = [9, 3];
const NEWEST = 10;

export const host = {
  title: "This Splunk",
  checks: [
    {
      title: "Splunk's version",
      means: "The app is for 9.3 to 10.x.",
      cure: "Upgrade Splunk, or look whether there is a newer app.",
      look: ({ server }) => {
        const [major, minor] = server.version.split(".").map(Number);
        return holds((major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) && major <= NEWEST,
          `${server.version}, build ${server.build ?? "-"}`, `${server.version} was never tried`, doubt);
      },
    },
    {
      title: "The app's version",
      means: "What you tell its authors.",
      cure: "The pages and the app must be of one version: if they are not, open /_bump in Splunk Web and press the button there.",
      look: async () => good((await content("apps/local/segment_bridge")).version),
    },
    {
      title: "It is set up",
      means: "Until then the app leads to its setup page.",
      cure: "Setup page, last step: turn it on.",
      look: async () => {
        const { configured } = await content("apps/local/segment_bridge");
        return holds(["1", "true"].includes(String(configured)), "yes", "no");
      },
    },
    {
      title: "A search head cluster",
      means: "In one, inputs are not replicated, and the run log is on the member that ran.",
      cure: "Help > Distributed: make the inputs on one member or by the deployer, and forward index=_internal.",
      look: ({ server }) => {
        const isOne = (server.server_roles ?? []).some((role) => role.startsWith("shc_"));
        return isOne ? doubt("this is a member: see whether you have done what this check says") : good("no");
      },
    },
    {
      title: "Its licence lets searches run",
      means: "Without one, searches and alerts do not run.",
      cure: "Settings > Licensing.",
      look: ({ server }) => holds((server.licenseState ?? "OK") === "OK", server.licenseState ?? "it does not say", server.licenseState),
    },
  ],
};
