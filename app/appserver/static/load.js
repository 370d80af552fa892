/* Loads a page into its view's element segment-bridge-<name>: the module <name>/page.js, from where this file came. A view
   needs no script of its own: common/page.js says how a page begins.
   Splunk Web puts the app's build number into that address, so that an upgrade is not kept from the browser by its cache. */
{
  const ID = "segment-bridge-";
  const own = document.currentScript?.src
    || `${location.pathname.replace(/\/app\/segment_bridge(\/.*)?$/, "")}/static/app/segment_bridge/load.js`;
  const place = () => document.querySelector(`[id^="${ID}"]`);

  const start = async () => {
    place().textContent = "Loading ...";
    try {
      const { show } = await import(new URL(`${place().id.slice(ID.length)}/page.js`, new URL(own, location)));
      await show(place());
    } catch (error) {
      place().textContent = `This page could not be loaded: ${error.message}. Reload it. If that does not help, open `
        + "/_bump in Splunk Web, with the same beginning of the address as here, press the button there, and come back.";
    }
  };

  // The panel may be there before this script or after it.
  if (place()) {
    start();
  } else {
    const observer = new MutationObserver(() => {
      if (place()) {
        observer.disconnect();
        start();
      }
    });
    observer.observe(document.documentElement, { childList: true, subtree: true });
  }
}
