// `TextEncoder` and `TextDecoder` for an engine that lacks them.

// The most characters that are gathered in one string.
const PART = 4096;

export function utf8(text) {
  const bytes = [];
  for (const character of String(text)) {
    let code = character.codePointAt(0);
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else {
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
  }
  return Uint8Array.from(bytes);
}

// A decoder's work: the next character from a place in the bytes, as its code and
// its length. No code is a malformed sequence; a length of 0 is one that more
// bytes may complete.

function nextUtf8(bytes, at) {
  const first = bytes[at];
  if (first < 0x80) return [first, 1];
  const length = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (length === 0) return [undefined, 1];
  let code = first & (0x7f >> length);
  for (let read = 1; read < length; read++) {
    if (at + read === bytes.length) return [undefined, 0];
    const byte = bytes[at + read];
    // Overlong forms, surrogates, and what is beyond Unicode show in the second byte.
    const least = read > 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const most = read > 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (byte < least || byte > most) return [undefined, read];
    code = (code << 6) | (byte & 63);
  }
  return [code, length];
}

function nextUtf16(bytes, at) {
  if (at + 1 >= bytes.length) return [undefined, 0];
  const unit = bytes[at] | (bytes[at + 1] << 8);
  if (unit < 0xd800 || unit > 0xdfff) return [unit, 2];
  if (unit > 0xdbff) return [undefined, 2];
  if (at + 3 >= bytes.length) return [undefined, 0];
  const low = bytes[at + 2] | (bytes[at + 3] << 8);
  return low < 0xdc00 || low > 0xdfff ? [undefined, 2] : [0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff), 4];
}

// The bytes 0x80 to 0x9f of Windows-1252, which the web reads Latin-1 as.
const WINDOWS = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";
const nextWindows = (bytes, at) => {
  const byte = bytes[at];
  return [byte < 0x80 || byte > 0x9f ? byte : WINDOWS.charCodeAt(byte - 0x80), 1];
};

const ENCODINGS = [
  { name: "utf-8", next: nextUtf8, labels: ["utf-8", "utf8", "unicode-1-1-utf-8"] },
  { name: "utf-16le", next: nextUtf16, labels: ["utf-16le", "utf-16", "ucs-2", "unicode"] },
  {
    name: "windows-1252",
    next: nextWindows,
    labels: ["windows-1252", "iso-8859-1", "iso8859-1", "iso88591", "latin1", "l1", "ascii", "us-ascii", "cp1252"],
  },
];

function bytesOf(given) {
  if (given === undefined) return new Uint8Array();
  if (ArrayBuffer.isView(given)) return new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  return new Uint8Array(given);
}

globalThis.TextEncoder ??= class TextEncoder {
  encoding = "utf-8";

  encode(text = "") {
    return utf8(text);
  }

  encodeInto(text, target) {
    let [read, written] = [0, 0];
    for (const character of String(text)) {
      const bytes = utf8(character);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
};

globalThis.TextDecoder ??= class TextDecoder {
  #next;
  #rest = new Uint8Array();
  #begun = false;

  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    const wanted = String(label).trim().toLowerCase();
    const found = ENCODINGS.find(({ labels }) => labels.includes(wanted));
    if (!found) {
      throw new RangeError(`TextDecoder() has no ${label}, only ${ENCODINGS.map(({ name }) => name).join(", ")}`);
    }
    this.#next = found.next;
    Object.assign(this, { encoding: found.name, fatal: Boolean(fatal), ignoreBOM: Boolean(ignoreBOM) });
  }

  decode(given, { stream = false } = {}) {
    let bytes = bytesOf(given);
    if (this.#rest.length > 0) {
      const joined = new Uint8Array(this.#rest.length + bytes.length);
      joined.set(this.#rest);
      joined.set(bytes, this.#rest.length);
      bytes = joined;
    }
    const skipsMark = !this.ignoreBOM && this.encoding !== "windows-1252";
    const parts = [];
    let part = "";
    let at = 0;
    while (at < bytes.length) {
      let [code, length] = this.#next(bytes, at);
      if (length === 0) {
        if (stream) break;
        length = bytes.length - at;
      }
      at += length;
      if (code === undefined && this.fatal) {
        this.#rest = new Uint8Array();
        this.#begun = false;
        throw new TypeError(`the bytes are not well-formed ${this.encoding}`);
      }
      if (this.#begun || code !== 0xfeff || !skipsMark) part += String.fromCodePoint(code ?? 0xfffd);
      this.#begun = true;
      if (part.length > PART) {
        parts.push(part);
        part = "";
      }
    }
    this.#rest = stream ? bytes.slice(at) : new Uint8Array();
    this.#begun &&= stream;
    return parts.join("") + part;
  }
};
