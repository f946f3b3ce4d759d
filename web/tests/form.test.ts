import { expect, it } from "vitest";

import { flow, stage } from "./support/suite";

const ID = "org.example.form";

stage(
  "form",
  (stage) => {
    flow("form", (width) => {
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

      it("says at its field that a value is wrong at once, and that one is missing when it is saved", async () => {
        const visitor = await stage.come(width);
        const { page } = visitor;
        const { id, enabled } = await stage.server.plugin(ID);
        if (!enabled) await stage.server.ask("POST", `/plugin/${id}/enable`);
        await visitor.login("admin", undefined, `/plugins/${id}/configuration`);
        await page.getByRole("tab", { name: "Form" }).click();
        await page.getByRole("button", { name: "Add to Times" }).click();
        const at = page.getByRole("textbox", { name: "At", exact: true });
        await at.fill("noon");
        const error = page.locator(".schema-form .field-error").filter({ hasText: /\S/ });
        const list = page.getByRole("alert").filter({ hasText: /problem/ });
        await error.waitFor();
        await list.waitFor();
        expect(await at.getAttribute("aria-describedby")).toContain(await error.getAttribute("id"));
        // The server has looked at the empty field when the problem of before is gone.
        await at.fill("");
        await list.waitFor({ state: "detached" });
        expect(await error.count()).toBe(0);
        await page.getByRole("button", { name: "Save" }).click();
        await error.filter({ hasText: "`at` is required" }).waitFor();
        await list.filter({ hasText: "`at` is required" }).waitFor();
        await visitor.look("required");
        await at.fill("12:00");
        await error.waitFor({ state: "detached" });
        await page.getByRole("button", { name: "Save" }).click();
        await page.getByText("The configuration is saved").waitFor();
        await stage.server.write(`/plugin/${id}/config`, "filter: .title   # kept\nnamed:\n  backup: .\n");
        await visitor.leave();
      });
    });
  },
  (server) => [server.python("form")],
);
