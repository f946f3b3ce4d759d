import { beforeAll, expect, it } from "vitest";

import { flow, stage } from "./support/suite";

const WEIGH = "org.example.weigh";

stage(
  "try",
  (stage) => {
    beforeAll(async () => {
      await stage.server.application("Backup");
      const { id } = await stage.server.plugin(WEIGH);
      await stage.server.ask("POST", `/admin/plugins/${WEIGH}/grant`, { asAsked: true });
      await stage.server.ask("POST", `/plugin/${id}/enable`);
    });

    flow("try", (width) => {
      it("shows a filter's answer to a message, and the effects that it would have had", async () => {
        const visitor = await stage.come(width);
        const { page } = visitor;
        const { id } = await stage.server.plugin(WEIGH);
        const before = await stage.server.ask("GET", "/message");
        await visitor.login("admin", undefined, `/plugins/${id}`);
        await page.getByRole("link", { name: "Try", exact: true }).click();
        const sample = page.getByRole("region", { name: "Try a message" });
        const text = sample.getByRole("textbox", { name: "Text", exact: true });
        const answer = sample.getByRole("region", { name: "Answer" });
        const ask = async (message: string) => {
          await text.fill(message);
          await sample.getByRole("button", { name: "Try", exact: true }).click();
        };
        await sample.getByText("with the saved configuration").waitFor();
        await ask("a feather");
        await answer.getByText("Kept unchanged").waitFor();
        await answer.getByText(/^Version 1\.0\.0 answered in [\d.]+ (µs|ms)$/).waitFor();

        await text.fill("a stone");
        await answer.getByText("has changed since this answer").waitFor();
        await ask("a stone");
        await answer.getByText("Dropped", { exact: true }).waitFor();
        await answer.getByText("Reason: the text has “stone”").waitFor();

        await ask("break it");
        await answer.getByText("Failed", { exact: true }).waitFor();
        await answer.getByText("the scale broke").waitFor();

        await sample.getByRole("button", { name: /Application/ }).click();
        await page.getByRole("option", { name: "Backup" }).click();
        await sample.getByRole("textbox", { name: "Title" }).fill("heavy");
        await sample.getByLabel("Priority").fill("7");
        await ask("weigh it");
        await answer.getByText("Changed", { exact: true }).waitFor();
        await answer.locator("ins").filter({ hasText: "HEAVY" }).waitFor();
        await answer.getByText("It would have sent 1 message:").waitFor();
        await answer.getByRole("listitem").filter({ hasText: "Weighed: 12 grams (priority 3)" }).waitFor();
        await answer.getByText("It would have called set-timer once.").waitFor();
        await answer.getByText("Denied once: Send messages to other users").waitFor();
        await visitor.look("plugin-try");

        expect(await stage.server.ask("GET", "/message")).toEqual(before);
        expect(await stage.server.ask("GET", `/plugin/${id}/timers`)).toEqual([]);
        await visitor.leave();
      });
    });
  },
  (server) => [server.python("weigh")],
);
