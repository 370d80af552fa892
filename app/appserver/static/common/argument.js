/* What somebody typed, or what came from outside, on its way into a search: percent-encoded, so that it is letters, digits,
   "-", "_", ".", "~" and "%", whatever it was. So it can end neither a quoted text nor a macro. The search decodes it with
   urldecode(). */

export const argument = (text) => encodeURIComponent(text).replace(
  /[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);
