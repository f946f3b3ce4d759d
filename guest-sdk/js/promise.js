// Promises and timers that a call runs to its end. The engines run their own
// promises' jobs between calls only, when it is too late for the call's answer:
// this is the `Promise` of a plugin, in whose terms `mortise plugin build` puts
// `async` and `await`.

import * as clockImport from "wasi:clocks/monotonic-clock@0.2.0";

import { u64 } from "./wire.js";

const Native = globalThis.Promise;

const jobs = [];
const timers = new Map();
// What the host is to tell when it is ready.
const waits = new Set();
let waitForAny;
const unhandled = new Set();
let lastTimer = 0;

const PENDING = 0;
const FULFILLED = 1;
const REJECTED = 2;

const isObject = (value) => value !== null && (typeof value === "object" || typeof value === "function");

export class Promise {
  #state = PENDING;
  #value;
  #reactions = [];

  constructor(executor) {
    if (typeof executor !== "function") throw new TypeError("a Promise needs a function");
    const { resolve, reject } = this.#resolvers();
    try {
      executor(resolve, reject);
    } catch (error) {
      reject(error);
    }
  }

  // The two functions of which the first call counts.
  #resolvers() {
    let called = false;
    const once = (work) => (value) => {
      if (called) return;
      called = true;
      work(value);
    };
    return { resolve: once((value) => this.#resolve(value)), reject: once((error) => this.#settle(REJECTED, error)) };
  }

  #resolve(value) {
    if (value === this) return this.#settle(REJECTED, new TypeError("a promise cannot be its own result"));
    if (!isObject(value)) return this.#settle(FULFILLED, value);
    let then;
    try {
      then = value.then;
    } catch (error) {
      return this.#settle(REJECTED, error);
    }
    if (typeof then !== "function") return this.#settle(FULFILLED, value);
    const { resolve, reject } = this.#resolvers();
    jobs.push(() => {
      try {
        then.call(value, resolve, reject);
      } catch (error) {
        reject(error);
      }
    });
  }

  #settle(state, value) {
    this.#state = state;
    this.#value = value;
    if (state === REJECTED && this.#reactions.length === 0) unhandled.add(this);
    for (const react of this.#reactions) jobs.push(react);
    this.#reactions = [];
  }

  then(onFulfilled, onRejected) {
    const { promise, resolve, reject } = Promise.withResolvers();
    const react = () => {
      const handler = this.#state === FULFILLED ? onFulfilled : onRejected;
      if (typeof handler !== "function") return (this.#state === FULFILLED ? resolve : reject)(this.#value);
      try {
        resolve(handler(this.#value));
      } catch (error) {
        reject(error);
      }
    };
    if (this.#state === PENDING) this.#reactions.push(react);
    else jobs.push(react);
    unhandled.delete(this);
    return promise;
  }

  catch(onRejected) {
    return this.then(undefined, onRejected);
  }

  finally(work) {
    if (typeof work !== "function") return this.then(work, work);
    return this.then(
      (value) => Promise.resolve(work()).then(() => value),
      (error) =>
        Promise.resolve(work()).then(() => {
          throw error;
        }),
    );
  }

  get [Symbol.toStringTag]() {
    return "Promise";
  }

  // For `runToEnd`: whether it is settled, and how.
  static outcome(promise) {
    unhandled.delete(promise);
    return { pending: promise.#state === PENDING, rejected: promise.#state === REJECTED, value: promise.#value };
  }

  static withResolvers() {
    let resolve;
    let reject;
    const promise = new Promise((one, other) => {
      resolve = one;
      reject = other;
    });
    return { promise, resolve, reject };
  }

  static resolve(value) {
    return value instanceof Promise ? value : new Promise((resolve) => resolve(value));
  }

  static reject(error) {
    return new Promise((_, reject) => reject(error));
  }

  static try(work, ...values) {
    return new Promise((resolve) => resolve(work(...values)));
  }

  static all(values) {
    return gather(values, (all, at, one, done) => one.then((value) => done((all[at] = value)), done.fail));
  }

  static allSettled(values) {
    return gather(values, (all, at, one, done) =>
      one.then(
        (value) => done((all[at] = { status: "fulfilled", value })),
        (reason) => done((all[at] = { status: "rejected", reason })),
      ),
    );
  }

  static race(values) {
    return new Promise((resolve, reject) => {
      for (const value of values) Promise.resolve(value).then(resolve, reject);
    });
  }

  static any(values) {
    const swapped = (one) => Promise.resolve(one).then((value) => { throw new Found(value); }, (error) => error);
    return Promise.all(Array.from(values, swapped)).then(
      (errors) => { throw new AggregateError(errors, "all promises were rejected"); },
      (found) => found.value,
    );
  }
}

class Found {
  constructor(value) {
    this.value = value;
  }
}

function gather(values, collect) {
  return new Promise((resolve, reject) => {
    const all = [];
    let left = 1;
    const done = () => --left === 0 && resolve(all);
    done.fail = reject;
    let at = 0;
    for (const value of values) {
      left++;
      collect(all, at++, Promise.resolve(value), done);
    }
    done();
  });
}

// ---- timers ----

const now = () => Date.now();

export function setTimeout(work, ms = 0, ...values) {
  if (typeof work !== "function") throw new TypeError(`setTimeout() takes a function, not ${typeof work}`);
  timers.set(++lastTimer, { due: now() + Math.max(0, Number(ms) || 0), work: () => work(...values) });
  return lastTimer;
}

export function clearTimeout(timer) {
  timers.delete(timer);
}

// For a name that the build did not see.
function setInterval() {
  throw new TypeError("setInterval() would end with the call: use host.timers.set(name, every(ms)) and onTimer");
}

export function queueMicrotask(work) {
  if (typeof work !== "function") throw new TypeError(`queueMicrotask() takes a function, not ${typeof work}`);
  jobs.push(work);
}

// A promise for the moment at which a pollable is ready, and a function that
// gives it up. `poll` waits for the first of several pollables.
export function whenReady(ready, poll) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const wait = { ready, resolve };
  waits.add(wait);
  waitForAny = poll;
  return { promise, cancel: (reason) => waits.delete(wait) && reject(reason) };
}

// ---- a call ----

// The result of a function that may be `async`, once all that it began has
// ended. Throws its error, or that of a promise that nobody waits for.
export function runToEnd(what, value) {
  const waited = isObject(value) && typeof value.then === "function";
  if (Native !== Promise && value instanceof Native) {
    throw new TypeError(`${what}() returned a promise of the engine, which it does not run to its end: build the plugin with esbuild installed, as \`mortise plugin build\` says`);
  }
  if (isObject(value) && typeof value.next === "function" && (value[Symbol.iterator] || value[Symbol.asyncIterator])) {
    throw new TypeError(`${what}() returned a generator, which nobody runs: write it without \`function*\``);
  }
  const main = waited ? Promise.resolve(value) : undefined;
  run();
  const outcome = main && Promise.outcome(main);
  if (outcome?.rejected) throw outcome.value;
  const [lost] = unhandled;
  unhandled.clear();
  if (lost) throw Promise.outcome(lost).value;
  if (outcome?.pending) throw new Error(`${what}() waits for a promise that nothing will settle`);
  return main ? outcome.value : value;
}

// Runs all jobs, and timers and pollables as they come due.
function run() {
  for (;;) {
    for (let at = 0; at < jobs.length; at++) jobs[at]();
    jobs.length = 0;
    const [id, next] = [...timers].reduce((one, other) => (other[1].due < one[1].due ? other : one), [0, { due: Infinity }]);
    const wait = Math.max(0, next.due - now());
    if (waits.size > 0) {
      const all = [...waits];
      for (const at of waitForAny(all.map(({ ready }) => ready), wait)) {
        waits.delete(all[at]);
        all[at].resolve();
      }
    } else if (wait === Infinity) return;
    else if (wait > 0) clockImport.subscribeDuration(u64(Math.ceil(wait * 1e6))).block();
    if (next.due <= now()) {
      timers.delete(id);
      next.work();
    }
  }
}

Object.assign(globalThis, { Promise, setTimeout, clearTimeout, setInterval, clearInterval: clearTimeout, queueMicrotask });
globalThis.fetch ??= () => {
  throw new TypeError('fetch() needs `import "./sdk/fetch.js"` at the top of the plugin');
};
