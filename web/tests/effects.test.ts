import { expect, it } from "vitest";

import { denied, others, requests, sends, sent, writes } from "../src/lib/effects";

it("the messages that a filter sent are their numbers", () => {
  expect(sent(undefined)).toBe("");
  expect(sent([])).toBe("");
  expect(sent([7])).toBe("Sent message 7");
  expect(sent([7, 9])).toBe("Sent messages 7, 9");
});

it("effects that a version would have had are sentences", () => {
  expect(sends({ sends: 0 })).toBe("");
  expect(sends({ sends: 1 })).toBe("It would have sent 1 message");
  expect(sends({ sends: 12 })).toBe("It would have sent 12 messages");
  expect(requests({ requests: 0 })).toBe("");
  expect(requests({ requests: 1 })).toBe("It would have sent 1 HTTP request");
  expect(requests({ requests: 12 })).toBe("It would have sent 12 HTTP requests");
  expect(writes({ writes: 0 })).toBe("");
  expect(writes({ writes: 1 })).toBe("It would have changed its storage once");
  expect(writes({ writes: 12 })).toBe("It would have changed its storage 12 times");
  expect(others({})).toEqual([]);
  expect(others({ others: { "set-timer": 2, "cancel-timer": 1 } })).toEqual([
    "It would have called cancel-timer once.",
    "It would have called set-timer 2 times.",
  ]);
});

it("a denied attempt has its permission in words and its object", () => {
  const attempts = [
    { permission: "http", what: "example.org", count: 3, last_ms: 0 },
    { permission: "timers", what: "", count: 1, last_ms: 0 },
    { permission: "new-thing", what: "x", count: 1, last_ms: 0 },
  ];
  expect(denied({ denied: attempts as readonly unknown[] as Record<string, never>[] })).toEqual([
    "Denied 3 times: Connect to hosts on the network (example.org)",
    "Denied once: Wake up at times that it chooses",
    "Denied once: new-thing (x)",
  ]);
});
