/**
 * Puts changed values of a form into a YAML text. What did not change stays
 * byte for byte, comments included: a changed scalar is replaced where it
 * stands, and only other changes let the library write the document.
 */
import { type Document, isCollection, isScalar, parseDocument, stringify } from "yaml";

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
    return [...keys].flatMap((key) => changes(before[key], after[key], [...path, key]));
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
      const inner = part.reduce<unknown>((at, key) => (at as Record<string | number, unknown>)?.[key], expected);
      if (inner === undefined) return;
      const written = stringify(inner, { lineWidth: 0, collectionStyle: "flow", flowCollectionPadding: false });
      yield text.slice(0, outer.range[0]) + written.trimEnd() + text.slice(outer.range[1]);
    }
  }
  // A new key stands at the end.
  const [name] = path;
  if (path.length === 1 && typeof name === "string" && value !== undefined && node === undefined) {
    const end = text === "" || text.endsWith("\n") ? "" : "\n";
    yield text + end + stringify({ [name]: value }, { lineWidth: 0 });
  }
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
  return text.slice(0, from) + gap + written + text.slice(to);
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
