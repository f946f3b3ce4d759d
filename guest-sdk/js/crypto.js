// `crypto`: random values from the host, and the part of `crypto.subtle` that
// signed webhooks need. It replaces an engine's own: the promises of that are
// not settled before a call ends.

import * as randomImport from "wasi:random/random@0.2.0";

import * as check from "./check.js";
import { Promise } from "./promise.js";
import { blockOf, digest, equal, HASHES, hmac } from "./sha.js";
import { u64 } from "./wire.js";

const USAGES = ["sign", "verify"];
// The most random bytes of one call, as in browsers.
const MOST = 65536;

class CryptoError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

class CryptoKey {
  #bytes;

  constructor(bytes, algorithm, extractable, usages) {
    this.#bytes = bytes;
    Object.assign(this, { type: "secret", algorithm, extractable, usages });
    Object.freeze(this);
  }

  static bytes(key, usage) {
    if (!(key instanceof CryptoKey)) throw check.wrong("crypto.subtle: key", key, "CryptoKey");
    if (usage && !key.usages.includes(usage)) {
      throw new CryptoError("InvalidAccessError", `the key was imported for ${key.usages.join(" and ")}, not for ${usage}`);
    }
    return key.#bytes;
  }
}

const nameOf = (algorithm) => String(algorithm?.name ?? algorithm).toUpperCase();

function hashOf(algorithm) {
  const name = nameOf(algorithm);
  if (HASHES.includes(name)) return name;
  throw new CryptoError("NotSupportedError", `crypto.subtle has no ${name}, only ${HASHES.join(", ")}`);
}

function onlyHmac(algorithm) {
  const name = nameOf(algorithm);
  if (name === "HMAC") return;
  throw new CryptoError("NotSupportedError", `crypto.subtle has no ${name}, only HMAC: use a package from npm, such as @noble/curves or @noble/ciphers`);
}

function source(where, value) {
  if (typeof value === "string") throw check.wrong(where, value, "Uint8Array: use new TextEncoder().encode(text)");
  return check.bytes(where, value);
}

const bufferOf = (bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);

const subtle = {
  digest: (algorithm, data) =>
    Promise.try(() => bufferOf(digest(hashOf(algorithm), source("crypto.subtle.digest(): data", data)))),

  importKey: (format, data, algorithm, extractable, usages) =>
    Promise.try(() => {
      onlyHmac(algorithm);
      if (format !== "raw") {
        throw new CryptoError("NotSupportedError", `crypto.subtle.importKey() takes the format "raw", not "${format}"`);
      }
      const hash = hashOf(algorithm.hash);
      const bytes = source("crypto.subtle.importKey(): data", data).slice();
      if (bytes.length === 0) throw new CryptoError("DataError", "crypto.subtle.importKey(): the key is empty");
      const where = "crypto.subtle.importKey(): usages";
      const allowed = check.list(where, usages, (at, usage) => check.oneOf(at, usage, USAGES));
      const details = { name: "HMAC", hash: { name: hash }, length: bytes.length * 8 };
      return new CryptoKey(bytes, details, Boolean(extractable), allowed);
    }),

  generateKey: (algorithm, extractable, usages) =>
    Promise.try(() => {
      onlyHmac(algorithm);
      const { length = blockOf(hashOf(algorithm.hash)) * 8 } = algorithm;
      return subtle.importKey("raw", random(Math.ceil(length / 8)), algorithm, extractable, usages);
    }),

  exportKey: (format, key) =>
    Promise.try(() => {
      const bytes = CryptoKey.bytes(key);
      if (format !== "raw") {
        throw new CryptoError("NotSupportedError", `crypto.subtle.exportKey() has the format "raw", not "${format}"`);
      }
      if (!key.extractable) throw new CryptoError("InvalidAccessError", "the key was imported as not extractable");
      return bufferOf(bytes);
    }),

  sign: (algorithm, key, data) =>
    Promise.try(() => {
      onlyHmac(algorithm);
      const bytes = CryptoKey.bytes(key, "sign");
      return bufferOf(hmac(key.algorithm.hash.name, bytes, source("crypto.subtle.sign(): data", data)));
    }),

  verify: (algorithm, key, signature, data) =>
    Promise.try(() => {
      onlyHmac(algorithm);
      const bytes = CryptoKey.bytes(key, "verify");
      const right = hmac(key.algorithm.hash.name, bytes, source("crypto.subtle.verify(): data", data));
      return equal(right, source("crypto.subtle.verify(): signature", signature));
    }),
};

// One engine gives bytes of a class that is not this module's `Uint8Array`.
const random = (length) => new Uint8Array(randomImport.getRandomBytes(u64(length)));

function getRandomValues(array) {
  if (!ArrayBuffer.isView(array) || array instanceof DataView || /^Float/.test(array.constructor.name)) {
    throw check.wrong("crypto.getRandomValues(): array", array, "an array of integers, such as Uint8Array");
  }
  if (array.byteLength > MOST) {
    throw new CryptoError("QuotaExceededError", `crypto.getRandomValues() fills ${MOST} bytes at most, not ${array.byteLength}`);
  }
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(random(array.byteLength));
  return array;
}

function randomUUID() {
  const bytes = random(16);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

const value = { getRandomValues, randomUUID, subtle };
Object.defineProperty(globalThis, "crypto", { value, configurable: true, enumerable: true, writable: true });
Object.assign(globalThis, { CryptoKey });
