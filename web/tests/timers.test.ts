import { expect, it } from "vitest";

import { details, span } from "../src/lib/timers";

it("a timer's details are words behind its schedule", () => {
  expect(details({ zone: "Asia/Tokyo", jitterMs: 5000, skipsMissed: true })).toBe(
    " in Asia/Tokyo, up to 5 s later, missed ones skipped",
  );
  expect(details({ skipsMissed: false })).toBe("");
  expect(details({ jitterMs: 90_000, skipsMissed: false })).toBe(", up to 1 min 30 s later");
});

it("a span has its two largest units", () => {
  expect(span(90_061_000)).toBe("1 d 1 h");
  expect(span(1500)).toBe("1 s 500 ms");
});
