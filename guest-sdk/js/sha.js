// The digests SHA-1, SHA-256, SHA-384 and SHA-512 (FIPS 180-4) and HMAC
// (RFC 2104), for `crypto.subtle`.

// The standard derives its constants from the roots of the first primes: the 64
// bits after the point, of which SHA-256 takes the upper half. The build runs
// this part, so a component starts with the finished tables.
const primes = [];
for (let one = 2; primes.length < 80; one++) if (primes.every((prime) => one % prime)) primes.push(one);

function fraction(prime, degree) {
  const power = BigInt(degree);
  const wanted = BigInt(prime) << (64n * power);
  let root = 1n << 68n;
  for (;;) {
    const next = ((power - 1n) * root + wanted / root ** (power - 1n)) / power;
    if (next >= root) return BigInt.asUintN(64, root);
    root = next;
  }
}

const halves = (values) => values.flatMap((value) => [Number(value >> 32n) | 0, Number(value & 0xffffffffn) | 0]);
const upper = (values) => values.map((value) => Number(value >> 32n) | 0);
const cubic = primes.map((prime) => fraction(prime, 3));
const square = primes.slice(0, 16).map((prime) => fraction(prime, 2));
const K32 = Int32Array.from(upper(cubic.slice(0, 64)));
const K64 = Int32Array.from(halves(cubic));

const rotated = (word, by) => (word >>> by) | (word << (32 - by));

function sha1(state, words) {
  for (let t = 16; t < 80; t++) {
    words[t] = rotated(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 31);
  }
  let [a, b, c, d, e] = state;
  for (let t = 0; t < 80; t++) {
    const mixed =
      t < 20
        ? ((b & c) | (~b & d)) + 0x5a827999
        : t < 40
          ? (b ^ c ^ d) + 0x6ed9eba1
          : t < 60
            ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
            : (b ^ c ^ d) + 0xca62c1d6;
    const next = (rotated(a, 27) + mixed + e + words[t]) | 0;
    e = d;
    d = c;
    c = rotated(b, 2);
    b = a;
    a = next;
  }
  [a, b, c, d, e].forEach((value, at) => (state[at] += value));
}

// The rotations are written out: a call costs the small engine more than they do.
function sha256(state, words) {
  for (let t = 16; t < 64; t++) {
    const early = words[t - 15];
    const late = words[t - 2];
    const one = ((early >>> 7) | (early << 25)) ^ ((early >>> 18) | (early << 14)) ^ (early >>> 3);
    const other = ((late >>> 17) | (late << 15)) ^ ((late >>> 19) | (late << 13)) ^ (late >>> 10);
    words[t] = words[t - 16] + one + words[t - 7] + other;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let t = 0; t < 64; t++) {
    const chosen = (e & f) ^ (~e & g);
    const first =
      (h + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) + chosen + K32[t] + words[t]) | 0;
    const second = (((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((value, at) => (state[at] += value));
}

// Numbers of 64 bits as two of 32, the upper half first: `BigInt` is ten times
// slower. A sum of lower halves carries what exceeds 32 bits.
function sha512(state, words) {
  for (let t = 32; t < 160; t += 2) {
    const [eh, el, lh, ll] = [words[t - 30], words[t - 29], words[t - 4], words[t - 3]];
    const oneHigh = ((eh >>> 1) | (el << 31)) ^ ((eh >>> 8) | (el << 24)) ^ (eh >>> 7);
    const oneLow = ((el >>> 1) | (eh << 31)) ^ ((el >>> 8) | (eh << 24)) ^ ((el >>> 7) | (eh << 25));
    const otherHigh = ((lh >>> 19) | (ll << 13)) ^ ((ll >>> 29) | (lh << 3)) ^ (lh >>> 6);
    const otherLow = ((ll >>> 19) | (lh << 13)) ^ ((lh >>> 29) | (ll << 3)) ^ ((ll >>> 6) | (lh << 26));
    const low = (oneLow >>> 0) + (otherLow >>> 0) + (words[t - 31] >>> 0) + (words[t - 13] >>> 0);
    words[t] = oneHigh + otherHigh + words[t - 32] + words[t - 14] + Math.floor(low / 2 ** 32);
    words[t + 1] = low;
  }
  // One by one: the engine takes an array apart slowly.
  let ah = state[0], al = state[1], bh = state[2], bl = state[3], ch = state[4], cl = state[5];
  let dh = state[6], dl = state[7], eh = state[8], el = state[9], fh = state[10], fl = state[11];
  let gh = state[12], gl = state[13], hh = state[14], hl = state[15];
  for (let t = 0; t < 160; t += 2) {
    const aHigh = ((ah >>> 28) | (al << 4)) ^ ((al >>> 2) | (ah << 30)) ^ ((al >>> 7) | (ah << 25));
    const aLow = ((al >>> 28) | (ah << 4)) ^ ((ah >>> 2) | (al << 30)) ^ ((ah >>> 7) | (al << 25));
    const eHigh = ((eh >>> 14) | (el << 18)) ^ ((eh >>> 18) | (el << 14)) ^ ((el >>> 9) | (eh << 23));
    const eLow = ((el >>> 14) | (eh << 18)) ^ ((el >>> 18) | (eh << 14)) ^ ((eh >>> 9) | (el << 23));
    const chosen = ((el & fl) ^ (~el & gl)) >>> 0;
    const low = (hl >>> 0) + (eLow >>> 0) + chosen + (K64[t + 1] >>> 0) + (words[t + 1] >>> 0);
    const carry = (low / 2 ** 32) | 0;
    const high = (hh + eHigh + ((eh & fh) ^ (~eh & gh)) + K64[t] + words[t] + carry) | 0;
    const majority = ((al & bl) ^ (al & cl) ^ (bl & cl)) >>> 0;
    const down = (dl >>> 0) + (low >>> 0);
    const sum = (low >>> 0) + (aLow >>> 0) + majority;
    const top = (high + aHigh + ((ah & bh) ^ (ah & ch) ^ (bh & ch)) + ((sum / 2 ** 32) | 0)) | 0;
    hh = gh;
    hl = gl;
    gh = fh;
    gl = fl;
    fh = eh;
    fl = el;
    eh = (dh + high + ((down / 2 ** 32) | 0)) | 0;
    el = down | 0;
    dh = ch;
    dl = cl;
    ch = bh;
    cl = bl;
    bh = ah;
    bl = al;
    ah = top;
    al = sum | 0;
  }
  [ah, al, bh, bl, ch, cl, dh, dl, eh, el, fh, fl, gh, gl, hh, hl].forEach((word, at, all) => {
    if (at % 2 === 1) return;
    const low = (state[at + 1] >>> 0) + (all[at + 1] >>> 0);
    state[at] += word + ((low / 2 ** 32) | 0);
    state[at + 1] = low;
  });
}

const INITIAL_1 = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];

// Each one's work, state, bytes of a block, bytes of the digest, and number of
// words in a block's schedule.
const ALL = {
  "SHA-1": { work: sha1, initial: INITIAL_1, block: 64, length: 20, schedule: 80 },
  "SHA-256": { work: sha256, initial: upper(square.slice(0, 8)), block: 64, length: 32, schedule: 64 },
  "SHA-384": { work: sha512, initial: halves(square.slice(8)), block: 128, length: 48, schedule: 160 },
  "SHA-512": { work: sha512, initial: halves(square.slice(0, 8)), block: 128, length: 64, schedule: 160 },
};

export const HASHES = Object.keys(ALL);
export const blockOf = (hash) => ALL[hash].block;

// The digest of bytes, which may be in several parts.
export function digest(hash, ...parts) {
  const { work, initial, block, length, schedule } = ALL[hash];
  const given = parts.reduce((sum, part) => sum + part.length, 0);
  // The end mark, and the number of bits in the last eight bytes.
  const padded = new Uint8Array(Math.ceil((given + 1 + block / 8) / block) * block);
  let at = 0;
  for (const part of parts) {
    padded.set(part, at);
    at += part.length;
  }
  padded[given] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(given / 2 ** 29));
  view.setUint32(padded.length - 4, given << 3);
  const state = Int32Array.from(initial, (word) => word | 0);
  const words = new Int32Array(schedule);
  for (let from = 0; from < padded.length; from += block) {
    for (let t = 0; t < block / 4; t++) words[t] = view.getInt32(from + t * 4);
    work(state, words);
  }
  const out = new DataView(new ArrayBuffer(state.length * 4));
  state.forEach((word, t) => out.setInt32(t * 4, word));
  return new Uint8Array(out.buffer.slice(0, length));
}

export function hmac(hash, key, message) {
  const block = new Uint8Array(blockOf(hash));
  block.set(key.length > block.length ? digest(hash, key) : key);
  const inner = digest(hash, block.map((byte) => byte ^ 0x36), message);
  return digest(hash, block.map((byte) => byte ^ 0x5c), inner);
}

// In a time that does not depend on the place of a difference.
export function equal(one, other) {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let at = 0; at < one.length; at++) difference |= one[at] ^ other[at];
  return difference === 0;
}
