// Calling out: one call from request to whole response, over `wasi:http`.
//
// QuickJS's tool cannot link `wasi:http` while it builds, so a plugin that
// imports this file imports it as `late:http`, which `mortise plugin build`
// renames in the component. The names are all that is particular about it.

import * as clockImport from "late:clocks/monotonic-clock@0.2.0";
import * as handlerImport from "late:http/outgoing-handler@0.2.0";
import * as httpImport from "late:http/types@0.2.0";
import * as pollImport from "late:io/poll@0.2.0";

import * as check from "./check.js";
import { header, HostError, u64 } from "./wire.js";

// What may not follow to another server.
const CREDENTIALS = ["authorization", "cookie", "host", "proxy-authorization"];
const METHODS = ["get", "head", "post", "put", "delete", "options", "patch"];
const CHUNK = 4096;
const PART = 65536;

class HttpResponse {
  constructor(status, headers, body) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  header(name) {
    return header(this.headers, name);
  }

  text() {
    return new TextDecoder().decode(this.body);
  }

  json() {
    return JSON.parse(this.text());
  }
}

export function http(url, options = {}) {
  const way = new Way(url, options);
  for (;;) {
    const { future, ready } = begin(way);
    ready.block();
    const response = finish(way, future, ready);
    if (!way.goesOn(response)) return response;
  }
}

// The same while other requests are on their way: `whenReady` brings a promise
// for the moment at which a pollable is ready, and the promises run on. What it
// rejects with cancels the request.
export function httpLater(url, options, whenReady) {
  const way = new Way(url, options);
  const step = () => {
    const { future, ready } = begin(way);
    return whenReady(ready).then(
      () => {
        const response = finish(way, future, ready);
        return way.goesOn(response) ? step() : response;
      },
      (reason) => {
        [ready, future].forEach(dispose);
        throw reason;
      },
    );
  };
  return step();
}

// Waits until one of the pollables is ready, or for this long; returns the
// places of those that are.
export function waitForAny(pollables, ms) {
  const timer = ms === Infinity ? undefined : clockImport.subscribeDuration(u64(Math.ceil(ms * 1e6)));
  try {
    const places = pollImport.poll(timer ? [...pollables, timer] : pollables);
    return Array.from(places).filter((place) => place < pollables.length);
  } finally {
    if (timer) dispose(timer);
  }
}

// A request and the redirects that it follows.
class Way {
  constructor(url, options) {
    const { method = "GET", headers = {}, body = "", timeoutMs = 8000, maxRedirects = 5, maxBody = 1 << 20 } = options;
    Object.assign(this, { begunAt: url, timeoutMs, maxRedirects, maxBody, left: maxRedirects });
    this.method = check.text("http(): method", method).toUpperCase();
    this.url = parse(check.text("http(): url", typeof url === "string" ? url : (url?.href ?? url)));
    this.headers = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]);
    this.body = check.bytes("http(): body", body);
  }

  // Whether the response sends the request elsewhere.
  goesOn(response) {
    const target = response.header("location");
    if (this.maxRedirects === 0 || target === undefined || ![301, 302, 303, 307, 308].includes(response.status)) {
      return false;
    }
    if (this.left-- === 0) {
      throw new HostError("invalid", `${this.begunAt} redirected more than ${this.maxRedirects} times`);
    }
    redirect(this, response.status, parse(target, this.url));
    return true;
  }
}

// As browsers do.
function redirect(hop, status, target) {
  if (target.scheme !== hop.url.scheme || target.authority !== hop.url.authority) {
    hop.headers = hop.headers.filter(([name]) => !CREDENTIALS.includes(name));
  }
  if (status === 303 || (status < 303 && hop.method === "POST")) {
    hop.method = "GET";
    hop.body = new Uint8Array();
    hop.headers = hop.headers.filter(([name]) => !name.startsWith("content-"));
  }
  hop.url = target;
}

// The engine has no `URL`. `base` is what a redirect comes from.
function parse(url, base) {
  const [, scheme, authority, rest] = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(url) ?? [];
  if (scheme) {
    const path = rest.startsWith("/") ? rest : `/${rest}`;
    return { scheme: scheme.toLowerCase(), authority: authority.replace(/^.*@/, ""), path };
  }
  if (base && !/^[a-z][a-z0-9+.-]*:/i.test(url)) {
    const { scheme: kept, authority: same, path } = base;
    if (url.startsWith("//")) return parse(`${kept}:${url}`);
    const [folder] = path.split("?");
    const absolute = url.startsWith("/") ? url : folder.slice(0, folder.lastIndexOf("/") + 1) + url;
    return parse(`${kept}://${same}${absolute}`);
  }
  throw new HostError("invalid", `${url} is no URL that begins with http:// or https://`);
}

const shown = ({ url }) => `${url.scheme}://${url.authority}${url.path}`;

// Hands a request over. The response is there when `ready` is.
function begin(hop) {
  const request = prepare(hop);
  const content = request.body();
  const options = new httpImport.RequestOptions();
  const nanoseconds = u64(Math.round(hop.timeoutMs * 1e6));
  options.setConnectTimeout(nanoseconds);
  options.setFirstByteTimeout(nanoseconds);
  options.setBetweenBytesTimeout(nanoseconds);
  let future;
  try {
    future = handlerImport.handle(request, options);
  } catch (error) {
    throw failed(hop, error?.payload ?? error);
  }
  // The body after the request was handed over, for the host reads it only
  // then. A failure to write is told by the response, or by its error.
  if (write(content, hop.body)) {
    try {
      httpImport.OutgoingBody.finish(content, undefined);
    } catch {
      // See above.
    }
  } else {
    dispose(content);
  }
  return { future, ready: future.subscribe() };
}

function finish(hop, future, ready) {
  dispose(ready);
  const outcome = future.get();
  dispose(future);
  if (outcome?.tag !== "ok") throw new HostError("unavailable", `${shown(hop)} did not answer`);
  if (outcome.val.tag !== "ok") throw failed(hop, outcome.val.val);
  return read(hop, outcome.val.val, hop.maxBody);
}

// Whether the body was written. Its stream is disposed of in any case: the host
// ends an instance whose engine drops the body before the stream.
function write(content, bytes) {
  let stream;
  try {
    stream = content.write();
    for (let at = 0; at < bytes.length; at += CHUNK) {
      stream.blockingWriteAndFlush(bytes.slice(at, at + CHUNK));
    }
    return true;
  } catch {
    return false;
  } finally {
    if (stream) dispose(stream);
  }
}

function prepare(hop) {
  const fields = new httpImport.Fields();
  const headers = [...hop.headers];
  // The length is known: servers that do not take chunks are served too.
  if (hop.body.length > 0 || ["POST", "PUT", "PATCH"].includes(hop.method)) {
    headers.push(["content-length", String(hop.body.length)]);
  }
  for (const [name, value] of headers) {
    try {
      fields.append(name, new TextEncoder().encode(value));
    } catch {
      throw new HostError("invalid", `the header ${name} of a request is not allowed or not well-formed`);
    }
  }
  const request = new httpImport.OutgoingRequest(fields);
  const method = hop.method.toLowerCase();
  try {
    request.setMethod(METHODS.includes(method) ? { tag: method } : { tag: "other", val: hop.method });
    request.setScheme({ tag: hop.url.scheme.toUpperCase() });
    request.setAuthority(hop.url.authority);
    request.setPathWithQuery(hop.url.path);
  } catch {
    throw new HostError("invalid", `\`${hop.method} ${shown(hop)}\` is not a request that can be made`);
  }
  return request;
}

function read(hop, response, maxBody) {
  const fields = response.headers();
  const headers = fields.entries().map(([name, value]) => ({ name: name.toLowerCase(), value: decoded(value) }));
  dispose(fields);
  const status = response.status();
  const content = response.consume();
  const stream = content.stream();
  const parts = [];
  let length = 0;
  try {
    for (;;) {
      try {
        parts.push(stream.blockingRead(u64(PART)));
      } catch (error) {
        const reason = error?.payload ?? error;
        if (reason?.tag === "closed") break;
        throw new HostError("unavailable", `${shown(hop)} broke off: ${reason?.val?.toDebugString?.() ?? reason}`);
      }
      length += parts[parts.length - 1].length;
      if (length > maxBody) {
        throw new HostError(
          "invalid",
          `the response of ${shown(hop)} is longer than ${maxBody} bytes; raise \`maxBody\` to read more`,
        );
      }
    }
  } finally {
    // In this order, as for the stream of a request's body.
    [stream, content, response].forEach(dispose);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return new HttpResponse(status, headers, body);
}

// As the contract has it: what is not UTF-8 is taken as Latin-1.
function decoded(value) {
  const text = new TextDecoder().decode(value);
  return text.includes("\ufffd") ? String.fromCharCode(...value) : text;
}

function failed(hop, code) {
  if (code?.tag === "HTTP-request-denied") {
    return new HostError(
      "denied",
      `${hop.url.scheme}://${hop.url.authority} is not among the hosts that this plugin was granted with \`http\``,
    );
  }
  return new HostError("unavailable", `${shown(hop)} did not answer: ${code?.tag ?? code}`);
}

const dispose = (resource) => resource[Symbol.dispose]?.();
