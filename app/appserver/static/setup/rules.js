/* The rules for values: each takes a text and returns what is wrong with it, or "".

   They repeat those of bin/segment_bridge/delivery/options.py and users/settings.py, which have the last word. `required` and
   `optional` in fields.js deal with empty texts. */

export function name(text) {
  return /^[0-9A-Za-z][0-9A-Za-z._-]*$/.test(text) ? "" : "Use letters, digits, dots, hyphens and underscores only.";
}

export function httpsUrl(text) {
  const url = parsed(text);
  if (url?.protocol !== "https:") {
    return "Must be a URL that begins with https://";
  }
  return url.username || url.password ? "Must not hold credentials: they have their own field." : "";
}

export function batchUrl(text) {
  const url = parsed(text);
  const isHere = ["127.0.0.1", "[::1]", "localhost"].includes(url?.hostname);
  if (!url || !(url.protocol === "https:" || (url.protocol === "http:" && isHere))) {
    return "Must be a URL that begins with https:// (or http://, for this machine only).";
  }
  if (url.username || url.password) {
    return "Must not hold credentials: the write key has its own field.";
  }
  return url.pathname === "/" ? "Must end with the path for batches, such as /v1/batch" : "";
}

/** A header must be able to carry it: bin/segment_bridge/delivery/client.py. */
export function writeKey(text) {
  return /^[!-9;-~]+$/.test(text) ? "" : "Use ASCII letters, digits and punctuation only, without blanks and colons.";
}

/** A key such as Jitsu's: name and password for HTTP Basic authentication. */
export function keyWithSecret(text) {
  return /^[!-9;-~]+:[!-~]+$/.test(text) ? "" : "Must be the key's ID, a colon and its secret.";
}

export const identifier = (text) => (/^[0-9A-Za-z._~-]+$/.test(text) ? "" : "Use letters, digits, dots, hyphens, underscores and tildes only.");

const PRIVATE_KEY = /^\s*-----BEGIN (RSA )?PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END \1?PRIVATE KEY-----\s*$/;

export function privateKey(text) {
  if (/ENCRYPTED/.test(text)) {
    return "Must not have a passphrase: openssl pkey -in <file> removes it.";
  }
  return PRIVATE_KEY.test(text) ? "" : "Must be an RSA key in PEM, which begins with -----BEGIN PRIVATE KEY-----";
}

/** A private key as the app keeps it: only the base64, in one line. */
export const bodyOfKey = (text) => (PRIVATE_KEY.exec(text)?.[2] ?? "").replace(/\s/g, "");

export function proxyUrl(text) {
  if (!["http:", "https:"].includes(parsed(text)?.protocol)) {
    return "Must be a URL that begins with http:// or https://";
  }
  return text.includes("@") ? "Must not hold credentials: everybody can read this setting." : "";
}

export function filePath(text) {
  return /^[/$]|:/.test(text) ? "" : "Must be an absolute path on the search head.";
}

export function namespace(text) {
  return /^[0-9a-z]([0-9a-z-]{0,61}[0-9a-z])?$/.test(text) ? "" : "Must be the name of a Kubernetes namespace.";
}

export function seconds(text) {
  return /^[1-9]\d{0,6}$/.test(text) ? "" : "Must be a whole number of seconds.";
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g;

export function certificates(text) {
  if (text.includes("PRIVATE KEY")) {
    return "This contains a private key. Enter only certificates.";
  }
  return derCertificates(text) ? "" : "Must be certificates in PEM, which begin with -----BEGIN CERTIFICATE-----";
}

/** Converts certificates from PEM to the form in which the app keeps them: DER in base64, with commas between them. */
export const derCertificates = (text) => [...text.matchAll(CERTIFICATE)].map(([, body]) => body.replace(/\s/g, "")).join(",");

/** The beginning of a search: terms only, no pipes. */
export function baseSearch(text) {
  const outsideQuotes = text.replace(/"(\\.|[^"\\])*"/g, '""');
  if (outsideQuotes.replaceAll('""', "").includes('"')) {
    return "Has an unmatched quotation mark.";
  }
  if (/[|`[\]]/.test(outsideQuotes)) {
    return "Must be search terms only, without pipes, subsearches and macros.";
  }
  let open = 0;
  for (const mark of outsideQuotes.replace(/[^()]/g, "")) {
    open += mark === "(" ? 1 : -1;
    if (open < 0) {
      break;
    }
  }
  if (open) {
    return "Has unmatched parentheses.";
  }
  return /\bindex\s*(=|IN\b)/i.test(outsideQuotes) ? "" : 'Must name an index, such as index="k8s_audit".';
}

export const addresses = (text) => text.split(/[\s,;]+/).filter(Boolean);

/** Splunk's own rule: restmap.conf, [validation:alert_action_part] action.email.to, from 9.3.0 to 10.4.2. */
export function emails(text) {
  const wrong = addresses(text).find((each) => !/^[^@\s]+@(?:[^@\s.]+\.)+[a-z]{2,}$/i.test(each));
  return wrong ? `"${wrong}" is not an e-mail address.` : "";
}

function parsed(text) {
  if (/\s/.test(text)) {
    return null;
  }
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
