/* What went wrong, by a code, for the page, and in words, for its reader. */

/** `status` is that of splunkd's answer, 0 if there is none; `setting` is the one that it is about, and `short` are the words
    without the stanza before it. */
export class Failure extends Error {
  constructor(code, text, status = 0, setting = "") {
    super(text);
    Object.assign(this, { code, status, setting, short: text.replace(STANZA, "") });
  }
}

const STANZA = /^(?:\w+\.conf )?(?:\[[^\]]*\] )?/;

/* What the app's programs say is "PROGRAM: SENTENCE (reason=CODE setting=NAME)", the latter where it is about one. Splunk puts
   words of its own before it, which may well have the program's name in them. */
const OWN = /.*(?:segmentsend(?:' command)?|usersignups): (.*) \(reason=(\w+)(?: setting=(\w+))?\)/s;
const BOILERPLATE = /^(?:Encountered the following error while trying to \w+: |Error in '\w+' command: |In handler '[^']+': )+/;

/** A Failure, made of Splunk's messages: of what the app says among them, if it says something. */
export function toldBy(texts, status = 0) {
  const own = texts.map((text) => OWN.exec(text)).find(Boolean);
  return own
    ? new Failure(own[2], sentence(own[1]), status, own[3])
    : new Failure("", [...new Set(texts.map((text) => text.replace(BOILERPLATE, "")))].join(" "), status);
}

/** A warning's text, without what is for programs. */
export function plain(text) {
  const own = OWN.exec(text);
  return own ? sentence(own[1]) : text.replace(/^segmentsend: /, "");
}

const sentence = (text) => (/[.)]$/.test(text) ? text : `${text}.`);
