// The parts of JavaScript's usual library that QuickJS lacks: `console`,
// `TextEncoder`, `TextDecoder`, `structuredClone`, and random numbers that differ
// between instances. An engine that has them keeps its own.

import * as exitImport from "wasi:cli/exit@0.2.0";
import * as randomImport from "wasi:random/random@0.2.0";
import * as stderrImport from "wasi:cli/stderr@0.2.0";
import * as stdoutImport from "wasi:cli/stdout@0.2.0";

// The most that one write of a stream takes.
const CHUNK = 4096;

// Writes a line to standard output or standard error.
export function print(line, toStderr = false) {
  const bytes = utf8(`${line}\n`);
  const stream = toStderr ? stderrImport.getStderr() : stdoutImport.getStdout();
  for (let at = 0; at < bytes.length; at += CHUNK) {
    stream.blockingWriteAndFlush(bytes.slice(at, at + CHUNK));
  }
}

// Ends the instance, as an exception does that nobody catches.
export function crash(what, error) {
  print(`uncaught in ${what}(): ${described(error)}`, true);
  exitImport.exit({ tag: "err" });
  throw error;
}

// How much of a stack is told: the host keeps only the last lines of what an
// instance said before it ended.
const FRAMES = 8;

// The message with the author's part of the stack below it.
function described(error) {
  if (!(error instanceof Error)) return String(error);
  const frames = (error.stack ?? "").split("\n").filter((line) => /:\d+/.test(line) && !line.includes("/sdk/"));
  return [`${error.name}: ${error.message}`, ...frames.slice(0, FRAMES)].join("\n");
}

function shown(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return described(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

function utf8(text) {
  const bytes = [];
  for (const character of String(text)) {
    let code = character.codePointAt(0);
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else {
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
  }
  return Uint8Array.from(bytes);
}

// How long a sequence is that begins with this byte, and what it must reach.
function sequence(first) {
  if (first < 0x80) return [1, 0, first];
  if (first >= 0xc2 && first < 0xe0) return [2, 0x80, first & 31];
  if (first >= 0xe0 && first < 0xf0) return [3, 0x800, first & 15];
  if (first >= 0xf0 && first < 0xf5) return [4, 0x10000, first & 7];
  return [0, 0, 0];
}

function fromUtf8(bytes) {
  const parts = [];
  let part = "";
  for (let at = 0; at < bytes.length; ) {
    const [length, least, begin] = sequence(bytes[at]);
    let code = begin;
    let read = 1;
    while (read < length && (bytes[at + read] & 0xc0) === 0x80) code = (code << 6) | (bytes[at + read++] & 63);
    const well = length > 0 && read === length && code >= least && code <= 0x10ffff && (code & ~0x7ff) !== 0xd800;
    part += String.fromCodePoint(well ? code : 0xfffd);
    at += read;
    if (part.length > CHUNK) {
      parts.push(part);
      part = "";
    }
  }
  return parts.join("") + part;
}

globalThis.TextEncoder ??= class TextEncoder {
  encode(text = "") {
    return utf8(text);
  }
};

globalThis.TextDecoder ??= class TextDecoder {
  decode(bytes = new Uint8Array()) {
    return fromUtf8(bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes);
  }
};

// Each line begins with its level, as for the system's journal: the host takes
// it off.
const writer = (level, toStderr) => (...values) => {
  const prefix = level === undefined ? "" : `<${level}>`;
  print(values.map(shown).join(" ").split("\n").map((line) => prefix + line).join("\n"), toStderr);
};
globalThis.console = {
  ...globalThis.console,
  log: writer(undefined, false),
  info: writer(6, false),
  debug: writer(7, false),
  trace: writer(7, false),
  warn: writer(4, true),
  error: writer(3, true),
};

globalThis.structuredClone ??= (value) => cloned(value, new Map());

// A deep copy of data, with its cycles.
function cloned(value, seen) {
  if (typeof value === "function" || typeof value === "symbol") {
    throw new TypeError(`structuredClone() cannot copy a ${typeof value}`);
  }
  if (value === null || typeof value !== "object") return value;
  if (seen.has(value)) return seen.get(value);
  const keep = (copy) => {
    seen.set(value, copy);
    return copy;
  };
  if (value instanceof Date) return keep(new Date(value.getTime()));
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
  if (value instanceof ArrayBuffer) return keep(value.slice(0));
  if (value instanceof DataView) {
    return keep(new DataView(cloned(value.buffer, seen), value.byteOffset, value.byteLength));
  }
  if (ArrayBuffer.isView(value)) return keep(value.slice());
  if (value instanceof Map) {
    const copy = keep(new Map());
    for (const [key, item] of value) copy.set(cloned(key, seen), cloned(item, seen));
    return copy;
  }
  if (value instanceof Set) {
    const copy = keep(new Set());
    for (const item of value) copy.add(cloned(item, seen));
    return copy;
  }
  const copy = keep(Array.isArray(value) ? new Array(value.length) : value instanceof Error ? new Error(value.message) : {});
  if (value instanceof Error) copy.name = value.name;
  for (const key of Object.keys(value)) copy[key] = cloned(value[key], seen);
  return copy;
}

// The engine's own generator was seeded when the component was built: all
// instances would have the same numbers.
if ("__cqjs" in globalThis) {
  Math.random = () => {
    const bytes = randomImport.getRandomBytes(7);
    return bytes.reduce((value, byte, i) => (i < 6 ? value * 256 + byte : value * 32 + (byte & 31)), 0) / 2 ** 53;
  };
}
