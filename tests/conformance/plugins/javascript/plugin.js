// The conformance plugin in JavaScript, from PLUGIN.md two folders up.

import { environment, FileError, listDirectory, readText, writeFile } from "./sdk/files.js";
import { http } from "./sdk/http.js";
import {
  ConfigError, cron, definePlugin, drop, every, host, HostError, json, keep, onceAt, Refused, replace, respond, text,
  wants,
} from "./sdk/index.js";
import { exit, sleep } from "./sdk/process.js";

const because = "to be tested with it";
const FIELDS = ["on_start", "on_stop", "on_display", "refuse"];

let config = {};
let user = null;
let calls = 0;

// What a command answers as its error.
class Failed extends Error {}

// A value of the contract in its data form.
function data(value) {
  if (value instanceof Uint8Array) return base64(value);
  if (Array.isArray(value)) return value.map(data);
  if (value === null || typeof value !== "object") return value;
  const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [snake(name), data(item)]));
}

const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
const asJson = (value) => JSON.stringify(data(value ?? null));

// The first word, and what follows it.
function split(line) {
  const at = line.indexOf(" ");
  return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
}

function page(rest) {
  const [before, limit] = split(rest);
  return [before === "" || before === "-" ? undefined : Number(before), Number(limit || 10)];
}

function call(url, options) {
  const response = http(url, options);
  return `${response.status} ${response.text()}`;
}

// A delivery as the contract has it.
const delivery = ({ user, id, error }) => ({
  user,
  outcome: error ? { err: { [error.kind]: error.detail } } : { ok: id },
});

const unhex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

const send = (body, more = {}) => host.send({ title: "sent", body, priority: 5, ...more });
const two = (work) => (rest) => work(...split(rest));

const COMMANDS = {
  say: (rest) => rest,
  fail(rest) {
    throw new Failed(rest);
  },
  user: () => asJson(user),
  calls: () => calls,
  count() {
    const count = Number(host.storage.getText("count") ?? 0) + 1;
    host.storage.set("count", String(count));
    return count;
  },
  send: (rest) => send(rest),
  "send-as": two((application, body) => send(body, { application })),
  "send-priority": two((priority, body) => send(body, { priority: Number(priority) })),
  "send-extras": (extras) => send("sent", { extras }),
  "send-long": two((title, body) => send("x".repeat(Number(body)), { title: "x".repeat(Number(title)) })),
  get: (id) => asJson(host.get(Number(id))),
  sent: (rest) => asJson(host.sent(...page(rest))),
  received: (rest) => asJson(host.received(...page(rest))),
  remove: (id) => host.remove(Number(id)),
  update: two((id, body) => host.update(Number(id), { title: "updated", body, priority: 6 })),
  expire: two((id, ms) => host.expire(Number(id), ms === "-" ? undefined : Number(ms))),
  "send-to": two((users, body) =>
    asJson(host.sendTo(users.split(","), { title: "sent", body, priority: 5 }).map(delivery))),
  image: two((name, hex) => host.setImage(unhex(hex), name === "-" ? undefined : name)),
  store: two((key, value) => host.storage.set(key, value)),
  "store-bytes": two((key, length) => host.storage.set(key, new Uint8Array(Number(length)))),
  load: (key) => host.storage.getText(key) ?? "(none)",
  unset: (key) => host.storage.remove(key),
  keys: (prefix) => JSON.stringify(host.storage.keys(prefix)),
  every: two((name, ms) => host.timers.set(name, every(Number(ms)))),
  cron: two((name, expression) => host.timers.set(name, cron(expression))),
  "cron-in": two((name, rest) => {
    const [zone, expression] = split(rest);
    host.timers.set(name, cron(expression), { zone });
  }),
  "every-with"(rest) {
    const [name, ms, jitter, missed] = rest.split(" ");
    host.timers.set(name, every(Number(ms)), { jitterMs: Number(jitter), missed });
  },
  once: two((name, ms) => host.timers.set(name, onceAt(Number(ms)))),
  cancel: (name) => host.timers.cancel(name),
  log: two((level, entry) => host.log(entry, level)),
  "log-long": (length) => host.log("x".repeat(Number(length))),
  "log-flood"(times) {
    for (let i = 0; i < Number(times); i++) host.log("x".repeat(1024));
  },
  print: (rest) => console.log(rest),
  eprint: (rest) => console.warn(rest),
  http: (url) => call(url),
  "http-post": two((url, body) => call(url, { method: "POST", body })),
  "read-file": readText,
  "write-file": two(writeFile),
  "list-dir": (path) => JSON.stringify(listDirectory(path)),
  env: (name) => environment()[name] ?? "(none)",
  now: () => Date.now(),
  random: () => Math.floor(Math.random() * 2 ** 53),
  "sleep-ms": (ms) => sleep(Number(ms)),
  "big-string": (length) => "x".repeat(Number(length)),
  panic(rest) {
    throw new TypeError(rest);
  },
  exit: (code) => exit(Number(code)),
  loop() {
    for (;;);
  },
  recurse: function recurse(rest) {
    return recurse(`${rest}x`.slice(0, 4)) + 1;
  },
  allocate() {
    const taken = [];
    for (;;) taken.push(new Uint8Array(1 << 20).fill(1));
  },
};

// Does a command and answers; `Failed` is its error.
function run(line) {
  calls += 1;
  const [word, rest] = split(line.replace(/\n+$/, ""));
  const command = Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined;
  if (command === undefined) throw new Failed(`\`${word}\` is no command`);
  try {
    return String(command(rest) ?? "");
  } catch (error) {
    if (error instanceof HostError || error instanceof FileError) throw new Failed(error.message);
    throw error;
  }
}

function runOrRefuse(line) {
  try {
    return run(line);
  } catch (error) {
    if (error instanceof Failed) throw new Refused(error.message);
    throw error;
  }
}

const runAndLog = (name) => config[name] !== undefined && host.log(runOrRefuse(config[name]));
const runAndKeep = (line) => host.storage.set("answer", runOrRefuse(line));

// Answers, or what `failed` makes of the error.
function attempt(line, done, failed) {
  try {
    return done(run(line));
  } catch (error) {
    if (error instanceof Failed) return failed(error.message);
    throw error;
  }
}

export const { manifest, lifecycle, configurer, displayer, webhook, filter, listener, timer } = definePlugin({
  manifest: {
    id: "test.everything",
    name: "Everything",
    version: "0.1.0",
    description: "Has every capability and does as it is told.",
    author: "Mortise's tests",
    license: "MIT OR Apache-2.0",
    website: "https://example.org/everything",
    wants: [
      wants.sendMessages(because),
      wants.readMessages(because, "*"),
      wants.filterMessages(because),
      wants.webhook(because),
      wants.cookies(because, "session"),
      wants.http(because, "127.0.0.1:*"),
      wants.environment(because, "MORTISE_TEST"),
      wants.timers(because),
      wants.sendToUsers(because, "*"),
    ],
    listens: { minPriority: -1000 },
  },

  start(given) {
    user = given;
    runAndLog("on_start");
  },

  stop(reason) {
    host.log(`stopped: ${reason.replace("-", "_")}`);
    runAndLog("on_stop");
  },

  defaults: () => FIELDS.map((name) => `${name}:\n`).join(""),

  schema: () =>
    JSON.stringify({
      type: "object",
      properties: Object.fromEntries(FIELDS.map((name) => [name, { type: "string" }])),
    }),

  apply(lines) {
    const found = {};
    for (const line of lines.split("\n")) {
      const [, name, value] = /^(\w+):\s*(.*?)\s*$/.exec(line) ?? [];
      if (value) found[name] = value;
    }
    if (found.refuse !== undefined) throw new ConfigError({ path: "refuse", text: found.refuse });
    config = found;
  },

  display(baseUrl) {
    const command = config.on_display;
    if (command === undefined) return `# Everything\n\nat ${baseUrl ?? "(none)"}\n`;
    return attempt(command, (answer) => answer, (error) => `error: ${error}`);
  },

  handle(request) {
    const [first, name, value] = request.path.split("/");
    if (first === "echo") return json(data(request));
    if (first === "status") return { status: Number(name), headers: [], body: request.body };
    if (first === "header") return respond(200, "", { [name]: value });
    if (first === "header-of") return text(request.header(name) ?? "(none)");
    return attempt(request.text(), text, (error) => text(error, 500));
  },

  filter({ content }) {
    const [word, rest] = split(content.title);
    if (word === "keep") return keep();
    if (word === "drop") return drop(rest);
    if (word === "replace") return replace({ ...content, body: rest });
    return replace({ ...content, title: "result", body: runOrRefuse(content.title) });
  },

  onMessages(messages) {
    for (const { content } of messages) runAndKeep(content.title);
  },

  onTimer: runAndKeep,
});
