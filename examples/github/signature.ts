// Whether a request comes from who knows the secret.

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

const PREFIX = "sha256=";

/** Whether a header has the HMAC of the body, as GitHub writes it. */
export function isSigned(body: Uint8Array, header: string | undefined, secret: string): boolean {
  if (!header?.startsWith(PREFIX)) return false;
  const mac = hmac(sha256, new TextEncoder().encode(secret), body);
  const expected = Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const given = header.slice(PREFIX.length).toLowerCase();
  if (given.length !== expected.length) return false;
  // All characters are compared, so that the time tells nothing of them.
  let different = 0;
  for (let i = 0; i < expected.length; i++) different |= expected.charCodeAt(i) ^ given.charCodeAt(i);
  return different === 0;
}
