/** The colours of jq. The one package for it has had a single release, so this is a tokenizer of its own. */
import { StreamLanguage, type StringStream } from "@codemirror/language";

const KEYWORDS = new Set(
  "and as catch def elif else end foreach if import include label module not or reduce then try".split(" "),
);
const CONSTANTS = new Set(["true", "false", "null"]);

/** A part of the text: a string, or an interpolation in one with its open parentheses. */
type Part = { kind: "string" } | { kind: "interpolation"; open: number };

interface State {
  /** What encloses the place, from the outermost on. */
  parts: Part[];
}

export const jq = StreamLanguage.define<State>({
  name: "jq",
  startState: () => ({ parts: [] }),
  copyState: ({ parts }) => ({ parts: parts.map((part) => ({ ...part })) }),
  token(stream, { parts }) {
    const inner = parts.at(-1);
    if (inner?.kind === "string") return string(stream, parts);
    if (stream.eatSpace()) return null;
    if (stream.match('"')) {
      parts.push({ kind: "string" });
      return "string";
    }
    if (stream.match(/^#.*/)) return "comment";
    if (stream.match(/^\d+(\.\d+)?([eE][+-]?\d+)?/)) return "number";
    if (stream.match(/^\$[\w:]+/)) return "variableName.special";
    if (stream.match(/^@[a-z0-9]+/)) return "variableName.function";
    if (stream.match(/^\.[A-Za-z_]\w*/)) return "propertyName";
    const word = stream.match(/^[A-Za-z_][\w:]*/) as RegExpMatchArray | null;
    if (word) {
      if (KEYWORDS.has(word[0])) return "keyword";
      if (CONSTANTS.has(word[0])) return "bool";
      // A key of an object.
      return stream.match(/^\s*:(?!:)/, false) ? "propertyName" : "variableName.function";
    }
    const next = stream.next();
    if (inner) {
      if (next === "(") inner.open += 1;
      if (next === ")") {
        inner.open -= 1;
        if (inner.open === 0) parts.pop();
      }
    }
    return next && "|,;:=<>+-*/%?".includes(next) ? "operator" : "punctuation";
  },
  languageData: { commentTokens: { line: "#" }, closeBrackets: { brackets: ["(", "[", "{", '"'] } },
});

function string(stream: StringStream, parts: Part[]): string {
  if (stream.match("\\(")) {
    parts.push({ kind: "interpolation", open: 1 });
    return "punctuation";
  }
  if (stream.match('"')) {
    parts.pop();
    return "string";
  }
  stream.match(/^\\./) || stream.match(/^[^"\\]+/) || stream.next();
  return "string";
}
