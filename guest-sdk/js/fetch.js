// `fetch` over the SDK's HTTP, for authors who know it. The host makes one call
// at a time: `await Promise.all([fetch(a), fetch(b)])` calls one after the other.

import { Promise } from "./promise.js";
import * as check from "./check.js";
import { http } from "./http.js";
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

export class Response {
  #body;
  bodyUsed = false;

  constructor(body = "", { status = 200, headers = {}, url = "" } = {}) {
    this.#body = check.bytes("Response(): body", body ?? "");
    Object.assign(this, { status, url, ok: status >= 200 && status < 300, statusText: "" });
    this.headers = headers instanceof Headers ? headers : new Headers(headers);
  }

  #read(work) {
    return Promise.try(() => {
      if (this.bodyUsed) throw new TypeError("the body was read already");
      this.bodyUsed = true;
      return work(this.#body);
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

  clone() {
    return new Response(this.#body, this);
  }
}

const TIMEOUT_MS = 30000;
const MOST = 32 << 20;

export function fetch(resource, options = {}) {
  return Promise.try(() => {
    const url = String(resource?.href ?? resource);
    const { method = "GET", headers = {}, body, signal, redirect = "follow" } = options;
    signal?.throwIfAborted();
    const sent = new Headers(headers);
    let content = body ?? "";
    if (globalThis.URLSearchParams && content instanceof globalThis.URLSearchParams) {
      content = content.toString();
      if (!sent.has("content-type")) sent.set("content-type", "application/x-www-form-urlencoded;charset=UTF-8");
    }
    if (typeof body === "string" && !sent.has("content-type")) sent.set("content-type", "text/plain;charset=UTF-8");
    const left = signal?.deadline === undefined ? TIMEOUT_MS : Math.max(1, signal.deadline - Date.now());
    let response;
    try {
      response = http(url, {
        method: check.text("fetch(): method", method),
        headers: Object.fromEntries(sent),
        body: check.bytes("fetch(): body", content),
        timeoutMs: left,
        maxRedirects: redirect === "follow" ? 20 : 0,
        maxBody: MOST,
      });
    } catch (error) {
      // Of a host that was granted, but does not answer in time.
      if (error instanceof HostError && signal?.aborted) throw signal.reason;
      throw error;
    }
    if (redirect === "error" && response.status >= 300 && response.status < 400) {
      throw new TypeError(`${url} redirects`);
    }
    const all = new Headers(response.headers.map(({ name, value }) => [name, value]));
    return new Response(response.body, { status: response.status, headers: all, url });
  });
}

Object.assign(globalThis, { fetch, Headers, Response });
