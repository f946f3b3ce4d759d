import { beforeAll, expect, it } from "vitest";

import { type Width, WIDTHS } from "./support/browser";
import { flow, stage } from "./support/suite";

const fragile = (width: Width) => `org.example.fragile-${width.name}`;

stage(
  "listener",
  (stage) => {
    let token: string;
    beforeAll(async () => {
      ({ token } = await stage.server.application("Backup"));
      await stage.server.send(token, { title: "Before", message: "it is enabled" });
    });

    flow("listener", (width) => {
      it("shows the messages that wait, and has a listener start elsewhere after a confirmation", async () => {
        const visitor = await stage.come(width);
        const { page } = visitor;
        const { id } = await stage.server.plugin(fragile(width));
        // Not before: it would wait with the bad message of the other width.
        await stage.server.ask("POST", `/plugin/${id}/enable`);
        interface Call {
          messages: number[];
          cause?: string | null;
        }
        /** How often the plugin accepted a message. */
        const accepted = async (message: number) => {
          const calls = await stage.server.ask<Call[]>("GET", `/plugin/${id}/trace`);
          return calls.filter(({ cause, messages }) => !cause && messages.includes(message)).length;
        };
        const good = await stage.server.send(token, { title: `good ${width.name}`, message: "fine" });
        await expect.poll(() => accepted(good.id)).toBe(1);
        // The server gives it to the plugin again and again, with pauses.
        const bad = await stage.server.send(token, { title: `bad ${width.name}`, message: "break it" });

        await visitor.login("admin", undefined, `/plugins/${id}`);
        const section = page.getByRole("region", { name: "Position among your messages" });
        await section.getByText(/1 message waits for it\. Its next message is the one after \d+\./).waitFor();
        await visitor.look("plugin-listener");

        const change = async (consequence: string, answer: "Change" | "Cancel") => {
          await section.getByRole("button", { name: "Change…" }).click();
          const dialog = page.getByRole("alertdialog", { name: "Change the position?" });
          await dialog.getByText(consequence).waitFor();
          if (answer === "Change") await visitor.look("plugin-listener-confirm");
          await dialog.getByRole("button", { name: answer, exact: true }).click();
          await dialog.waitFor({ state: "detached" });
        };
        const choose = async (start: string) => {
          await section.getByRole("button", { name: /Start from/ }).click();
          await page.getByRole("option", { name: start }).click();
        };
        const leaves = "The plugin leaves out all messages that wait";
        await change(leaves, "Cancel");
        expect((await stage.server.ask<{ waiting: number }>("GET", `/plugin/${id}/listener`)).waiting).toBe(1);
        await change(leaves, "Change");
        await section.getByText(`No message waits for it. Its next message is the one after ${bad.id}.`).waitFor();
        expect(await accepted(bad.id)).toBe(0);

        await stage.server.write(`/plugin/${id}/config`, "mended: true\n");
        await choose("A message by its number");
        await section.getByLabel("Number of the message").fill(String(bad.id));
        await change(`receives the messages from ${bad.id} up to ${bad.id} again`, "Change");
        await expect.poll(() => accepted(bad.id)).toBe(1);
        expect(await accepted(good.id)).toBe(1);

        await visitor.dismiss();
        await section.getByText("No message waits for it.").waitFor();
        await choose("The first stored message");
        await change(`receives all stored messages up to ${bad.id} again`, "Change");
        await expect.poll(() => accepted(bad.id)).toBe(2);
        expect(await accepted(good.id)).toBe(2);
        await section.getByText(`No message waits for it. Its next message is the one after ${bad.id}.`).waitFor();
        await visitor.leave();
      });
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
