/* Failures: a code for the page, and a text for its reader. */

/** `status` is the status of splunkd's answer, or 0; `setting` is the setting that the failure concerns, if any; `short` is the
    text without the stanza at its beginning. */
export class Failure extends Error {
  constructor(code, text, status = 0, setting = "") {
    super(text);
    Object.assign(this, { code, status, setting, short: text.replace(STANZA, "") });
  }
}

const STANZA = /^(?:\w+\.conf )?(?:\[[^\]]*\] )?/;

/* Messages of the app's programs look like "PROGRAM: SENTENCE (reason=CODE setting=NAME)"; not all have a setting. Splunk puts
   its own words before them, which may contain the program's name, too. */
const OWN = /.*(?:segmentsend(?:' command)?|usersignups): (.*) \(reason=(\w+)(?: setting=(\w+))?\)/s;
const BOILERPLATE = /^(?:Encountered the following error while trying to \w+: |Error in '\w+' command: |In handler '[^']+': )+/;

/** Makes a Failure from Splunk's messages. If one of them is the app's, uses that one. */
export function toldBy(texts, status = 0) {
  const own = texts.map((text) => OWN.exec(text)).find(Boolean);
  return own
    ? new Failure(own[2], sentence(own[1]), status, own[3])
    : new Failure("", [...new Set(texts.map((text) => text.replace(BOILERPLATE, "")))].join(" "), status);
}

/** A warning's text, without the parts meant for programs. */
export function plain(text) {
  const own = OWN.exec(text);
  return own ? sentence(own[1]) : text.replace(/^segmentsend: /, "");
}

const sentence = (text) => (/[.)]$/.test(text) ? text : `${text}.`);
