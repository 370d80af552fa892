/* The verdicts of checks. A check looks like this:

     { title: "KV store is ready", means: "Without it ...", cure: "splunk show ...", look: async (known) => good("ready") }

   `look` returns a verdict, or a list of { title, means, cure, verdict } if only looking tells how many there are. `known` has
   the facts that several checks use: { user, server, searches, destinations, inputs }. */

export const good = (said) => ({ result: "good", said });
export const doubt = (said) => ({ result: "doubt", said });
export const bad = (said) => ({ result: "bad", said });
export const unknown = (said) => ({ result: "unknown", said });

/** Good if something holds; otherwise the verdict that `otherwise` makes. */
export const holds = (isSo, said, not, otherwise = bad) => (isSo ? good(said) : otherwise(not));

export const number = (text) => Number(text ?? 0).toLocaleString();

/** A time span in words; `seconds` may have fractions. */
export function span(seconds) {
  const [unit, size] = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]].find(([, each]) => seconds >= each) ?? ["s", 1];
  return `${Math.round(seconds / size)} ${unit}`;
}
