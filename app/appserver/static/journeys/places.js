/* The places of an audit event's values, in the form in which properties name them. */

const KEY = /^[0-9A-Za-z_-]{1,100}$/;
const DOTTED_KEY = /^[0-9A-Za-z]([0-9A-Za-z_./-]*[0-9A-Za-z])?$/;
const REFERENCE = ["name", "namespace", "resource", "subresource", "apiGroup", "apiVersion", "uid"];
/* Fields that say nothing about what somebody did. */
const LEFT_OUT = new Set(["managedFields", "labels", "annotations", "creationTimestamp", "generation", "resourceVersion", "selfLink"]);
const MOST = 300;
const MAX_DEPTH = 8;

/** Returns { group: [{ place, name, value }] }, with each value of an audit event that can become a property. */
export function places(event) {
  const metadata = event.responseObject?.metadata ?? {};
  return {
    "Reference": REFERENCE.filter((key) => event.objectRef?.[key] !== undefined)
      .map((key) => ({ place: `objectRef.${key}`, name: key, value: event.objectRef[key] })),
    "Labels": keyed("label", metadata.labels),
    "Annotations": keyed("annotation", metadata.annotations),
    "Answer": [...leaves("responseObject", event.responseObject, 0)].slice(0, MOST),
    "Request": [...leaves("requestObject", event.requestObject, 0)].slice(0, MOST),
  };
}

const keyed = (kind, values) => Object.entries(values ?? {})
  .filter(([key]) => DOTTED_KEY.test(key))
  .map(([key, value]) => ({ place: `${kind} ${key}`, name: named(key.split("/").pop()), value }));

function* leaves(at, value, depth) {
  if (value === null || value === undefined || depth > MAX_DEPTH) {
    return;
  }
  if (Array.isArray(value)) {
    for (const [index, each] of value.slice(0, 5).entries()) {
      yield* leaves(`${at}{${index}}`, each, depth + 1);
    }
    return;
  }
  if (typeof value === "object") {
    for (const [key, each] of Object.entries(value)) {
      if (KEY.test(key) && !(LEFT_OUT.has(key) && at.endsWith(".metadata"))) {
        yield* leaves(`${at}.${key}`, each, depth + 1);
      }
    }
    return;
  }
  yield { place: at, name: named(at.replace(/\{\d+\}/g, "").split(".").slice(-1)[0]), value };
}

const named = (text) => text.replace(/[^0-9A-Za-z_]+/g, "_").replace(/^(?=\d)/, "_");

/* The past tense of the API's verbs. */
const PAST = { create: "Created", update: "Updated", patch: "Changed", delete: "Deleted", deletecollection: "Deleted", get: "Viewed",
  list: "Listed", watch: "Watched" };

/** Proposes an event's name in the form of Segment's Spec: the object, then the action in the past tense. `kind` is the object's, if
    it is known. Source: Segment, "Naming conventions": Object-Action framework. */
export function proposed(resource, verb, kind, subresource = "") {
  const object = (kind ?? singular(resource)).replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/[-_]/g, " ");
  const words = [object, ...(subresource && subresource !== "-" ? [subresource] : [])].map(capital).join(" ");
  return `${words} ${PAST[verb] ?? capital(verb)}`;
}

const capital = (text) => text.replace(/(^|\s)\S/g, (each) => each.toUpperCase());
const singular = (text) => text.replace(/ies$/, "y").replace(/(ss|x|ch|sh)es$/, "$1").replace(/([^s])s$/, "$1");
