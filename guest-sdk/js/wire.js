// The differences of the engines: numbers of 64 bits, and how the host's refusals
// arrive.

import { problem } from "./check.js";

// QuickJS takes and gives numbers for them, SpiderMonkey bigints.
const quickjs = "__cqjs" in globalThis;

export const u64 = (value) => (quickjs ? Number(value) : BigInt(value));
export const number = (value) => Number(value);

export class HostError extends Error {
  constructor(kind, detail) {
    super(`${kind}: ${detail}`);
    this.name = "HostError";
    this.kind = kind;
    this.detail = detail;
  }
}

export class Refused extends Error {
  constructor(message) {
    super(message);
    this.name = "Refused";
  }
}

export class ConfigError extends Error {
  constructor(...problems) {
    const all = problems.map((one) => problem("ConfigError(): the problem", one));
    super(all.map((one) => one.text).join("; "));
    this.name = "ConfigError";
    this.problems = all;
  }
}

// What the host refused, as an error.
export const hostError = ({ tag, val }) => new HostError(tag, val);

// Calls the host; what it refuses becomes a HostError.
export function ask(call) {
  try {
    return call();
  } catch (error) {
    const refusal = error?.payload ?? error;
    if (typeof refusal?.tag === "string") throw hostError(refusal);
    throw error;
  }
}

export function header(headers, name) {
  const wanted = name.toLowerCase();
  return headers.find((one) => one.name.toLowerCase() === wanted)?.value;
}
