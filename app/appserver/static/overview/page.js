/* The view "overview": opens the dashboard in its reader's theme. A dashboard's file fixes its theme, so there are two,
   overview_light and overview_dark, which differ only in that. If a dashboard could show nothing, it would look as if nothing
   had been sent, so this page stays and says why. */

import { begin } from "../common/page.js";
import { readersTheme } from "../common/theme.js";

export async function show(place) {
  const page = await begin(place, "Overview", {
    needs: ["segment_bridge_send"],
    instead: "Only administrators and the role segment_bridge_sender may see what was sent. You can use the page Journeys.",
  });
  if (page?.isReady) {
    location.replace(`overview_${readersTheme(place)}${location.search}`);
  }
}
