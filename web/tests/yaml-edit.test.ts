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
    const longer = change(TEXT, (values) => {
      (values.words as string[]).push("three");
    });
    expect(longer).toBe(TEXT.replace("  - two   # the second\n", "  - two   # the second\n  - three\n"));
    const removed = change(TEXT, (values) => {
      (values.words as string[]).splice(0, 1);
    });
    expect(removed).toBe(TEXT.replace("  - one\n", ""));
    const turned = change(TEXT, (values) => {
      (values.words as string[]).reverse();
    });
    expect(turned).toContain('suffix: "!"   # behind the title\n');
    const without = change(TEXT, (values) => {
      delete values.nested;
    });
    expect(without).toBe(TEXT.replace("nested: { a: 1, b: [x, y] }\n", ""));
  });

  it("leave every other line as it is, in blocks of any depth", () => {
    const text = `top: 1    # spaced
outer:
    inner:   # four spaces
        a: 1     # first

        # About b.
        b: |
          two
          lines
    list:
    - name: x    # an item
      more: [1]
    - name: y
last:   end`;
    const kept = (after: string, ...but: string[]) => {
      const lines = new Set(after.split("\n"));
      expect(text.split("\n").filter((line) => !lines.has(line))).toEqual(but);
    };
    type Values = { outer: { inner: Record<string, unknown>; list: Record<string, unknown>[] } } & Record<string, unknown>;
    const with_ = (how: (values: Values) => void) => change(text, (values) => how(values as Values));
    kept(with_((values) => { values.outer.inner.c = { d: [1, 2] }; }));
    kept(with_((values) => { values.outer.list.push({ name: "z", more: { deep: true } }); }));
    kept(with_((values) => { Object.assign(values.outer.list[0] ?? {}, { extra: "e" }); }));
    kept(with_((values) => { values.map = { hello: "there" }; }));
    kept(with_((values) => { delete values.outer.inner.a; }), "        a: 1     # first");
    kept(with_((values) => { delete values.outer.inner.b; }), "        b: |", "          two", "          lines");
    kept(with_((values) => { values.outer.list.splice(1, 1); }), "    - name: y");
    kept(with_((values) => { delete values.last; }), "last:   end");
    kept(with_((values) => { values.outer.list = []; }), "    list:", "    - name: x    # an item", "      more: [1]", "    - name: y");
    kept(with_((values) => { values.outer.inner.A = 1; delete values.outer.inner.a; }), "        a: 1     # first");
    kept(with_((values) => { values.outer.inner.b = "one"; }), "        b: |", "          two", "          lines");
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
