/* Light or dark. The theme of one of Splunk's pages may differ from the one that the reader chose. */

/** Sets data-theme of `place` by the colour behind it, which may still change while Splunk's own styles load. */
export function followTheme(place) {
  const follow = () => {
    place.dataset.theme = behind(place) ?? said() ?? "light";
  };
  follow();
  addEventListener("load", follow);
}

/** The theme that the reader chose for Splunk Web; if Splunk Web does not say, the theme behind `place`. */
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
