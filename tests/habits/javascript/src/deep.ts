// Lines that differ from those of the module that the build makes of it.

interface Reading {
  /** In degrees. */
  value?: number;
}

export function warmest(readings: Reading[]): number {
  return Math.max(
    ...readings.map((one) => {
      if (one.value === undefined) throw new RangeError("a reading has no value");
      return one.value;
    }),
  );
}
