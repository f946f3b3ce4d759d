// Waiting and ending.

import * as clockImport from "wasi:clocks/monotonic-clock@0.2.0";
import * as exitImport from "wasi:cli/exit@0.2.0";

import { u64 } from "./wire.js";

// Waits; the time counts towards the call's deadline.
export function sleep(ms) {
  clockImport.subscribeDuration(u64(Math.round(ms * 1e6))).block();
}

// Ends the instance, which the host takes for a crash.
export function exit(code = 0) {
  exitImport.exit({ tag: code === 0 ? "ok" : "err" });
}
