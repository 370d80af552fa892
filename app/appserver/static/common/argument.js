/* Percent-encodes what somebody typed, or what came from outside, for use in a search. The result has only letters, digits,
   "-", "_", ".", "~" and "%", so it can end neither a quoted text nor a macro. The search decodes it with urldecode(). */

export const argument = (text) => encodeURIComponent(text).replace(
  /[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);
