/** Timers of plugins, in words. */
import type { Timer } from "../api/types";

/** A time span in its two largest units. */
export function span(ms: number): string {
  const units: [number, string][] = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1000, "s"],
    [1, "ms"],
  ];
  let rest = ms;
  const parts: string[] = [];
  for (const [size, name] of units) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count} ${name}`);
    rest %= size;
  }
  return parts.slice(0, 2).join(" ");
}

/** The text behind a timer's schedule; empty for a timer without details. */
export function details({ zone, jitterMs, skipsMissed }: Pick<Timer, "zone" | "jitterMs" | "skipsMissed">): string {
  return [
    zone ? ` in ${zone}` : "",
    jitterMs ? `, up to ${span(jitterMs)} later` : "",
    skipsMissed ? ", missed ones skipped" : "",
  ].join("");
}
