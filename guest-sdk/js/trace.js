// An error's message and stack for the log. The build puts one module of all
// sources into the component and appends that module's source map, by which the
// lines of a stack are those of the author's files.

// The most frames of a stack: the host keeps only the last lines of the output
// of an instance that ended.
const FRAMES = 8;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// A place in a stack of either engine: `at f (file:1:2)`, or `f@file:1:2`.
const FRAME = /^\s*(?:at )?(.*?)[@ (]*([^\s@(]+?):(\d+)(?::(\d+))?\)?$/;

let lines;

// The places of the module's columns, line by line: for each its column, source,
// and line and column in there, counted from 0.
function decoded(mappings) {
  let [source, line, column] = [0, 0, 0];
  return mappings.split(";").map((text) => {
    let generated = 0;
    const places = [];
    for (const segment of text.split(",")) {
      const [first, ...rest] = numbers(segment);
      if (first === undefined) continue;
      generated += first;
      if (rest.length < 3) {
        places.push([generated]);
        continue;
      }
      source += rest[0];
      line += rest[1];
      column += rest[2];
      places.push([generated, source, line, column]);
    }
    return places;
  });
}

// The numbers of a segment, in groups of five bits, the lowest first; the lowest
// bit of a number is its sign.
function numbers(segment) {
  const found = [];
  let [value, shift] = [0, 0];
  for (const character of segment) {
    const digit = DIGITS.indexOf(character);
    value |= (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    found.push(value & 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return found;
}

// The author's place behind a line of a stack; none for the SDK's own and the
// engine's.
function frame(text) {
  const map = globalThis.__mortiseSourceMap;
  const [, name, file, line, column = "1"] = FRAME.exec(text) ?? [];
  if (file === undefined) return undefined;
  if (!map) return file.includes("sdk/") ? undefined : text;
  lines ??= decoded(map.mappings);
  const place = lines[line - 1]?.findLast(([generated]) => generated < column);
  const source = map.sources[place?.[1]];
  if (!source) return undefined;
  const where = `${source}:${place[2] + 1}:${place[3] + 1}`;
  return `    at ${name ? `${name} (${where})` : where}`;
}

// The message, with the author's part of the stack below it.
export function described(error) {
  if (!(error instanceof Error)) return String(error);
  const frames = (error.stack ?? "").split("\n").map(frame).filter((line) => line !== undefined);
  return [`${error.name}: ${error.message}`, ...frames.slice(0, FRAMES)].join("\n");
}
