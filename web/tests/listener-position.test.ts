import { describe, expect, it } from "vitest";

import { after, consequence, position, waiting } from "../src/lib/listener";

it("a start is the message before it", () => {
  expect(after("now")).toBeNull();
  expect(after("beginning")).toBe(0);
  expect(after(42)).toBe(41);
});

it("a position is two sentences", () => {
  expect(waiting({ waiting: 0 })).toBe("No message waits for it.");
  expect(waiting({ waiting: 1 })).toBe("1 message waits for it.");
  expect(waiting({ waiting: 9999 })).toBe("9999 messages wait for it.");
  expect(waiting({ waiting: 10_000 })).toBe("10,000 messages or more wait for it.");
  expect(position({ after: 0 })).toBe("Its next message is the first one that is stored.");
  expect(position({ after: 41 })).toBe("Its next message is the one after 41.");
});

describe("the consequence of a start", () => {
  it("is that messages are left out, or not", () => {
    expect(consequence("now", { after: 41, waiting: 0 })).toMatch(/goes on with the next new message/);
    expect(consequence("now", { after: 41, waiting: 3 })).toMatch(/leaves out all messages that wait/);
    expect(consequence(45, { after: 41, waiting: 9 })).toMatch(/leaves out the waiting messages before 45/);
    expect(consequence(42, { after: 41, waiting: 9 })).toMatch(/goes on where it is/);
    expect(consequence("beginning", { after: 0, waiting: 9 })).toMatch(/goes on where it is/);
  });

  it("is that messages come again", () => {
    expect(consequence(41, { after: 41, waiting: 0 })).toMatch(/receives the messages from 41 up to 41 again/);
    expect(consequence("beginning", { after: 41, waiting: 0 })).toMatch(/receives all stored messages up to 41 again/);
  });
});
