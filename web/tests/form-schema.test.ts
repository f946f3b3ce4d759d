import { describe, expect, it } from "vitest";

import { prepare, withoutNulls } from "../src/lib/form-schema";

describe("a schema for the form", () => {
  it("has types and titles where a generator left them out", () => {
    const form = prepare({
      type: "object",
      properties: {
        min_priority: { type: ["integer", "null"] },
        format: {
          oneOf: [
            { const: "slack", description: "As Slack has it." },
            { enum: ["ntfy"], type: "string" },
          ],
        },
        maxSize: { enum: [1, 2, null] },
        token: { type: "string", writeOnly: true },
      },
    });
    expect(form.properties).toEqual({
      min_priority: { type: "integer", title: "Min priority" },
      format: {
        type: "string",
        title: "Format",
        oneOf: [
          { const: "slack", description: "As Slack has it.", title: "slack: As Slack has it.", type: "string" },
          { const: "ntfy", type: "string", title: "ntfy" },
        ],
      },
      maxSize: { type: "integer", title: "Max size", enum: [1, 2, null] },
      token: { type: "string", writeOnly: true, format: "password", title: "Token" },
    });
  });

  it("has no unions with null", () => {
    const form = prepare({
      type: "object",
      $defs: { Then: { properties: { drop: { type: "boolean" } } } },
      properties: {
        then: { anyOf: [{ $ref: "#/$defs/Then" }, { type: "null" }], description: "The change." },
        level: { type: ["string", "null"], enum: ["low", null] },
        either: { anyOf: [{ type: "string" }, { type: "integer" }, { type: "null" }] },
      },
    });
    expect(form.$defs).toEqual({
      Then: { type: "object", properties: { drop: { type: "boolean", title: "Drop" } } },
    });
    expect(form.properties).toEqual({
      then: { $ref: "#/$defs/Then", description: "The change.", title: "Then" },
      level: { type: "string", enum: ["low"], title: "Level" },
      either: { anyOf: [{ type: "string", title: "String" }, { type: "integer", title: "Integer" }], title: "Either" },
    });
    expect(withoutNulls({ a: null, b: [{ c: null, d: 1 }], e: false })).toEqual({ b: [{ d: 1 }], e: false });
  });

  it("names the shapes of a union", () => {
    const { oneOf } = prepare({
      oneOf: [
        { properties: { kind: { const: "mail" }, to: { type: "string" } } },
        { properties: { web_hook: { type: "object" } } },
        { title: "Own", type: "object" },
      ],
    });
    expect(oneOf?.map((one) => typeof one === "object" && one.title)).toEqual(["mail", "Web hook", "Own"]);
  });
});
