/* JSON for people to read and edit. What is in it is not touched: a number keeps its digits, as it goes on to Segment. */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;
const STEP = "  ";

/** The same JSON with a line for each member. A text that is not valid JSON stays as it is. */
export function laidOut(text) {
  if (problem(text)) {
    return text;
  }
  const tokens = text.match(TOKEN) ?? [];
  let depth = 0;
  let shown = "";
  for (const [place, token] of tokens.entries()) {
    const isClosing = token === "}" || token === "]";
    const isEmpty = isClosing && "{[".includes(tokens[place - 1]);
    depth -= isClosing ? 1 : 0;
    shown += isClosing && !isEmpty ? `\n${STEP.repeat(depth)}${token}` : token;
    const isOpening = token === "{" || token === "[";
    depth += isOpening ? 1 : 0;
    if (token === "," || (isOpening && !"}]".includes(tokens[place + 1]))) {
      shown += `\n${STEP.repeat(depth)}`;
    } else if (token === ":") {
      shown += " ";
    }
  }
  return shown;
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
