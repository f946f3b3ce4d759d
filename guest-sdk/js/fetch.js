// `fetch` over the SDK's HTTP, for authors who know it. Several requests are on
// their way at once: `await Promise.all([fetch(a), fetch(b)])`.

import { clearTimeout, Promise, setTimeout, whenReady } from "./promise.js";
import * as check from "./check.js";
import { httpLater, waitForAny } from "./http.js";
import { HostError } from "./wire.js";

export class Headers {
  #all = new Map();

  constructor(given = {}) {
    const pairs = typeof given[Symbol.iterator] === "function" ? given : Object.entries(given);
    for (const [name, value] of pairs) this.append(name, value);
  }

  append(name, value) {
    const there = this.get(name);
    this.set(name, there === null ? value : `${there}, ${value}`);
  }

  set(name, value) {
    this.#all.set(String(name).toLowerCase(), String(value));
  }

  get(name) {
    return this.#all.get(String(name).toLowerCase()) ?? null;
  }

  has(name) {
    return this.#all.has(String(name).toLowerCase());
  }

  delete(name) {
    this.#all.delete(String(name).toLowerCase());
  }

  forEach(work) {
    for (const [name, value] of this.#all) work(value, name, this);
  }

  entries() {
    return this.#all.entries();
  }

  [Symbol.iterator]() {
    return this.#all.entries();
  }
}

// The content of a request or a response, which is read once.
class Body {
  #bytes;
  bodyUsed = false;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  // For a copy.
  static unread(body) {
    if (body.bodyUsed) throw new TypeError("the body was read already");
    return body.#bytes;
  }

  #read(work) {
    return Promise.try(() => {
      const bytes = Body.unread(this);
      this.bodyUsed = true;
      return work(bytes);
    });
  }

  bytes() {
    return this.#read((body) => body);
  }

  arrayBuffer() {
    return this.#read((body) => body.slice().buffer);
  }

  text() {
    return this.#read((body) => new TextDecoder().decode(body));
  }

  json() {
    return this.#read((body) => JSON.parse(new TextDecoder().decode(body)));
  }
}

// The bytes of a body, whose type goes to the headers if they have none.
function encoded(where, body, headers) {
  let content = body ?? "";
  let type = typeof body === "string" ? "text/plain;charset=UTF-8" : undefined;
  if (content instanceof globalThis.URLSearchParams) {
    content = content.toString();
    type = "application/x-www-form-urlencoded;charset=UTF-8";
  }
  if (type && !headers.has("content-type")) headers.set("content-type", type);
  return check.bytes(where, content);
}

export class Request extends Body {
  constructor(resource, options = {}) {
    const from = resource instanceof Request ? resource : undefined;
    const { method = from?.method ?? "GET", signal = from?.signal, redirect = from?.redirect ?? "follow" } = options;
    const headers = new Headers(options.headers ?? from?.headers);
    const own = options.body !== undefined || from === undefined;
    super(own ? encoded("Request(): body", options.body, headers) : Body.unread(from));
    const url = from?.url ?? String(resource?.href ?? resource);
    Object.assign(this, { url, method: check.text("Request(): method", method).toUpperCase(), headers, signal, redirect });
  }

  clone() {
    return new Request(this);
  }
}

export class Response extends Body {
  constructor(body = "", { status = 200, statusText = "", headers = {}, url = "" } = {}) {
    const own = new Headers(headers);
    super(encoded("Response(): body", body, own));
    Object.assign(this, { status, statusText, url, headers: own, ok: status >= 200 && status < 300 });
  }

  static json(value, options = {}) {
    const headers = new Headers(options.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new Response(JSON.stringify(value), { ...options, headers });
  }

  clone() {
    return new Response(Body.unread(this), this);
  }
}

const TIMEOUT_MS = 30000;
const MOST = 32 << 20;

export function fetch(resource, options = {}) {
  return Promise.try(() => {
    const request = new Request(resource, options);
    const { url, method, signal, redirect } = request;
    signal?.throwIfAborted();
    const left = signal?.deadline === undefined ? TIMEOUT_MS : Math.max(1, signal.deadline - Date.now());
    const sent = {
      method,
      headers: Object.fromEntries(request.headers),
      body: Body.unread(request),
      timeoutMs: left,
      maxRedirects: redirect === "follow" ? 20 : 0,
      maxBody: MOST,
    };
    const guard = new Guard(signal, left);
    return httpLater(url, sent, (ready) => guard.wait(ready))
      .catch((error) => {
        // Of a host that was granted, but does not answer in time.
        throw error instanceof HostError && signal?.aborted ? signal.reason : error;
      })
      .finally(() => guard.end())
      .then((response) => {
        if (redirect === "error" && response.status >= 300 && response.status < 400) {
          throw new TypeError(`${url} redirects`);
        }
        const headers = new Headers(response.headers.map(({ name, value }) => [name, value]));
        return new Response(response.body, { status: response.status, headers, url });
      });
  });
}

// Cancels a request when its signal is aborted.
class Guard {
  #signal;
  #timer;
  #cancel = () => {};
  #abort = () => this.#cancel(this.#signal.reason);

  constructor(signal, left) {
    this.#signal = signal;
    signal?.addEventListener("abort", this.#abort);
    if (signal?.deadline !== undefined) this.#timer = setTimeout(this.#abort, left);
  }

  wait(ready) {
    const { promise, cancel } = whenReady(ready, waitForAny);
    this.#cancel = cancel;
    return promise;
  }

  end() {
    this.#signal?.removeEventListener("abort", this.#abort);
    clearTimeout(this.#timer);
  }
}

Object.assign(globalThis, { fetch, Headers, Request, Response });
