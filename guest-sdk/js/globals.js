// The parts of JavaScript's usual library that QuickJS lacks: `console`,
// `structuredClone`, and random numbers that differ between instances. An engine
// that has them keeps its own.

import * as exitImport from "wasi:cli/exit@0.2.0";
import * as randomImport from "wasi:random/random@0.2.0";
import * as stderrImport from "wasi:cli/stderr@0.2.0";
import * as stdoutImport from "wasi:cli/stdout@0.2.0";

import { utf8 } from "./text.js";
import { described } from "./trace.js";

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

function shown(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return described(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

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
