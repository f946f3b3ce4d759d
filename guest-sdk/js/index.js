// Mortise plugins in JavaScript and TypeScript, over what `jco componentize`
// makes of the contract. `index.d.ts` documents everything that authors use.
//
// The parts of this folder: this file (a plugin and its host), `http.js`
// (calling out), `files.js` (granted directories and environment variables),
// `fetch.js` (the same by the language's usual function), `globals.js`,
// `text.js`, `url.js`, `crypto.js` and `sha.js` (parts of the usual library that
// the engine lacks), `promise.js` (`async` functions run to their end),
// `trace.js` (stacks with the author's lines), `check.js` (types of values),
// `wire.js` (numbers of 64 bits, and the host's refusals).

import * as logImport from "mortise:plugin/log@0.2.0";
import * as messagesImport from "mortise:plugin/messages@0.2.0";
import * as storageImport from "mortise:plugin/storage@0.2.0";
import * as timersImport from "mortise:plugin/timers@0.2.0";

import { runToEnd } from "./promise.js";
import * as check from "./check.js";
import "./crypto.js";
import { crash } from "./globals.js";
import "./url.js";
import { ask, ConfigError, header, HostError, hostError, number, Refused, u64 } from "./wire.js";

export { ConfigError, HostError, Refused } from "./wire.js";

// ---- values ----

export const keep = () => ({ tag: "keep" });
export const replace = (content) => ({ tag: "replace", val: content });
export const drop = (reason) => ({ tag: "drop", val: String(reason) });

export const every = (ms) => ({ tag: "every-ms", val: u64(check.whole("every(): ms", ms)) });
export const cron = (expression) => ({ tag: "cron", val: check.text("cron(): expression", expression) });
export const onceAt = (ms) => ({ tag: "once-at-ms", val: u64(check.whole("onceAt(): ms", ms)) });

const want = (reason, tag, val) => ({ permission: val === undefined ? { tag } : { tag, val }, reason });

export const wants = {
  sendMessages: (reason) => want(reason, "send-messages"),
  readMessages: (reason, ...names) => want(reason, "read-messages", names.length > 0 ? names : ["*"]),
  filterMessages: (reason) => want(reason, "filter-messages"),
  webhook: (reason) => want(reason, "webhook"),
  cookies: (reason, ...names) => want(reason, "cookies", names),
  http: (reason, ...hosts) => want(reason, "http", hosts),
  files: (reason, ...directories) => want(reason, "files", directories),
  environment: (reason, ...names) => want(reason, "environment", names),
  timers: (reason) => want(reason, "timers"),
  sendToUsers: (reason, ...users) => want(reason, "send-to-users", users),
};

const decoded = (value) => new TextDecoder().decode(value);

export const respond = (status = 200, body = "", headers = {}) => ({
  status,
  headers: Object.entries(headers).map(([name, value]) => ({ name: name.toLowerCase(), value })),
  body: check.bytes("respond(): body", body),
});
export const text = (body, status = 200) =>
  respond(status, body, { "content-type": "text/plain; charset=utf-8" });
export const json = (value, status = 200) =>
  respond(status, JSON.stringify(value), { "content-type": "application/json" });

class WebhookRequest {
  constructor(request) {
    // One engine gives bytes of a class that is not this module's `Uint8Array`.
    Object.assign(this, request, { body: new Uint8Array(request.body) });
  }

  header(name) {
    return header(this.headers, name);
  }

  text() {
    return decoded(this.body);
  }

  json() {
    return JSON.parse(this.text());
  }
}

// ---- the host ----

const draft = (value) => ({ ...value, receivedMs: number(value.receivedMs), application: application(value) });
const message = (value) => ({
  ...value,
  id: number(value.id),
  application: application(value),
  createdMs: number(value.createdMs),
});
const application = ({ application: { id, name } }) => ({ id: number(id), name });

const delivery = ({ user, outcome: { tag, val } }) =>
  tag === "ok" ? { user, id: number(val) } : { user, error: hostError(val) };

const outgoing = (where, value) => ({
  content: check.content(where, value),
  application: check.optionalText(`${where}.application`, value.application),
});
const optionalU64 = (where, value) => check.optional(where, value, (at, one) => u64(check.whole(at, one)));
const LEVELS = ["trace", "debug", "info", "warn", "error"];
const LIMITS = [0, 2 ** 32 - 1];
const MISSED = ["once", "skip"];

function timerOptions(where, value) {
  const { zone, jitterMs = 0, missed = "once" } = check.record(where, value);
  return {
    zone: check.optionalText(`${where}.zone`, zone),
    jitterMs: u64(check.whole(`${where}.jitterMs`, jitterMs)),
    missed: check.oneOf(`${where}.missed`, missed, MISSED),
  };
}

export const host = {
  send(message) {
    const sent = outgoing("send(): message", message);
    return number(ask(() => messagesImport.send(sent)));
  },
  sendTo(users, message) {
    const values = [check.list("sendTo(): users", users, check.text), outgoing("sendTo(): message", message)];
    return ask(() => messagesImport.sendTo(...values)).map(delivery);
  },
  get(id) {
    const wanted = u64(check.whole("get(): id", id));
    const found = ask(() => messagesImport.get(wanted));
    return found ? message(found) : undefined;
  },
  sent(before, limit = 50) {
    const values = [optionalU64("sent(): before", before), check.whole("sent(): limit", limit, ...LIMITS)];
    return ask(() => messagesImport.sent(...values)).map(message);
  },
  received(before, limit = 50) {
    const values = [optionalU64("received(): before", before), check.whole("received(): limit", limit, ...LIMITS)];
    return ask(() => messagesImport.received(...values)).map(message);
  },
  remove(id) {
    const wanted = u64(check.whole("remove(): id", id));
    ask(() => messagesImport.remove(wanted));
  },
  update(id, content) {
    const values = [u64(check.whole("update(): id", id)), check.content("update(): content", content)];
    ask(() => messagesImport.update(...values));
  },
  expire(id, atMs) {
    const values = [u64(check.whole("expire(): id", id)), optionalU64("expire(): atMs", atMs)];
    ask(() => messagesImport.expire(...values));
  },
  setImage(image, application) {
    const values = [
      check.optionalText("setImage(): application", application),
      check.bytes("setImage(): image", image),
    ];
    ask(() => messagesImport.setImage(...values));
  },
  log(entry, level = "info") {
    logImport.write(check.oneOf("log(): level", level, LEVELS), String(entry));
  },
  storage: {
    get(key) {
      check.text("storage.get(): key", key);
      return ask(() => storageImport.get(key)) ?? undefined;
    },
    getText(key) {
      const value = this.get(key);
      return value === undefined ? undefined : decoded(value);
    },
    set(key, value) {
      check.text("storage.set(): key", key);
      const stored = check.bytes("storage.set(): value", value);
      ask(() => storageImport.set(key, stored));
    },
    remove(key) {
      check.text("storage.remove(): key", key);
      ask(() => storageImport.remove(key));
    },
    keys(prefix = "") {
      check.text("storage.keys(): prefix", prefix);
      return ask(() => storageImport.keys(prefix));
    },
  },
  timers: {
    set(name, when, options) {
      check.text("timers.set(): name", name);
      if (!["every-ms", "cron", "once-at-ms"].includes(when?.tag)) {
        throw check.wrong("timers.set(): when", when, "every(ms), cron(expression) or onceAt(ms)");
      }
      const details = check.optional("timers.set(): options", options, timerOptions);
      ask(() => (details ? timersImport.setWith(name, when, details) : timersImport.set(name, when)));
    },
    cancel(name) {
      check.text("timers.cancel(): name", name);
      ask(() => timersImport.cancel(name));
    },
  },
};

// ---- what the component exports ----

// An error of the contract goes to the host; any other is a crash, whose message
// and stack go to the log before the instance ends.
function guarded(what, work) {
  try {
    return runToEnd(what, work());
  } catch (error) {
    if (error instanceof Refused || error instanceof HostError) {
      throw error.message;
    }
    return crash(what, error);
  }
}

// The same for a function without an error in the contract.
function unfailing(what, work) {
  try {
    return work();
  } catch (error) {
    return crash(what, error);
  }
}

function returned(what, value, wanted) {
  return new TypeError(`${what}() returned ${value === null ? "null" : typeof value}, not ${wanted}`);
}

function textOf(what, value) {
  if (typeof value !== "string") throw returned(what, value, "text");
  return value;
}

function verdictOf(value) {
  switch (value?.tag) {
    case "keep":
      return { tag: "keep" };
    case "drop":
      return { tag: "drop", val: check.text("filter(): the reason", value.val) };
    case "replace":
      return { tag: "replace", val: check.content("filter(): the content", value.val) };
    default:
      throw returned("filter", value, "a verdict: keep(), replace(content) or drop(reason)");
  }
}

const HANDLERS = ["start", "stop", "defaults", "schema", "apply", "display", "handle", "filter", "onMessages", "onTimer"];

export function definePlugin(plugin) {
  const has = (name) => typeof plugin[name] === "function";
  for (const name of HANDLERS.filter(has)) {
    if (/Generator/.test(Object.prototype.toString.call(plugin[name]))) {
      throw new TypeError(`${name}() is a generator, which nobody would run: write it without \`*\``);
    }
    if (Object.prototype.toString.call(plugin[name]) === "[object AsyncFunction]") {
      throw new TypeError(`${name}() is async, which the engine does not run to its end: install esbuild (\`npm install --save-dev esbuild\`) and build again`);
    }
  }
  const described = check.manifest(plugin.manifest);
  const exported = {
    manifest: { describe: () => described },
    // It may be asked for whether or not there is something to do.
    lifecycle: {
      start: (user) =>
        void guarded("start", () => (has("start") ? plugin.start({ ...user, id: number(user.id) }) : undefined)),
      stop: (reason) => void guarded("stop", () => (has("stop") ? plugin.stop(reason) : undefined)),
    },
  };
  if (has("defaults") && has("apply")) {
    exported.configurer = {
      defaults: () => unfailing("defaults", () => textOf("defaults", runToEnd("defaults", plugin.defaults()))),
      schema() {
        if (!has("schema")) return undefined;
        return unfailing("schema", () => check.optionalText("schema()", runToEnd("schema", plugin.schema())));
      },
      apply(config) {
        let problems;
        unfailing("apply", () => {
          try {
            runToEnd("apply", plugin.apply(config));
          } catch (error) {
            if (!(error instanceof ConfigError)) throw error;
            problems = error.problems;
          }
        });
        if (problems) throw problems;
      },
    };
  }
  if (has("display")) {
    exported.displayer = {
      display: (baseUrl) =>
        unfailing("display", () => textOf("display", runToEnd("display", plugin.display(baseUrl ?? undefined)))),
    };
  }
  if (has("handle")) {
    exported.webhook = {
      handle: (request) =>
        unfailing("handle", () => {
          try {
            const given = new WebhookRequest({ ...request, query: request.query ?? undefined });
            const answer = runToEnd("handle", plugin.handle(given));
            if (typeof answer?.status !== "number") throw returned("handle", answer, "a response");
            return check.response("handle(): the response", answer);
          } catch (error) {
            if (!(error instanceof HostError)) throw error;
            host.log(`answered 503: ${error.message}`, "warn");
            return text(`${error.message}\n`, 503);
          }
        }),
    };
  }
  if (has("filter")) {
    exported.filter = {
      filter: (given) => guarded("filter", () => then(plugin.filter(draft(given)), verdictOf)),
    };
  }
  if (has("onMessages")) {
    exported.listener = {
      onMessages: (given) => void guarded("onMessages", () => plugin.onMessages(given.map(message))),
    };
  }
  if (has("onTimer")) {
    exported.timer = { onTimer: (name) => void guarded("onTimer", () => plugin.onTimer(name)) };
  }
  return exported;
}

// The same of a value, or of the one that a promise brings.
const then = (value, work) => (typeof value?.then === "function" ? value.then(work) : work(value));
