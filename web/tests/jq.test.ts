import { expect, it } from "vitest";

import { flow, stage } from "./support/suite";

const ID = "org.example.expression";

stage(
  "jq",
  (stage) => {
    flow("jq", (width) => {
      it("edits a jq expression with colours, and marks the plugin's problem in it", async () => {
        const visitor = await stage.come(width);
        const { page } = visitor;
        const { id, enabled } = await stage.server.plugin(ID);
        if (!enabled) await stage.server.ask("POST", `/plugin/${id}/enable`);
        await visitor.login("admin", undefined, `/plugins/${id}/configuration`);
        await page.getByRole("tab", { name: "Form" }).click();
        const filter = page.getByRole("textbox", { name: "Filter" });
        await expect.poll(() => filter.textContent()).toBe(".title");
        await filter.fill('if .priority > 4 then "now: \\(.title)" else empty end # short');
        // Each kind of token has a colour of its own.
        const colours = await filter.locator("span").evaluateAll((tokens) =>
          tokens.map((token) => [token.textContent, getComputedStyle(token).color] as const),
        );
        const colourOf = (text: string) => colours.find(([token]) => token?.trim() === text)?.[1];
        const kinds = ["if", ".priority", "4", '"now:', "# short"].map(colourOf);
        expect(kinds).not.toContain(undefined);
        expect(colourOf(".title")).toBe(colourOf(".priority"));
        expect(colourOf('"now:')).not.toBe(colourOf("if"));
        await visitor.look("jq");
        await page.getByRole("button", { name: "Save" }).click();
        await page.getByText("The configuration is saved").waitFor();
        const saved = await stage.server.ask<string>("GET", `/plugin/${id}/config`);
        expect(saved).toContain("# kept");
        expect(saved).toContain("(.title)");

        const backup = page.getByRole("textbox", { name: "backup", exact: true });
        await backup.fill("select(.priority > 4");
        await page.getByRole("button", { name: "Save" }).click();
        const field = page.locator(".schema-form .field-error").filter({ hasText: "A bracket is not closed" });
        await field.waitFor();
        await page.locator(".schema-form .cm-lintRange-error").first().waitFor();
        expect(await page.locator(".schema-form .cm-lint-marker-error").count()).toBe(1);
        await page.getByText(/Line \d+, column \d+: A bracket is not closed/).waitFor();
        await visitor.look("jq-problem");
        expect(await field.count()).toBe(1);
        await backup.fill("select(.priority > 5)");
        await field.waitFor({ state: "detached" });
        await page.getByRole("button", { name: "Save" }).click();
        await field.waitFor({ state: "detached" });
        await expect.poll(() => stage.server.ask<string>("GET", `/plugin/${id}/config`)).toContain("> 5");
        // Ready for the next width.
        await stage.server.write(`/plugin/${id}/config`, "filter: .title   # kept\nnamed:\n  backup: .\n");
        await visitor.leave();
      });
    });
  },
  (server) => [server.python("expression")],
);
