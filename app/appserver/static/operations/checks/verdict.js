/* What a check comes to, and how checks are written down.

     { title: "KV store is ready", means: "Without it ...", cure: "splunk show ...", look: async (known) => good("ready") }

   `look` gives a verdict, or a list of { title, means, cure, verdict } where only looking tells how many there are. `known` is
   what all checks share: { user, host, server, searches }. */

export const good = (said) => ({ result: "good", said });
export const doubt = (said) => ({ result: "doubt", said });
export const bad = (said) => ({ result: "bad", said });
export const unknown = (said) => ({ result: "unknown", said });

/** Good where something holds, else what `otherwise` makes of the words. */
export const holds = (isSo, said, not, otherwise = bad) => (isSo ? good(said) : otherwise(not));

export const number = (text) => Number(text ?? 0).toLocaleString();

/** A time span, in seconds, in words. */
export function span(seconds) {
  const [unit, size] = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]].find(([, each]) => seconds >= each) ?? ["s", 1];
  return `${Math.round(seconds / size)} ${unit}`;
}
