// A plugin whose author writes JavaScript as usual, for the tests.

import { ConfigError, definePlugin, drop, host, Refused, text, wants } from "./sdk/index.js";

const because = "to be tested with it";
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function later(title) {
  await pause(5);
  if (title === "fail") throw new RangeError("a promise failed");
  host.send({ body: `seen ${title}` });
}

const COMMANDS = {
  eval(source) {
    try {
      return String(new Function("host", `return ${source}`)(host));
    } catch (error) {
      return `${error.name}: ${error.message}`;
    }
  },
  wrong() {
    host.send(123);
  },
  log() {
    console.debug("at debug");
    console.log("at log");
    console.warn("at warn");
    console.error("at error");
    return "logged";
  },
  async fetch(url) {
    const response = await fetch(url, { method: "POST", body: JSON.stringify({ a: 1 }), headers: { "X-Name": "value" } });
    return `${response.status} ${response.headers.get("x-kind")} ${(await response.json()).b}`;
  },
  async late(url) {
    try {
      await fetch(url, { signal: AbortSignal.timeout(20) });
      return "in time";
    } catch (error) {
      return error.name;
    }
  },
  async all() {
    const [one, two] = await Promise.all([pause(2).then(() => 1), Promise.resolve(2)]);
    const settled = await Promise.allSettled([Promise.reject(new Error("x")), 3]);
    const parts = [];
    for await (const part of letters()) parts.push(part);
    return `${one}${two} ${settled.map(({ status }) => status)} ${parts.join("")}`;
  },
  globals() {
    const url = new URL("../b?x=1&y=%C3%A4", "https://Example.org:443/a/c/d#e");
    url.searchParams.append("z", "a b");
    const copy = structuredClone({ when: new Date(0), list: [new Map([[1, new Set([2])]])] });
    const bytes = new TextEncoder().encode("ä€");
    return [url.href, url.searchParams.get("y"), copy.when.getTime(), copy.list[0].get(1).has(2), bytes.length, new TextDecoder().decode(bytes)].join(" ");
  },
  async never() {
    await new Promise(() => {});
  },
  interval() {
    setInterval(() => {}, 1000);
  },
};

async function* letters() {
  yield "a";
  await pause(1);
  yield "b";
}

export const { manifest, lifecycle, configurer, displayer, webhook, filter, listener, timer } = definePlugin({
  manifest: {
    id: "test.habits",
    name: "Habits",
    version: "0.1.0",
    wants: [
      wants.sendMessages(because),
      wants.readMessages(because),
      wants.filterMessages(because),
      wants.webhook(because),
      wants.http(because, "127.0.0.1:*"),
      wants.timers(because),
    ],
  },

  async start(user) {
    await pause(1);
    host.storage.set("started", user.name);
  },

  async stop(reason) {
    await pause(1);
    host.storage.set("stopped", reason);
  },

  async defaults() {
    return "";
  },

  async apply(config) {
    await pause(1);
    if (config) throw new ConfigError({ path: "all", text: "leave it empty" });
  },

  async display() {
    return "shown";
  },

  async filter({ content }) {
    await pause(1);
    if (content.title === "refuse") throw new Refused("cannot");
    return drop("later");
  },

  async onMessages(messages) {
    await Promise.all(messages.map(({ content }) => later(content.title)));
  },

  onTimer(name) {
    later(name);
  },

  async handle(request) {
    const [word, ...rest] = request.text().split(" ");
    return text(await COMMANDS[word](rest.join(" ")));
  },
});
