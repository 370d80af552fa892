/* Light or dark: Splunk's pages are either, and the dashboard's theme need not be its user's. */

/** Gives `place` data-theme by what stands behind it; that may still change while Splunk's own styles are loaded. */
export function followTheme(place) {
  const follow = () => {
    place.dataset.theme = theme(place);
  };
  follow();
  addEventListener("load", follow);
}

function theme(place) {
  for (let each = place.parentElement; each; each = each.parentElement) {
    const [red, green, blue, alpha = 1] = getComputedStyle(each).backgroundColor.match(/[\d.]+/g).map(Number);
    if (alpha > 0) {
      return red + green + blue < 3 * 128 ? "dark" : "light";
    }
  }
  return (window.__splunk_ui_theme__ ?? window.$C?.SPLUNK_UI_THEME) === "dark" ? "dark" : "light";
}
