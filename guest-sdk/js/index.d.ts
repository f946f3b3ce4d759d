/**
 * Mortise plugins in JavaScript and TypeScript.
 *
 * ```ts
 * import { definePlugin, replace, wants } from "./sdk/index.js";
 *
 * export const { manifest, lifecycle, filter } = definePlugin({
 *   manifest: {
 *     id: "org.example.shout", name: "Shout", version: "1.0.0",
 *     wants: [wants.filterMessages("It puts titles in capitals.")],
 *   },
 *   filter: ({ content }) => replace({ ...content, title: content.title.toUpperCase() }),
 * });
 * ```
 *
 * What is exported is the component: `manifest`, `lifecycle` and the
 * capabilities that `plugin.toml` names. Each user has an instance of their own,
 * so what is kept in variables of the module is that user's.
 *
 * The shapes are those of the contract, `wit/types.wit`, as `jco` has them:
 * records are objects with names in camel case, variants `{ tag, val }`. Ids and
 * times are numbers.
 */

/** Whom an instance belongs to. `admin` grants nothing. */
export interface User {
  id: number;
  name: string;
  admin: boolean;
}

/** What a person reads. `extras` is a JSON object as text. */
export interface Content {
  title: string;
  body: string;
  priority: number;
  extras?: string | null;
}

/** Where messages come from. */
export interface Application {
  id: number;
  name: string;
}

/** A message that has not been stored yet. */
export interface Draft {
  application: Application;
  content: Content;
  /** Milliseconds since the Unix epoch. */
  receivedMs: number;
}

/** A stored message. */
export interface Message {
  id: number;
  application: Application;
  content: Content;
  /** Milliseconds since the Unix epoch. */
  createdMs: number;
}

/** A message to be sent. */
export interface Outgoing {
  /** Empty means the application's name. */
  title?: string;
  /** Not empty. */
  body: string;
  /** 0 (silent) to 10 (urgent). */
  priority?: number;
  /** An object, or one as JSON. */
  extras?: Record<string, unknown> | string;
  /** One of the plugin's own applications; made on first use. */
  application?: string;
}

/** What came of a message to one of several users: its id, or why it was not sent. */
export type Delivery =
  | { user: string; id: number; error?: undefined }
  | { user: string; id?: undefined; error: HostError };

/** What a filter decides; made by `keep`, `replace` and `drop`. */
export type Verdict = { tag: "keep" } | { tag: "replace"; val: Content } | { tag: "drop"; val: string };

/** Leave the draft as it is. */
export function keep(): Verdict;
/** Put this content in place of what it had. */
export function replace(content: Content): Verdict;
/** Do not store it; the reason is for the trace. */
export function drop(reason: string): Verdict;

/** When a timer fires; made by `every`, `cron` and `onceAt`. */
export interface Schedule {
  tag: "every-ms" | "cron" | "once-at-ms";
  val: number | bigint | string;
}

/** Again and again, first after one period of at least 1000 ms. */
export function every(ms: number): Schedule;
/** A cron expression of five fields, or six with seconds first. */
export function cron(expression: string): Schedule;
/** Once, at this time in milliseconds since the epoch. */
export function onceAt(ms: number): Schedule;

/** The details of a timer. */
export interface TimerOptions {
  /** The time zone of a cron expression, such as `Europe/Berlin`; the user's if it is left out. */
  zone?: string;
  /** Puts off every time by the same random duration of at most this many milliseconds. */
  jitterMs?: number;
  /** What comes of runs missed while the server was down or the plugin disabled: one (`once`) or none (`skip`). */
  missed?: "once" | "skip";
}

export type Level = "trace" | "debug" | "info" | "warn" | "error";
export type StopReason = "disabled" | "reloading" | "idle" | "shutting-down";

/** A directory on the server's machine, by its absolute path. */
export interface Directory {
  path: string;
  writable: boolean;
}

/** A permission that the plugin asks for; made by the functions of `wants`. */
export interface Want {
  permission: { tag: string; val?: unknown };
  /** One sentence for the person who decides. */
  reason: string;
}

export const wants: {
  /** Send messages to the user. */
  sendMessages(reason: string): Want;
  /** Read messages of these applications; of all if none is named. */
  readMessages(reason: string, ...applications: string[]): Want;
  /** See, change and drop messages before they are stored. */
  filterMessages(reason: string): Want;
  /** Be reachable by HTTP under a secret address. */
  webhook(reason: string): Want;
  /** See these cookies of webhook requests. */
  cookies(reason: string, ...names: string[]): Want;
  /** Call out to these hosts: `host`, `host:port`, `*.domain`. */
  http(reason: string, ...hosts: string[]): Want;
  /** Use these directories. */
  files(reason: string, ...directories: Directory[]): Want;
  /** Be given these environment variables of the server. */
  environment(reason: string, ...names: string[]): Want;
  /** Be woken by timers. */
  timers(reason: string): Want;
  /** Send messages to these users; `*` is all. */
  sendToUsers(reason: string, ...users: string[]): Want;
};

/** The messages that `onMessages` wants; all that it may read if nothing is named. */
export interface Interests {
  /** Only messages of these applications. */
  applications?: string[];
  /** Only messages of at least this priority. */
  minPriority?: number;
}

/** Who a plugin is and what it asks for. What is not asked for is denied. */
export interface Manifest {
  id: string;
  name: string;
  version: string;
  description?: string;
  author?: string;
  license?: string;
  website?: string;
  wants?: Want[];
  /** Which messages `onMessages` is called with. */
  listens?: Interests;
}

/** One HTTP header; the name in lower case. */
export interface Header {
  name: string;
  value: string;
}

/** An HTTP request to the instance's secret address. */
export interface WebhookRequest {
  /** Upper case. */
  method: string;
  /** What follows `basePath`, not decoded. */
  path: string;
  /** What follows `?`, not decoded. */
  query?: string;
  headers: Header[];
  body: Uint8Array;
  client: string;
  scheme: string;
  host: string;
  basePath: string;
  /** The first header of this name, whatever its case. */
  header(name: string): string | undefined;
  /** The body as UTF-8. */
  text(): string;
  /** The body as JSON. Throws a `SyntaxError` if it is none. */
  json(): any;
}

/** The answer; made by `respond`, `text` and `json`. */
export interface WebhookResponse {
  /** 200 to 599. */
  status: number;
  headers: Header[];
  body: Uint8Array;
}

export function respond(
  status?: number,
  body?: string | Uint8Array,
  headers?: Record<string, string>,
): WebhookResponse;
/** An answer of plain text. */
export function text(body: string, status?: number): WebhookResponse;
/** An answer of JSON. */
export function json(value: unknown, status?: number): WebhookResponse;

/** One thing that is wrong with a configuration. */
export interface Problem {
  /** Where, such as `rules[2].pattern`; empty means the whole. */
  path: string;
  text: string;
}

/**
 * Why the host refused what the plugin asked. Uncaught in a webhook it is
 * answered with the status 503; in `filter`, `onMessages`, `onTimer`, `start` and
 * `stop` it counts as `Refused`.
 */
export class HostError extends Error {
  kind: "denied" | "invalid" | "exhausted" | "unavailable";
  /** What was asked, and what to do. */
  detail: string;
  constructor(kind: HostError["kind"], detail: string);
}

/**
 * Throw it in `start`, `stop`, `filter`, `onMessages` or `onTimer` to answer with
 * an error. Any other exception is a crash: its message and stack go to the log,
 * and the instance is dropped and made anew.
 */
export class Refused extends Error {
  constructor(message: string);
}

/** Throw it in `apply` to say what is wrong with the configuration. */
export class ConfigError extends Error {
  problems: Problem[];
  constructor(...problems: (Problem | string)[]);
}

/** A value, or a promise of it: a handler may be `async`. */
export type Later<T> = T | Promise<T>;

/**
 * The plugin's manifest and functions. Every function but those it needs may be
 * left out. Each may be `async`: the call ends when all that it began has ended,
 * and a rejection is its error.
 */
export interface Definition {
  manifest: Manifest;
  /** It comes up, after its configuration was applied. */
  start?(user: User): Later<void>;
  /** It goes down. */
  stop?(reason: StopReason): Later<void>;
  /** The configuration's text that a new user starts with; `configurer`. */
  defaults?(): Later<string>;
  /** A JSON Schema of the configuration. */
  schema?(): Later<string>;
  /** Takes a configuration into use, or throws a `ConfigError`; `configurer`. */
  apply?(config: string): Later<void>;
  /** Markdown for the plugin's page; `displayer`. */
  display?(baseUrl?: string): Later<string>;
  /** An HTTP request; `webhook`. Needs `wants.webhook`. */
  handle?(request: WebhookRequest): Later<WebhookResponse>;
  /** A say in every message before it is stored; `filter`. Needs `wants.filterMessages`. */
  filter?(draft: Draft): Later<Verdict>;
  /** Stored messages, 1 to 64, in order; `listener`. Needs `wants.readMessages`. */
  onMessages?(messages: Message[]): Later<void>;
  /** A timer came due; `timer`. Needs `wants.timers`. */
  onTimer?(name: string): Later<void>;
}

/** What the component exports: take out what `plugin.toml` names, and export it. */
export interface Exports {
  manifest: object;
  lifecycle: object;
  configurer: object;
  displayer: object;
  webhook: object;
  filter: object;
  listener: object;
  timer: object;
}

/** Makes a plugin of its definition. */
export function definePlugin(plugin: Definition): Exports;

/** The server, as one instance may use it. Every function throws a `HostError` if it is refused. */
export const host: {
  /** Sends a message to the user and returns its id once it is stored. */
  send(message: Outgoing): number;
  /**
   * Sends a message to each of these users, or with `*` to all that are granted.
   * Returns one delivery for each user, in order; needs `wants.sendToUsers`.
   */
  sendTo(users: string[], message: Outgoing): Delivery[];
  /** One message, if the plugin may see it. */
  get(id: number): Message | undefined;
  /** What the plugin sent, newest first; `limit` is 1 to 200. */
  sent(before?: number, limit?: number): Message[];
  /** What other applications sent, as far as the plugin may read it. */
  received(before?: number, limit?: number): Message[];
  /** Deletes a message that the plugin sent. */
  remove(id: number): void;
  /** Replaces the content of a message that the plugin sent; clients receive it again with the same id. */
  update(id: number, content: Content | Omit<Outgoing, "application">): void;
  /** Has the server delete a message that the plugin sent at this time in milliseconds since the epoch, or never. */
  expire(id: number, atMs?: number): void;
  /** Sets the image of an application of the plugin: PNG, JPEG, GIF or WebP, at most 1 MiB. No bytes remove it. */
  setImage(image: Uint8Array, application?: string): void;
  /** Writes an entry into the instance's log; what is over 8 KiB is cut. */
  log(entry: string, level?: Level): void;
  /** What outlives instances and restarts. Keys are 1 to 256 bytes. */
  storage: {
    get(key: string): Uint8Array | undefined;
    getText(key: string): string | undefined;
    set(key: string, value: string | Uint8Array): void;
    remove(key: string): void;
    keys(prefix?: string): string[];
  };
  /** Timers, which outlive instances and restarts. */
  timers: {
    /** Sets or replaces a timer. Without options: the user's time zone, no jitter, missed runs once. */
    set(name: string, when: Schedule, options?: TimerOptions): void;
    cancel(name: string): void;
  };
};

declare global {
  // The parts of the usual library that QuickJS lacks and the SDK adds, for
  // projects without the types of a browser or Node.js.
  var console: {
    log(...values: unknown[]): void;
    info(...values: unknown[]): void;
    debug(...values: unknown[]): void;
    trace(...values: unknown[]): void;
    warn(...values: unknown[]): void;
    error(...values: unknown[]): void;
  };
  class TextEncoder {
    readonly encoding: string;
    encode(text?: string): Uint8Array<ArrayBuffer>;
    encodeInto(text: string, target: Uint8Array): { read: number; written: number };
  }
  /** The labels of UTF-8, UTF-16LE and Latin-1. */
  class TextDecoder {
    constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
    readonly encoding: string;
    readonly fatal: boolean;
    readonly ignoreBOM: boolean;
    decode(bytes?: ArrayBufferView | ArrayBuffer, options?: { stream?: boolean }): string;
  }
  /** Bytes as text, of which each character stands for one byte. */
  function btoa(bytes: string): string;
  function atob(text: string): string;
  interface HmacAlgorithm {
    name: "HMAC";
    hash: "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512" | { name: "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512" };
    /** In bits; for a new key only. */
    length?: number;
  }
  class CryptoKey {
    private constructor();
    readonly type: "secret";
    readonly algorithm: { name: string; hash: { name: string }; length: number };
    readonly extractable: boolean;
    readonly usages: ("sign" | "verify")[];
  }
  /** Random values, digests, and HMAC. For other algorithms use a package from npm. */
  var crypto: {
    getRandomValues<T extends ArrayBufferView>(array: T): T;
    randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
    readonly subtle: {
      digest(
        algorithm: "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512" | { name: string },
        data: ArrayBufferView | ArrayBuffer,
      ): Promise<ArrayBuffer>;
      importKey(
        format: "raw",
        data: ArrayBufferView | ArrayBuffer,
        algorithm: HmacAlgorithm,
        extractable: boolean,
        usages: ("sign" | "verify")[],
      ): Promise<CryptoKey>;
      generateKey(algorithm: HmacAlgorithm, extractable: boolean, usages: ("sign" | "verify")[]): Promise<CryptoKey>;
      exportKey(format: "raw", key: CryptoKey): Promise<ArrayBuffer>;
      sign(algorithm: "HMAC" | { name: "HMAC" }, key: CryptoKey, data: ArrayBufferView | ArrayBuffer): Promise<ArrayBuffer>;
      /** In a time that does not depend on the signature. */
      verify(
        algorithm: "HMAC" | { name: "HMAC" },
        key: CryptoKey,
        signature: ArrayBufferView | ArrayBuffer,
        data: ArrayBufferView | ArrayBuffer,
      ): Promise<boolean>;
    };
  };
  /** The call ends when all timers have fired, so keep them short. */
  function setTimeout<A extends unknown[]>(work: (...values: A) => void, ms?: number, ...values: A): number;
  function clearTimeout(timer?: number): void;
  function queueMicrotask(work: () => void): void;
  function structuredClone<T>(value: T): T;
  class URLSearchParams implements Iterable<[string, string]> {
    constructor(given?: string | Iterable<[string, string]> | Record<string, string>);
    readonly size: number;
    get(name: string): string | null;
    getAll(name: string): string[];
    has(name: string): boolean;
    append(name: string, value: string): void;
    set(name: string, value: string): void;
    delete(name: string): void;
    sort(): void;
    forEach(work: (value: string, name: string, all: URLSearchParams) => void): void;
    entries(): IterableIterator<[string, string]>;
    keys(): IterableIterator<string>;
    values(): IterableIterator<string>;
    [Symbol.iterator](): IterableIterator<[string, string]>;
    toString(): string;
  }
  class URL {
    constructor(url: string | URL, base?: string | URL);
    protocol: string;
    username: string;
    password: string;
    hostname: string;
    port: string;
    pathname: string;
    search: string;
    hash: string;
    readonly host: string;
    readonly origin: string;
    readonly href: string;
    readonly searchParams: URLSearchParams;
    toString(): string;
    toJSON(): string;
    static canParse(url: string, base?: string): boolean;
    static parse(url: string, base?: string): URL | null;
  }
  class AbortSignal {
    readonly aborted: boolean;
    readonly reason: any;
    onabort: ((event: { type: string }) => void) | null;
    throwIfAborted(): void;
    addEventListener(event: "abort", listener: (event: { type: string }) => void): void;
    removeEventListener(event: "abort", listener: (event: { type: string }) => void): void;
    static abort(reason?: unknown): AbortSignal;
    static timeout(ms: number): AbortSignal;
  }
  class AbortController {
    readonly signal: AbortSignal;
    abort(reason?: unknown): void;
  }
  class Headers implements Iterable<[string, string]> {
    constructor(given?: Iterable<[string, string]> | Record<string, string>);
    append(name: string, value: string): void;
    set(name: string, value: string): void;
    get(name: string): string | null;
    has(name: string): boolean;
    delete(name: string): void;
    forEach(work: (value: string, name: string, all: Headers) => void): void;
    entries(): IterableIterator<[string, string]>;
    [Symbol.iterator](): IterableIterator<[string, string]>;
  }
  interface RequestOptions {
    method?: string;
    headers?: Headers | Iterable<[string, string]> | Record<string, string>;
    body?: string | Uint8Array | URLSearchParams;
    signal?: AbortSignal;
    redirect?: "follow" | "manual" | "error";
  }
  class Request {
    constructor(resource: string | URL | Request, options?: RequestOptions);
    readonly url: string;
    readonly method: string;
    readonly headers: Headers;
    readonly signal: AbortSignal | undefined;
    readonly redirect: string;
    readonly bodyUsed: boolean;
    bytes(): Promise<Uint8Array>;
    arrayBuffer(): Promise<ArrayBuffer>;
    text(): Promise<string>;
    json(): Promise<any>;
    clone(): Request;
  }
  interface ResponseOptions {
    status?: number;
    statusText?: string;
    headers?: Headers | Iterable<[string, string]> | Record<string, string>;
  }
  class Response {
    constructor(body?: string | Uint8Array | URLSearchParams | null, options?: ResponseOptions);
    static json(value: unknown, options?: ResponseOptions): Response;
    readonly status: number;
    readonly ok: boolean;
    readonly url: string;
    readonly headers: Headers;
    readonly bodyUsed: boolean;
    bytes(): Promise<Uint8Array>;
    arrayBuffer(): Promise<ArrayBuffer>;
    text(): Promise<string>;
    json(): Promise<any>;
    clone(): Response;
  }
  /** Calls out; needs `wants.http` for the host. Several requests can be on their way at once. */
  function fetch(resource: string | URL | Request, options?: RequestOptions): Promise<Response>;
}
