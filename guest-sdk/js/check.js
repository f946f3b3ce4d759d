// Checks of values that a plugin hands to the host. A value of another type is
// a `TypeError` in the author's own line; without the check it would end the
// instance without a line.

const kind = (value) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

export const wrong = (where, value, wanted) => new TypeError(`${where} is of the type ${kind(value)}, not ${wanted}`);

export function text(where, value) {
  if (typeof value !== "string") throw wrong(where, value, "string");
  return value;
}

export function optional(where, value, item) {
  return value === undefined || value === null ? undefined : item(where, value);
}

export const optionalText = (where, value) => optional(where, value, text);

export function oneOf(where, value, all) {
  if (!all.includes(value)) throw new TypeError(`${where} is ${String(value)}, not ${all.join(", ")}`);
  return value;
}

// A whole number within bounds.
export function whole(where, value, least = 0, most = Number.MAX_SAFE_INTEGER) {
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number !== "number") throw wrong(where, value, "number");
  if (!Number.isInteger(number)) throw new TypeError(`${where} is ${value}, not a whole number`);
  if (number < least || number > most) throw new RangeError(`${where} is ${value}, not ${least} to ${most}`);
  return number;
}

// Bytes, of a text its UTF-8.
export function bytes(where, value) {
  if (typeof value === "string") return new TextEncoder().encode(value);
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw wrong(where, value, "string or Uint8Array");
}

export function list(where, value, item) {
  if (!Array.isArray(value)) throw wrong(where, value, "array");
  return value.map((one, at) => item(`${where}[${at}]`, one));
}

export function record(where, value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw wrong(where, value, "object");
  return value;
}

const PRIORITIES = [-(2 ** 31), 2 ** 31 - 1];

export function content(where, value) {
  const { title = "", body, priority = 0, extras } = record(where, value);
  return {
    title: text(`${where}.title`, title),
    body: text(`${where}.body`, body),
    priority: whole(`${where}.priority`, priority, ...PRIORITIES),
    extras: extrasOf(`${where}.extras`, extras),
  };
}

// A JSON object as text.
function extrasOf(where, value) {
  if (value === undefined || value === null || typeof value === "string") return value ?? undefined;
  return JSON.stringify(record(where, value));
}

export function problem(where, value) {
  if (typeof value === "string") return { path: "", text: value };
  const { path = "", text: said } = record(where, value);
  return { path: text(`${where}.path`, path), text: text(`${where}.text`, said) };
}

export function response(where, value) {
  const { status = 200, headers = [], body = "" } = record(where, value);
  return {
    status: whole(`${where}.status`, status, 0, 65535),
    headers: list(`${where}.headers`, headers, header),
    body: bytes(`${where}.body`, body),
  };
}

function header(where, value) {
  const { name, value: said } = record(where, value);
  const plain = typeof said === "number" ? String(said) : said;
  return { name: text(`${where}.name`, name), value: text(`${where}.value`, plain) };
}

function interests(where, value) {
  const { applications = [], minPriority } = record(where, value);
  return {
    applications: list(`${where}.applications`, applications, text),
    minPriority: optional(`${where}.minPriority`, minPriority, (at, one) => whole(at, one, ...PRIORITIES)),
  };
}

export function manifest(value) {
  const given = { description: "", author: "", license: "", website: "", wants: [], ...record("manifest", value) };
  for (const name of ["id", "name", "version", "description", "author", "license", "website"]) {
    text(`manifest.${name}`, given[name]);
  }
  list("manifest.wants", given.wants, (where, one) => {
    text(`${where}.reason`, record(where, one).reason);
    text(`${where}.permission.tag`, record(`${where}.permission`, one.permission).tag);
  });
  return { ...given, listens: optional("manifest.listens", given.listens, interests) };
}
