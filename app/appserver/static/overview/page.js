/* The view "overview": leads to the dashboard in the theme of its reader. A dashboard has the theme that its file says, and no
   word for the reader's own; so there are two, alike but for that word, overview_light and overview_dark. Where a dashboard
   could show nothing, which looks as if nothing had been sent, this page stays and says why. */

import { begin } from "../common/page.js";
import { readersTheme } from "../common/theme.js";

export async function show(place) {
  const page = await begin(place, "Overview", {
    needs: ["segment_bridge_send"],
    instead: "Only administrators of the app and the role segment_bridge_sender may see what was sent. The page Journeys is open "
      + "to you.",
  });
  if (page?.isReady) {
    location.replace(`overview_${readersTheme(place)}${location.search}`);
  }
}
