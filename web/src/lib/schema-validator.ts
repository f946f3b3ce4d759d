/**
 * Tells the form which of several shapes a value has, by a library that interprets
 * schemas: the page's policy forbids the code that others generate. The problems
 * of a value are the server's to find.
 */
import { Validator } from "@cfworker/json-schema";
import { type FormContextType, ID_KEY, type RJSFSchema, type ValidationData, type ValidatorType } from "@rjsf/utils";

function isValid(schema: RJSFSchema, value: unknown): boolean {
  try {
    // Shapes that JSON does not have, such as undefined, are left out.
    const data = value === undefined ? {} : JSON.parse(JSON.stringify(value));
    return new Validator(schema as object, "2020-12").validate(data).valid;
  } catch {
    // The server rejects a schema that cannot be used.
    return false;
  }
}

export class SchemaValidator<T = unknown, S extends RJSFSchema = RJSFSchema, F extends FormContextType = object>
  implements ValidatorType<T, S, F>
{
  validateFormData(): ValidationData<T> {
    return { errors: [], errorSchema: {} };
  }

  isValid(schema: S, formData: T | undefined, rootSchema: S): boolean {
    const { [ID_KEY]: _, ...definitions } = rootSchema as S & Record<string, unknown>;
    const bundled = {
      $defs: definitions.$defs,
      definitions: definitions.definitions,
      ...(schema as object),
    } as unknown as RJSFSchema;
    return isValid(bundled, formData);
  }

  rawValidation<Result>(): { errors?: Result[]; validationError?: Error } {
    return {};
  }
}
