/**
 * Validation for the form, by a library that interprets schemas: the page's
 * policy forbids the code that others generate. The server validates again.
 */
import { Validator } from "@cfworker/json-schema";
import {
  type ErrorSchema,
  type FormContextType,
  ID_KEY,
  type RJSFSchema,
  type RJSFValidationError,
  toErrorSchema,
  type ValidationData,
  type ValidatorType,
} from "@rjsf/utils";

interface Problem {
  keyword: string;
  instanceLocation: string;
  error: string;
}

/** Keywords that only pass on what lies deeper. */
const OUTER = new Set(["properties", "items", "$ref", "prefixItems", "additionalProperties", "allOf"]);

function problems(schema: RJSFSchema, value: unknown): Problem[] {
  try {
    // Shapes that JSON does not have, such as undefined, are left out.
    const data = value === undefined ? {} : JSON.parse(JSON.stringify(value));
    const result = new Validator(schema as object, "2020-12", false).validate(data);
    return result.valid ? [] : result.errors.filter(({ keyword }) => !OUTER.has(keyword));
  } catch (error) {
    return [{ keyword: "schema", instanceLocation: "#", error: String(error) }];
  }
}

function toError({ keyword, instanceLocation, error }: Problem): RJSFValidationError {
  const parts = instanceLocation
    .replace(/^#\/?/, "")
    .split("/")
    .filter(Boolean)
    .map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"));
  return { name: keyword, property: parts.join("."), message: error, stack: `${parts.join(".")}: ${error}` };
}

export class SchemaValidator<T = unknown, S extends RJSFSchema = RJSFSchema, F extends FormContextType = object>
  implements ValidatorType<T, S, F>
{
  validateFormData(formData: T | undefined, schema: S): ValidationData<T> {
    const errors = problems(schema, formData).map(toError);
    return { errors, errorSchema: toErrorSchema<T>(errors) as ErrorSchema<T> };
  }

  isValid(schema: S, formData: T | undefined, rootSchema: S): boolean {
    const { [ID_KEY]: _, ...definitions } = rootSchema as S & Record<string, unknown>;
    const bundled = {
      $defs: definitions.$defs,
      definitions: definitions.definitions,
      ...(schema as object),
    } as unknown as RJSFSchema;
    return problems(bundled, formData).length === 0;
  }

  rawValidation<Result>(schema: S, formData?: T): { errors?: Result[]; validationError?: Error } {
    return { errors: problems(schema, formData) as Result[] };
  }
}
