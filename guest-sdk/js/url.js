// `URL` and `URLSearchParams`, where the engine lacks them, `AbortController` and
// `AbortSignal`. URLs are those of servers: a scheme, a host, and a path.

const PORTS = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21" };
const WHOLE = /^([a-z][a-z0-9+.-]*:)\/\/(?:([^/?#@]*)@)?(\[[0-9a-f:.]+\]|[^/?#:@]+)(?::(\d*))?([^?#]*)(\?[^#]*)?(#.*)?$/i;
const OPAQUE = /^([a-z][a-z0-9+.-]*:)([^?#]*)(\?[^#]*)?(#.*)?$/i;

// Text as a part of a URL may have it; what is encoded already stays.
const encoded = (text, kept) =>
  text.replace(/[^\x21-\x7e]|["<>`]/gu, (character) => (kept?.includes(character) ? character : encodeURIComponent(character)));

function normal(path) {
  const parts = [];
  const given = path.split("/").slice(1);
  given.forEach((part, at) => {
    const last = at === given.length - 1;
    if (/^(\.|%2e)$/i.test(part)) last && parts.push("");
    else if (/^(\.|%2e){2}$/i.test(part)) {
      parts.pop();
      last && parts.push("");
    } else parts.push(part);
  });
  return `/${parts.join("/")}`;
}

class URL {
  #params;

  constructor(url, base) {
    const text = String(url).trim();
    const found = WHOLE.exec(text);
    if (found) return this.#set(found, text);
    if (base !== undefined && !/^[a-z][a-z0-9+.-]*:/i.test(text)) return this.#resolve(text, new URL(base));
    const opaque = OPAQUE.exec(text);
    if (!opaque || PORTS[opaque[1].toLowerCase()]) throw new TypeError(`Invalid URL: ${text}`);
    const [, protocol, pathname, search = "", hash = ""] = opaque;
    Object.assign(this, { protocol: protocol.toLowerCase(), username: "", password: "", hostname: "", port: "", pathname });
    this.#rest(search, hash);
  }

  #set([, scheme, user = "", hostname, port = "", path, search = "", hash = ""], text) {
    const protocol = scheme.toLowerCase();
    if (port !== "" && Number(port) > 65535) throw new TypeError(`Invalid URL: ${text}`);
    const at = user.indexOf(":");
    Object.assign(this, {
      protocol,
      username: at < 0 ? user : user.slice(0, at),
      password: at < 0 ? "" : user.slice(at + 1),
      hostname: hostname.toLowerCase(),
      port: port === "" || String(Number(port)) === PORTS[protocol] ? "" : String(Number(port)),
      pathname: normal(encoded(path || "/")),
    });
    this.#rest(search, hash);
  }

  #resolve(text, base) {
    const { protocol, username, password, hostname, port } = base;
    if (text.startsWith("//")) {
      Object.assign(this, new URL(protocol + text));
      return this.#rest(this.search, this.hash);
    }
    const [, path, search, hash = ""] = /^([^?#]*)(\?[^#]*)?(#.*)?$/.exec(text);
    const folder = base.pathname.slice(0, base.pathname.lastIndexOf("/") + 1);
    const pathname = path === "" ? base.pathname : normal(encoded(path.startsWith("/") ? path : folder + path));
    Object.assign(this, { protocol, username, password, hostname, port, pathname });
    this.#rest(search ?? (path === "" ? base.search : ""), hash);
  }

  #rest(search, hash) {
    this.#params = new URLSearchParams(search);
    // The text as it was written, until somebody changes the parameters.
    const written = search === "?" ? "" : encoded(search).replaceAll("'", "%27");
    const before = this.#params.toString();
    Object.defineProperty(this, "search", {
      enumerable: true,
      configurable: true,
      get: () => {
        const after = this.#params.toString();
        return after === before ? written : after && `?${after}`;
      },
      set: (value) => this.#rest(value && (String(value).startsWith("?") ? String(value) : `?${value}`), this.hash),
    });
    this.hash = hash === "#" ? "" : encoded(hash);
  }

  get searchParams() {
    return this.#params;
  }

  get host() {
    return this.hostname + (this.port && `:${this.port}`);
  }

  get origin() {
    return PORTS[this.protocol] ? `${this.protocol}//${this.host}` : "null";
  }

  get href() {
    const user = this.username && `${this.username}${this.password && `:${this.password}`}@`;
    const authority = this.hostname ? `//${user}${this.host}` : "";
    return this.protocol + authority + this.pathname + this.search + this.hash;
  }

  toString() {
    return this.href;
  }

  toJSON() {
    return this.href;
  }

  static canParse(url, base) {
    return URL.parse(url, base) !== null;
  }

  static parse(url, base) {
    try {
      return new URL(url, base);
    } catch {
      return null;
    }
  }
}

const decoded = (text) => {
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
};
const component = (text) =>
  encodeURIComponent(text).replace(/[!'()~]|%20/g, (one) => (one === "%20" ? "+" : `%${one.charCodeAt(0).toString(16).toUpperCase()}`));

class URLSearchParams {
  #pairs = [];

  constructor(given = "") {
    if (typeof given === "string") {
      const parts = given.replace(/^\?/, "").split("&").filter((part) => part !== "");
      this.#pairs = parts.map((part) => {
        const at = part.indexOf("=");
        return at < 0 ? [decoded(part), ""] : [decoded(part.slice(0, at)), decoded(part.slice(at + 1))];
      });
    } else {
      const pairs = typeof given[Symbol.iterator] === "function" ? given : Object.entries(given);
      this.#pairs = Array.from(pairs, ([name, value]) => [String(name), String(value)]);
    }
  }

  get size() {
    return this.#pairs.length;
  }

  get(name) {
    return this.#pairs.find(([one]) => one === name)?.[1] ?? null;
  }

  getAll(name) {
    return this.#pairs.filter(([one]) => one === name).map(([, value]) => value);
  }

  has(name) {
    return this.#pairs.some(([one]) => one === name);
  }

  append(name, value) {
    this.#pairs.push([String(name), String(value)]);
  }

  set(name, value) {
    const at = this.#pairs.findIndex(([one]) => one === name);
    if (at < 0) return this.append(name, value);
    this.#pairs = this.#pairs.filter(([one], i) => one !== name || i === at);
    this.#pairs[at][1] = String(value);
  }

  delete(name) {
    this.#pairs = this.#pairs.filter(([one]) => one !== name);
  }

  sort() {
    this.#pairs.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
  }

  forEach(work) {
    for (const [name, value] of this.#pairs) work(value, name, this);
  }

  *entries() {
    yield* this.#pairs.map(([name, value]) => [name, value]);
  }

  *keys() {
    yield* this.#pairs.map(([name]) => name);
  }

  *values() {
    yield* this.#pairs.map(([, value]) => value);
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  toString() {
    return this.#pairs.map((pair) => pair.map(component).join("=")).join("&");
  }
}

class AbortError extends Error {
  constructor(message, name) {
    super(message);
    this.name = name;
  }
}

class AbortSignal {
  #listeners = [];
  aborted = false;
  reason = undefined;
  onabort = null;
  // When it will be aborted, for calls that wait on their own.
  deadline = undefined;

  throwIfAborted() {
    if (this.aborted) throw this.reason;
  }

  addEventListener(event, listener) {
    if (event === "abort") this.#listeners.push(listener);
  }

  removeEventListener(_, listener) {
    this.#listeners = this.#listeners.filter((one) => one !== listener);
  }

  static raise(signal, reason) {
    if (signal.aborted) return;
    signal.aborted = true;
    signal.reason = reason ?? new AbortError("it was aborted", "AbortError");
    signal.onabort?.({ type: "abort", target: signal });
    for (const listener of signal.#listeners) listener({ type: "abort", target: signal });
  }

  static abort(reason) {
    const signal = new AbortSignal();
    AbortSignal.raise(signal, reason);
    return signal;
  }

  // The call does not wait for it: it is looked at when something waits.
  static timeout(ms) {
    const signal = new AbortSignal();
    signal.deadline = Date.now() + ms;
    const expired = () => new AbortError(`it took longer than ${ms} ms`, "TimeoutError");
    const late = () => Date.now() >= signal.deadline;
    Object.defineProperty(signal, "aborted", { get: late });
    Object.defineProperty(signal, "reason", { get: () => (late() ? expired() : undefined) });
    return signal;
  }
}

class AbortController {
  signal = new AbortSignal();

  abort(reason) {
    AbortSignal.raise(this.signal, reason);
  }
}

// By written names: a bundle gives the classes others.
for (const [name, one] of Object.entries({ URL, URLSearchParams })) globalThis[name] ??= one;
// An engine's own signals expire between calls only.
Object.assign(globalThis, { AbortSignal, AbortController });
