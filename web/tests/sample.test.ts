import { expect, it } from "vitest";

import { EMPTY, isSame, requestOf } from "../src/lib/sample";

it("a sample message names no application unless one is chosen", () => {
  expect(requestOf({ ...EMPTY, text: "full" })).toEqual({ message: "full", title: "", priority: 0 });
  expect(requestOf({ application: 3, title: "Disk", text: "full", priority: 8 })).toEqual({
    appid: 3,
    message: "full",
    title: "Disk",
    priority: 8,
  });
});

it("an empty priority is 0", () => {
  expect(requestOf({ ...EMPTY, priority: Number.NaN }).priority).toBe(0);
});

it("an answer is outdated when the message changed", () => {
  const asked = requestOf({ ...EMPTY, text: "full" });
  expect(isSame(asked, requestOf({ ...EMPTY, text: "full" }))).toBe(true);
  expect(isSame(asked, requestOf({ ...EMPTY, text: "empty" }))).toBe(false);
});
