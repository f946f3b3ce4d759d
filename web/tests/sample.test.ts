import { expect, it } from "vitest";

import { EMPTY, isSame, requestOf } from "../src/lib/sample";

it("a sample message asks for the saved configuration and no application unless they are named", () => {
  expect(requestOf({ ...EMPTY, text: "full" })).toEqual({ message: "full", title: "", priority: 0 });
  expect(requestOf({ application: 3, title: "Disk", text: "full", priority: 8 }, "")).toEqual({
    appid: 3,
    message: "full",
    title: "Disk",
    priority: 8,
    config: "",
  });
});

it("an empty priority is 0", () => {
  expect(requestOf({ ...EMPTY, priority: Number.NaN }).priority).toBe(0);
});

it("an answer is outdated when the message or the configuration changed", () => {
  const asked = requestOf({ ...EMPTY, text: "full" }, "a: 1");
  expect(isSame(asked, requestOf({ ...EMPTY, text: "full" }, "a: 1"))).toBe(true);
  expect(isSame(asked, requestOf({ ...EMPTY, text: "full" }, "a: 2"))).toBe(false);
  expect(isSame(asked, requestOf({ ...EMPTY, text: "full" }))).toBe(false);
  expect(isSame(asked, requestOf({ ...EMPTY, text: "empty" }, "a: 1"))).toBe(false);
});
