// A plugin whose author writes JavaScript as usual, for the tests.

import { sha256 } from "@noble/hashes/sha2.js";

import { ConfigError, definePlugin, drop, host, Refused, text, wants } from "./sdk/index.js";
import { warmest } from "./src/deep.js";

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
    globalThis.setInterval(() => {}, 1000);
  },
  async several(base) {
    const begun = Date.now();
    const urls = ["/1", "/2", "/3", "/4"].map((path) => base + path);
    const all = await Promise.all(urls.map(async (url) => (await fetch(new Request(url))).text()));
    return `${all.join(" ")} ${Date.now() - begun < 2000 ? "at once" : "one after the other"}`;
  },
  async abort(url) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new RangeError("enough")), 10);
    const first = await fetch(url, { signal: controller.signal }).catch((error) => error.message);
    const winner = await Promise.race([fetch(url, { signal: AbortSignal.timeout(1000) }).catch(() => {}), pause(10).then(() => "pause")]);
    return `${first}, ${winner}`;
  },
  async digests() {
    const lines = [];
    for (const name of ["SHA-1", "SHA-256", "SHA-384", "SHA-512"]) {
      const key = await crypto.subtle.importKey("raw", utf8("Jefe"), { name: "HMAC", hash: name }, false, ["sign"]);
      const code = await crypto.subtle.sign("HMAC", key, utf8("what do ya want for nothing?"));
      lines.push(`${name} ${hex(await crypto.subtle.digest(name, utf8("abc")))} ${hex(code)}`);
    }
    return lines.join("\n");
  },
  async keys() {
    const attempts = [
      () => crypto.subtle.importKey("raw", utf8("k"), "AES-GCM", false, ["encrypt"]),
      () => crypto.subtle.digest("MD5", utf8("k")),
      () => crypto.subtle.digest("SHA-256", "text"),
      async () => crypto.subtle.sign("HMAC", await hmacKey("k", "verify"), utf8("m")),
      async () => crypto.subtle.exportKey("raw", await hmacKey("k", "verify")),
    ];
    const settled = await Promise.allSettled(attempts.map((attempt) => attempt()));
    return settled.map(({ reason }) => `${reason.name}: ${reason.message}`).join("\n");
  },
  random() {
    const ids = Array.from({ length: 50 }, () => crypto.randomUUID());
    const formed = ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id));
    const words = crypto.getRandomValues(new Uint32Array(64));
    return `${formed} ${new Set(ids).size} ${new Set(words).size} ${words.some((word) => word > 2 ** 31)}`;
  },
  texts() {
    const stream = new TextDecoder();
    const parts = [[0xe2, 0x82], [0xac, 0xf0], [0x9f, 0x98, 0x80]].map((part) => stream.decode(Uint8Array.from(part), { stream: true }));
    const latin = new TextDecoder("latin1").decode(Uint8Array.from([0xe4, 0x80]));
    const wide = new TextDecoder("utf-16le").decode(Uint8Array.from([0xe4, 0, 0x3d, 0xd8, 0, 0xde]));
    let strict;
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from([0xff]));
    } catch (error) {
      strict = error.name;
    }
    return [parts.join("|"), latin, wide, strict, atob(btoa("b\xe4"))].join(" ");
  },
  trace() {
    return String(warmest([{ value: 1 }, {}]));
  },
  async traceLater() {
    await pause(1);
    return String(warmest([{}]));
  },
  packaged() {
    return sha256("not bytes");
  },
};

const utf8 = (text) => new TextEncoder().encode(text);
const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
const hmacKey = (secret, ...usages) =>
  crypto.subtle.importKey("raw", utf8(secret), { name: "HMAC", hash: "SHA-256" }, false, usages);

// As a service that signs its webhooks documents it.
async function signed(request) {
  const [, code = ""] = /^sha256=([0-9a-f]{64})$/.exec(request.header("x-hub-signature-256")) ?? [];
  const given = Uint8Array.from(code.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  const key = await hmacKey("It's a Secret to Everybody", "verify");
  return crypto.subtle.verify("HMAC", key, given, request.body);
}

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
    if (request.header("x-hub-signature-256")) {
      return (await signed(request)) ? text("accepted") : text("the signature is wrong", 401);
    }
    const [word, ...rest] = request.text().split(" ");
    return text(await COMMANDS[word](rest.join(" ")));
  },
});
