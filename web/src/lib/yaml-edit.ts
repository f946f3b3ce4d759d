/**
 * Puts changed values of a form into a YAML text. What did not change stays
 * byte for byte, comments included: a value is replaced where it stands, and an
 * item is added to or taken from its block. Each such text is read again; where
 * none has the values that it should have, the library writes the document.
 */
import {
  type Document,
  isCollection,
  isNode,
  isPair,
  isScalar,
  isSeq,
  parseDocument,
  stringify,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";

export type Path = (string | number)[];

interface Change {
  path: Path;
  /** undefined removes. */
  value: unknown;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((one, index) => equal(one, b[index]));
  }
  if (isObject(a) && isObject(b)) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...keys].every((key) => equal(a[key], b[key]));
  }
  return false;
}

/** The smallest changes that lead from one value to another. */
function changes(before: unknown, after: unknown, path: Path = []): Change[] {
  if (equal(before, after)) return [];
  if (isObject(before) && isObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    // A new name for an entry is an addition and a removal; its block is not empty between them.
    const order = [...keys].sort((a, b) => Number(!(a in after)) - Number(!(b in after)));
    return order.flatMap((key) => changes(before[key], after[key], [...path, key]));
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const shared = Math.min(before.length, after.length);
    // Where items moved, a change by position would mix their comments up.
    if (before.length === after.length || equal(before.slice(0, shared), after.slice(0, shared))) {
      const longest = Math.max(before.length, after.length);
      const each = Array.from({ length: longest }, (_, index) =>
        index < after.length
          ? changes(before[index], after[index], [...path, index])
          : [{ path: [...path, index], value: undefined }],
      );
      // Later items first, so that removals do not move the ones to come.
      return each.reverse().flat();
    }
    const removed = before.findIndex((one, index) => !equal(one, after[index]));
    if (before.length === after.length + 1 && equal(before.slice(removed + 1), after.slice(removed))) {
      return [{ path: [...path, removed], value: undefined }];
    }
  }
  return [{ path, value: after }];
}

/** Reads a text; null where it is no YAML. An empty text is an empty object. */
export function parse(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: false, logLevel: "silent" });
  if (document.errors.length > 0) return null;
  return document.toJS({ maxAliasCount: 100 }) ?? {};
}

/** The text with the changes from `before` to `after` in it. */
export function edit(text: string, before: unknown, after: unknown): string {
  return changes(before, after).reduce((current, change) => apply(current, change), text);
}

function apply(text: string, { path, value }: Change): string {
  const document = parseDocument(text, { keepSourceTokens: true });
  const expected = withValue(document, path, value);
  for (const spliced of splices(text, document, path, value, expected)) {
    if (equal(parse(spliced), expected)) return spliced;
  }
  if (value === undefined) document.deleteIn(path);
  else if (path.length === 0) document.contents = document.createNode(value) as typeof document.contents;
  else {
    prepare(document, path);
    document.setIn(path, document.createNode(value));
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** Texts in which one place changed, to try; a wrong one is not used. */
function* splices(text: string, document: Document, path: Path, value: unknown, expected: unknown) {
  const node = path.length > 0 ? document.getIn(path, true) : document.contents;
  if (isScalar(node) && node.range && !isStructured(value) && value !== undefined && !node.anchor) {
    yield splice(text, node.range[0], node.range[1], value);
  }
  // A list or map in brackets is written anew, and nothing around it.
  for (let length = path.length; length > 0; length -= 1) {
    const part = path.slice(0, length);
    const outer = document.getIn(part, true);
    if (isCollection(outer) && outer.flow && outer.range && !outer.anchor) {
      const inner = at(expected, part);
      if (inner === undefined) continue;
      const written = stringify(inner, { lineWidth: 0, collectionStyle: "flow", flowCollectionPadding: false });
      yield text.slice(0, outer.range[0]) + written.trimEnd() + text.slice(outer.range[1]);
    }
  }
  if (value === undefined) yield* withoutItem(text, document, path);
  else yield* withItem(text, document, path, expected);
  // A new key stands at the end.
  const [name] = path;
  if (typeof name === "string" && value !== undefined && !document.has(name)) {
    yield ended(text) + stringify({ [name]: at(expected, [name]) }, { lineWidth: 0 });
  }
}

/** Texts without the lines of an item of a block. */
function* withoutItem(text: string, document: Document, path: Path) {
  const outer = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isCollection(outer) || outer.flow) return;
  const place = placeOf(outer.items[indexOf(outer, path.at(-1))]);
  if (!place) return;
  const head = text.slice(0, lineStart(text, place.from));
  const tail = text.slice(lineEnd(text, place.to));
  if (outer.items.length > 1 || path.length === 1) yield head + tail;
  // A block without items is written in brackets.
  else yield `${head.trimEnd()} ${isSeq(outer) ? "[]" : "{}"}\n${tail}`;
}

/** Texts with an item behind the others of its block, or with a block in place of another. */
function* withItem(text: string, document: Document, path: Path, expected: unknown) {
  for (let length = path.length; length >= 0; length -= 1) {
    const part = path.slice(0, length);
    const block = length === 0 ? document.contents : document.getIn(part, true);
    const first = isCollection(block) && placeOf(block.items[0]);
    const last = isCollection(block) && placeOf(block.items.at(-1));
    if (!isCollection(block) || block.flow || !first || !last) continue;
    const start = lineStart(text, first.from);
    const column = isSeq(block) ? text.slice(start).search(/\S/) : first.from - start;
    const end = lineEnd(text, last.to);
    const key = path[length];
    if (key === undefined) {
      const whole = stringify(at(expected, part), { lineWidth: 0 });
      yield text.slice(0, start) + indented(whole, column) + text.slice(end);
    } else if (indexOf(block, key) < 0) {
      const inner = at(expected, [...part, key]);
      const written = stringify(isSeq(block) ? [inner] : { [key]: inner }, { lineWidth: 0 });
      yield ended(text.slice(0, end)) + indented(written, column) + text.slice(end);
    }
    return;
  }
}

interface Place {
  from: number;
  to: number;
}

/** The part of the text that an item of a collection has. */
function placeOf(item: unknown): Place | undefined {
  const [head, tail] = isPair(item) ? [item.key, item.value ?? item.key] : [item, item];
  const from = isNode(head) ? head.range?.[0] : undefined;
  const to = isNode(tail) ? tail.range?.[1] : undefined;
  return from === undefined || to === undefined ? undefined : { from, to };
}

function indexOf(block: YAMLMap | YAMLSeq, key: string | number | undefined): number {
  if (isSeq(block)) return typeof key === "number" && key < block.items.length ? key : -1;
  return block.items.findIndex((pair) => isPair(pair) && isScalar(pair.key) && String(pair.key.value) === String(key));
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string | number, unknown> | undefined)?.[key], value);
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

/** The beginning of the line behind the one that ends a value; texts in blocks have it in them. */
function lineEnd(text: string, offset: number): number {
  if (text[offset - 1] === "\n") return offset;
  const end = text.indexOf("\n", offset);
  return end < 0 ? text.length : end + 1;
}

function ended(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

function indented(text: string, column: number): string {
  return text.replaceAll(/^(?=.)/gm, " ".repeat(column));
}

function isStructured(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function splice(text: string, from: number, to: number, value: unknown): string {
  const written =
    typeof value === "string" && value.includes("\n")
      ? JSON.stringify(value)
      : stringify(value, { lineWidth: 0 }).trimEnd();
  // An empty value has no place of its own: it stands right behind the colon.
  const gap = from === to && /[:-]$/.test(text.slice(0, from)) ? " " : "";
  // A text in a block has its last line's end in it.
  const end = text[to - 1] === "\n" && to > from ? "\n" : "";
  return text.slice(0, from) + gap + written + end + text.slice(to);
}

function withValue(document: Document, path: Path, value: unknown): unknown {
  if (path.length === 0) return value;
  const copy = document.clone();
  if (value === undefined) copy.deleteIn(path);
  else {
    prepare(copy, path);
    copy.setIn(path, copy.createNode(value));
  }
  return copy.toJS();
}

/** Makes the collections that lead to a path, where there are none yet. */
function prepare(document: Document, path: Path) {
  for (let length = 0; length < path.length; length += 1) {
    const part = path.slice(0, length);
    const node = length === 0 ? document.contents : document.getIn(part, true);
    if (isCollection(node)) continue;
    const empty = document.createNode(typeof path[length] === "number" ? [] : {});
    if (length === 0) document.contents = empty as typeof document.contents;
    else document.setIn(part, empty);
  }
}
