/* Loads the page <name>/page.js, which lies beside this file, into its view's element segment-bridge-<name>. So a view needs
   no script of its own; common/page.js says how a page starts.
   Splunk Web puts the app's build number into this file's address, so that the browser's cache does not hide an upgrade. */
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
      place().textContent = `This page could not be loaded: ${error.message}. Reload it. If that does not help, replace the part of `
        + "the address from /app/ on with /_bump, press the button on that page, and come back.";
    }
  };

  // The panel may appear before or after this script runs.
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
