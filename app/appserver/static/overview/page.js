/* The view "overview": leads to the dashboard in the theme of its reader. A dashboard has the theme that its file says, and no
   word for the reader's own; so there are two, alike but for that word, overview_light and overview_dark. */

import { readersTheme } from "../common/theme.js";

export async function show(place) {
  location.replace(`overview_${readersTheme(place)}${location.search}`);
}
