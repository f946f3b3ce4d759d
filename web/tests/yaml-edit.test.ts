import { describe, expect, it } from "vitest";

import { edit, parse } from "../src/lib/yaml-edit";

const TEXT = `# The head.
suffix: "!"   # behind the title
loud: yes text
level:   low
words:
  # The first.
  - one
  - two   # the second

nested: { a: 1, b: [x, y] }
`;

function change(text: string, how: (values: Record<string, unknown>) => void): string {
  const before = parse(text) as Record<string, unknown>;
  const after = structuredClone(before);
  how(after);
  const result = edit(text, before, after);
  expect(parse(result)).toEqual(JSON.parse(JSON.stringify(after)));
  return result;
}

describe("a form's changes in a YAML text", () => {
  it("replace a scalar and nothing else", () => {
    const after = change(TEXT, (values) => {
      values.level = "high";
    });
    expect(after).toBe(TEXT.replace("level:   low", "level:   high"));
    const quoted = change(TEXT, (values) => {
      values.suffix = "?: #";
    });
    expect(quoted).toContain("# behind the title");
    expect(quoted.split("\n").slice(2)).toEqual(TEXT.split("\n").slice(2));
  });

  it("keep types apart", () => {
    for (const value of ["true", "12", "null", "", " lead", "a\nb", "- x", "a: b", "@at", 12, -1.5, true, null]) {
      change(TEXT, (values) => {
        values.level = value;
      });
    }
  });

  it("add, remove and move with comments kept", () => {
    const added = change(TEXT, (values) => {
      values.fresh = { deep: [1] };
    });
    expect(added.startsWith(TEXT)).toBe(true);
    const bracketed = change(TEXT, (values) => {
      (values.nested as { b: string[] }).b.push("z");
    });
    expect(bracketed).toBe(TEXT.replace("[x, y]", "[x, y, z]"));
    change(TEXT, (values) => {
      (values.words as string[]).push("three");
    });
    const removed = change(TEXT, (values) => {
      (values.words as string[]).splice(0, 1);
    });
    expect(removed).toContain("# the second");
    change(TEXT, (values) => {
      (values.words as string[]).reverse();
    });
    change(TEXT, (values) => {
      delete values.nested;
    });
  });

  it("begin with nothing", () => {
    for (const empty of ["", "# only a comment\n", "suffix:\n"]) {
      change(empty, (values) => {
        values.suffix = "!";
        values.list = [{ a: 1 }];
      });
    }
    expect(edit("# only a comment\n", {}, { a: 1 })).toContain("# only a comment");
  });

  it("are none where nothing changed, and none in what is no YAML", () => {
    expect(edit(TEXT, parse(TEXT), parse(TEXT))).toBe(TEXT);
    expect(parse("a: [")).toBeNull();
  });
});
