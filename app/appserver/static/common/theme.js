/* Light or dark: Splunk's pages are either, and a page's theme need not be its reader's. */

/** Gives `place` data-theme by what stands behind it; that may still change while Splunk's own styles are loaded. */
export function followTheme(place) {
  const follow = () => {
    place.dataset.theme = behind(place) ?? said() ?? "light";
  };
  follow();
  addEventListener("load", follow);
}

/** The theme that the reader has chosen for Splunk Web; by what stands behind `place` where that does not say so. */
export const readersTheme = (place) => said() ?? behind(place) ?? "light";

function behind(place) {
  for (let each = place.parentElement; each; each = each.parentElement) {
    const [red, green, blue, alpha = 1] = getComputedStyle(each).backgroundColor.match(/[\d.]+/g).map(Number);
    if (alpha > 0) {
      return red + green + blue < 3 * 128 ? "dark" : "light";
    }
  }
  return undefined;
}

/** Source: Splunk's npm package splunk-utils, themes.js. */
function said() {
  const theme = window.__splunk_ui_theme__ ?? window.$C?.SPLUNK_UI_THEME;
  return theme === undefined ? undefined : theme === "dark" ? "dark" : "light";
}
