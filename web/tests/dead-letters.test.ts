import { beforeAll, expect, it } from "vitest";

import { type Width, WIDTHS } from "./support/browser";
import { flow, stage } from "./support/suite";

const fragile = (width: Width) => `org.example.fragile-${width.name}`;

stage(
  "dead letters",
  (stage) => {
    beforeAll(async () => {
      const { token } = await stage.server.application("Backup");
      for (const width of WIDTHS) {
        const { id } = await stage.server.plugin(fragile(width));
        await stage.server.ask("POST", `/plugin/${id}/enable`);
      }
      await stage.server.send(token, { title: "Fatal", message: "break it" });
    });

    flow("dead letters", (width) => {
      it("shows a message on which a plugin fails, and gives it to the plugin again, alone and with all", async () => {
        const visitor = await stage.come(width);
        const { page } = visitor;
        const { id } = await stage.server.plugin(fragile(width));
        // The server gives the message to the plugin eight times, with pauses that double.
        await expect
          .poll(() => stage.server.ask<unknown[]>("GET", `/plugin/${id}/dead-letters`), { timeout: 150_000, interval: 1000 })
          .toHaveLength(1);
        await visitor.login("admin", undefined, `/plugins/${id}/dead-letters`);
        const letter = page.getByRole("listitem").filter({ hasText: "Fatal" });
        await letter.getByText("the message broke it").waitFor();
        await visitor.look("plugin-dead-letter");
        await letter.getByRole("button", { name: "Retry" }).click();
        await page.getByText("The plugin failed on it again").waitFor();
        await stage.server.write(`/plugin/${id}/config`, "mended: true\n");
        await page.getByRole("button", { name: "Retry all" }).click();
        await page.getByText("The plugin accepted the message").waitFor();
        await page.getByText("No dead letters").waitFor();
        await page.getByRole("link", { name: "Calls" }).click();
        const calls = page.getByRole("table", { name: "Calls" });
        await calls.getByText("the message broke it").first().waitFor();
        await calls.getByText("OK").first().waitFor();
        await visitor.look("plugin-calls");
        await visitor.go("Messages");
        const message = page.getByRole("article", { name: "Fatal" });
        await message.getByRole("button", { name: /Trace/ }).click();
        const trace = page.getByRole("dialog", { name: "Trace" });
        await trace.getByRole("heading", { name: "Delivered to" }).waitFor();
        await trace.getByText("OK").first().waitFor();
        await visitor.look("message-deliveries");
        await visitor.leave();
      }, 200_000);
    });
  },
  (server) =>
    WIDTHS.map((width) =>
      server.python(
        "fragile",
        { "org.example.fragile": fragile(width), 'name="Fragile"': `name="Fragile ${width.name}"` },
        `fragile-${width.name}`,
      ),
    ),
);
