/* Loads the set-up page, setup/page.js, from where this file came: Splunk Web puts the app's build number into that
   address, so that an upgrade is not kept from the browser by its cache. */
{
  const own = document.currentScript?.src
    || `${location.pathname.replace(/\/app\/segment_bridge(\/.*)?$/, "")}/static/app/segment_bridge/setup.js`;
  const place = () => document.getElementById("segment-bridge-setup");

  const start = async () => {
    place().textContent = "Loading ...";
    try {
      const { show } = await import(new URL("setup/page.js", new URL(own, location)));
      await show(place());
    } catch (error) {
      place().textContent = `The set-up page could not be loaded (${error.message}). Reload it. If that does not help, open `
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
