/**
 * Prepares a plugin's JSON Schema for the form: generators of schemas leave out
 * types and titles, and write optional values as unions with null. Only the
 * form's looks depend on it; the server holds the text against the plugin's own
 * schema.
 */
import type { RJSFSchema } from "@rjsf/utils";

type Schema = RJSFSchema;
type Definition = Schema | boolean;

const UNIONS = ["oneOf", "anyOf"] as const;

export function prepare(schema: Schema): Schema {
  return prepared(withoutNull(schema));
}

function prepared(schema: Schema): Schema {
  const result: Schema = { ...schema };
  result.type ??= typeOf(schema);
  if (result.type === undefined) delete result.type;
  if (result.writeOnly && result.type === "string") result.format ??= "password";
  for (const union of UNIONS) {
    const options = result[union];
    if (options) result[union] = options.map((option) => named(each(option)));
  }
  if (result.allOf) result.allOf = result.allOf.map(each);
  if (result.properties) {
    result.properties = Object.fromEntries(
      Object.entries(result.properties).map(([key, property]) => [key, titled(key, each(property))]),
    );
  }
  if (result.items && !Array.isArray(result.items)) result.items = each(result.items);
  if (typeof result.additionalProperties === "object") result.additionalProperties = each(result.additionalProperties);
  for (const group of ["$defs", "definitions"] as const) {
    const definitions = result[group] as Record<string, Definition> | undefined;
    if (definitions) {
      result[group] = Object.fromEntries(Object.entries(definitions).map(([key, one]) => [key, each(one)]));
    }
  }
  return result;
}

function each<T extends Definition>(definition: T): Definition {
  return typeof definition === "object" ? prepare(definition) : definition;
}

/** An optional value is one that may be left out; null says no more. */
function withoutNull(schema: Schema): Schema {
  const { type, ...rest } = schema;
  if (Array.isArray(type)) {
    const [first, ...others] = type.filter((one) => one !== "null");
    const kept = others.length === 0 ? first : ([first, ...others] as Schema["type"]);
    const choices = rest.enum?.filter((one) => one !== null);
    return { ...rest, ...(kept && { type: kept }), ...(choices && { enum: choices }) };
  }
  for (const union of UNIONS) {
    const options = schema[union];
    const kept = options?.filter((one) => typeof one !== "object" || one.type !== "null");
    if (!options || !kept || kept.length === options.length) continue;
    const { [union]: _, ...outer } = schema;
    const [only] = kept;
    return kept.length === 1 && typeof only === "object" ? withoutNull({ ...only, ...outer }) : { ...outer, [union]: kept };
  }
  return schema;
}

/** The type that a schema without one has all the same. */
function typeOf(schema: Schema): Schema["type"] {
  if (schema.const !== undefined) return typeOfValue(schema.const);
  if (schema.enum?.length) return typeOfValue(schema.enum.find((one) => one !== null));
  if (schema.properties) return "object";
  if (schema.items) return "array";
  for (const union of UNIONS) {
    const types = schema[union]?.map((option) => typeOfValue(constantOf(option)));
    if (types?.length && types.every((one) => one !== undefined && one === types[0])) return types[0];
  }
  return undefined;
}

function typeOfValue(value: unknown): Schema["type"] {
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value === "string" || typeof value === "boolean" ? (typeof value as "string" | "boolean") : undefined;
}

/** The only value that an option allows, if there is just one. */
function constantOf(option: Definition): unknown {
  if (typeof option !== "object") return undefined;
  return option.const ?? (option.enum?.length === 1 ? option.enum[0] : undefined);
}

/** An option of a union with a title to choose it by. */
function named(option: Definition): Definition {
  if (typeof option !== "object") return option;
  const constant = constantOf(option);
  if (constant !== undefined) {
    const title = option.title ?? String(constant);
    const { enum: _, ...rest } = option;
    return { ...rest, const: constant as never, title: option.description ? `${title}: ${option.description}` : title };
  }
  if (option.title) return option;
  const entries = Object.entries(option.properties ?? {});
  const tag = entries.map(([, property]) => constantOf(property)).find((one) => one !== undefined);
  const [key] = entries.length === 1 ? (entries[0] ?? []) : [];
  const type = typeof option.type === "string" ? option.type : undefined;
  const title = tag !== undefined ? String(tag) : (key ?? type);
  return title === undefined ? option : { ...option, title: tag === undefined ? words(title) : title };
}

function titled(key: string, property: Definition): Definition {
  if (typeof property !== "object" || property.title) return property;
  return { ...property, title: words(key) };
}

/** A key in words: `min_priority` is "Min priority". */
function words(key: string): string {
  const text = key
    .replace(/([a-z0-9])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`)
    .replaceAll(/[_-]+/g, " ")
    .trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The media types of jq programs: there is no registered one. */
const JQ = ["application/jq", "text/jq", "text/x-jq"];

/** Returns true for a text that is a jq expression, by its format or its media type. */
export function isJq({ format, contentMediaType }: Schema): boolean {
  return format === "jq" || (contentMediaType !== undefined && JQ.includes(contentMediaType));
}

/** Values without entries that are null, which the prepared schema does not have. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  );
}
