// Mortise plugins in JavaScript and TypeScript, over what `jco componentize`
// makes of the contract. `index.d.ts` documents everything that authors use.
//
// The parts of this folder: this file (a plugin and its host), `http.js`
// (calling out), `files.js` (granted directories and environment variables),
// `globals.js` (what the engine lacks of the language's usual library),
// `wire.js` (numbers of 64 bits, and what the host refuses).

import * as logImport from "mortise:plugin/log@0.1.0";
import * as messagesImport from "mortise:plugin/messages@0.1.0";
import * as storageImport from "mortise:plugin/storage@0.1.0";
import * as timersImport from "mortise:plugin/timers@0.1.0";

import { crash } from "./globals.js";
import { ask, ConfigError, header, HostError, number, Refused, u64 } from "./wire.js";

export { ConfigError, HostError, Refused } from "./wire.js";

// ---- values ----

export const keep = () => ({ tag: "keep" });
export const replace = (content) => ({ tag: "replace", val: content });
export const drop = (reason) => ({ tag: "drop", val: String(reason) });

export const every = (ms) => ({ tag: "every-ms", val: u64(ms) });
export const cron = (expression) => ({ tag: "cron", val: expression });
export const onceAt = (ms) => ({ tag: "once-at-ms", val: u64(ms) });

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
};

const bytes = (value) => (typeof value === "string" ? new TextEncoder().encode(value) : value);
const decoded = (value) => new TextDecoder().decode(value);

export const respond = (status = 200, body = "", headers = {}) => ({
  status,
  headers: Object.entries(headers).map(([name, value]) => ({ name: name.toLowerCase(), value })),
  body: bytes(body),
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

export const host = {
  send({ title = "", body, priority = 0, extras, application }) {
    const asText = extras === undefined || extras === null || typeof extras === "string";
    const content = {
      title,
      body,
      priority,
      extras: asText ? (extras ?? undefined) : JSON.stringify(extras),
    };
    return number(ask(() => messagesImport.send({ application: application ?? undefined, content })));
  },
  get(id) {
    const found = ask(() => messagesImport.get(u64(id)));
    return found ? message(found) : undefined;
  },
  sent(before, limit = 50) {
    return ask(() => messagesImport.sent(before === undefined ? undefined : u64(before), limit)).map(message);
  },
  received(before, limit = 50) {
    return ask(() => messagesImport.received(before === undefined ? undefined : u64(before), limit)).map(message);
  },
  remove(id) {
    ask(() => messagesImport.remove(u64(id)));
  },
  log(entry, level = "info") {
    logImport.write(level, String(entry));
  },
  storage: {
    get: (key) => ask(() => storageImport.get(key)) ?? undefined,
    getText(key) {
      const value = this.get(key);
      return value === undefined ? undefined : decoded(value);
    },
    set: (key, value) => ask(() => storageImport.set(key, bytes(value))),
    remove: (key) => ask(() => storageImport.remove(key)),
    keys: (prefix = "") => ask(() => storageImport.keys(prefix)),
  },
  timers: {
    set: (name, when) => ask(() => timersImport.set(name, when)),
    cancel: (name) => ask(() => timersImport.cancel(name)),
  },
};

// ---- what the component exports ----

// What is told goes to the author; what is thrown otherwise is a crash, whose
// message and stack go to the log before the instance ends.
function guarded(what, work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refused || error instanceof HostError) {
      throw error.message;
    }
    return crash(what, error);
  }
}

// The same for what has no error in the contract.
function unfailing(what, work) {
  try {
    return work();
  } catch (error) {
    return crash(what, error);
  }
}

function expect(what, value, fits, wanted) {
  if (!fits(value)) {
    throw new TypeError(`${what}() returned ${value === null ? "null" : typeof value}, not ${wanted}`);
  }
  return value;
}

const isText = (value) => typeof value === "string";

export function definePlugin(plugin) {
  const has = (name) => typeof plugin[name] === "function";
  const exported = {
    manifest: {
      describe: () => ({ description: "", author: "", license: "", website: "", wants: [], ...plugin.manifest }),
    },
    // It may be asked for whether or not there is something to do.
    lifecycle: {
      start: (user) =>
        guarded("start", () => has("start") && void plugin.start({ ...user, id: number(user.id) })),
      stop: (reason) => guarded("stop", () => has("stop") && void plugin.stop(reason)),
    },
  };
  if (has("defaults") && has("apply")) {
    exported.configurer = {
      defaults: () => unfailing("defaults", () => expect("defaults", plugin.defaults(), isText, "text")),
      schema() {
        return has("schema") ? unfailing("schema", () => plugin.schema()) : undefined;
      },
      apply(config) {
        let problems;
        unfailing("apply", () => {
          try {
            plugin.apply(config);
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
        unfailing("display", () => expect("display", plugin.display(baseUrl ?? undefined), isText, "text")),
    };
  }
  if (has("handle")) {
    exported.webhook = {
      handle: (request) =>
        unfailing("handle", () => {
          try {
            const answer = plugin.handle(new WebhookRequest({ ...request, query: request.query ?? undefined }));
            return expect("handle", answer, (value) => typeof value?.status === "number", "a response");
          } catch (error) {
            if (!(error instanceof HostError)) throw error;
            host.log(`answered 503: ${error.message}`, "warn");
            return text(`${error.message}\n`, 503);
          }
        }),
    };
  }
  if (has("filter")) {
    const isVerdict = (value) => ["keep", "replace", "drop"].includes(value?.tag);
    exported.filter = {
      filter: (given) =>
        guarded("filter", () =>
          expect("filter", plugin.filter(draft(given)), isVerdict, "a verdict: keep(), replace(content) or drop(reason)"),
        ),
    };
  }
  if (has("onMessages")) {
    exported.listener = {
      onMessages: (given) => guarded("onMessages", () => void plugin.onMessages(given.map(message))),
    };
  }
  if (has("onTimer")) {
    exported.timer = { onTimer: (name) => guarded("onTimer", () => void plugin.onTimer(name)) };
  }
  return exported;
}

