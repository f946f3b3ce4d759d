/** A duration in microseconds, in words. */
export function duration(micros: number): string {
  return micros < 1000 ? `${micros} µs` : `${(micros / 1000).toFixed(micros < 10_000 ? 1 : 0)} ms`;
}
