/* Formats JSON for people to read and edit. Values keep their spelling, because they are sent on to Segment as they are. */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;
const STEP = "  ";
const OPENING = ["{", "["];
const CLOSING = ["}", "]"];

/** The same JSON with a line for each member. A text that is not valid JSON stays unchanged. */
export function laidOut(text) {
  if (problem(text)) {
    return text;
  }
  const tokens = text.match(TOKEN);
  let depth = 0;
  return tokens.map((token, place) => {
    const line = () => `\n${STEP.repeat(depth)}`;
    if (CLOSING.includes(token)) {
      depth -= 1;
      return OPENING.includes(tokens[place - 1]) ? token : line() + token;
    }
    if (OPENING.includes(token)) {
      depth += 1;
      return CLOSING.includes(tokens[place + 1]) ? token : token + line();
    }
    return token + ({ ",": line(), ":": " " }[token] ?? "");
  }).join("");
}

/** Why a text is not a JSON object; "" if it is one. */
export function problem(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? "" : "It must be a JSON object: {...}.";
  } catch (error) {
    return `This is not valid JSON: ${error.message}.`;
  }
}
