import { beforeAll, expect, it } from "vitest";

import { flow, stage } from "./support/suite";

stage("messages", (stage) => {
  let application: { id: number; token: string };
  let other: { id: number; token: string };
  beforeAll(async () => {
    application = await stage.server.application("Backup");
    other = await stage.server.application("Weather");
  });

  flow("messages", (width) => {
    it("shows a message at once, and keeps up over a restart of the server", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      const tag = `live ${width.name}`;
      await visitor.login();
      await page.getByText("Live: new messages").waitFor();
      const sent = await stage.server.send(application.token, { title: `${tag} now`, message: "now" });
      await page.getByRole("heading", { name: `${tag} now` }).waitFor();
      await stage.server.ask("PUT", `/message/${sent.id}`, { title: `${tag} changed` });
      await page.getByRole("heading", { name: `${tag} changed` }).waitFor();
      expect(await page.getByRole("heading", { name: `${tag} now` }).count()).toBe(0);
      expect(await page.getByRole("heading", { name: `${tag} changed` }).count()).toBe(1);

      await stage.server.halt();
      await page.getByText("Not connected").waitFor();
      await stage.server.run();
      await stage.server.ask("PUT", `/message/${sent.id}`, { title: `${tag} meanwhile` });
      await stage.server.send(application.token, { title: `${tag} after`, message: "later" });
      await page.getByRole("heading", { name: `${tag} after` }).waitFor({ timeout: 30_000 });
      await page.getByRole("heading", { name: `${tag} meanwhile` }).waitFor();
      expect(await page.getByRole("heading", { name: `${tag} changed` }).count()).toBe(0);
      await visitor.leave();
    });

    it("shows the time at which a message is deleted, and leaves it out afterwards", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      await visitor.login();
      await page.getByText("Live: new messages").waitFor();
      const within = (ms: number) => new Date(Date.now() + ms).toISOString();
      const [soon, later] = [`soon ${width.name}`, `later ${width.name}`];
      await stage.server.send(application.token, { title: soon, message: "x", expiresAt: within(5000) });
      await stage.server.send(application.token, { title: later, message: "x", expiresAt: within(7_500_000) });
      await page.getByRole("article", { name: later }).getByText("Deleted in 2 hours").waitFor();
      await page.getByRole("article", { name: soon }).waitFor({ state: "detached" });
      expect(await page.getByRole("article", { name: later }).count()).toBe(1);
      await visitor.leave();
    });

    it("notifies of messages when it is asked to and nobody looks at it", async () => {
      const visitor = await stage.come(width);
      const { page, context } = visitor;
      await context.grantPermissions(["notifications"], { origin: stage.server.url });
      await visitor.login("admin", undefined, "/settings");
      await page.getByText("Show notifications of this browser").click();
      await page.getByRole("switch", { name: /Show notifications/ }).and(page.locator(":checked")).waitFor();
      await visitor.go("Messages");
      await page.getByText("Live: new messages").waitFor();
      const seen = `seen ${width.name}`;
      await stage.server.send(application.token, { title: seen, message: "looked at" });
      await page.getByRole("article", { name: seen }).waitFor();
      await visitor.hide();
      const unseen = `unseen ${width.name}`;
      await stage.server.send(application.token, { title: unseen, message: "x".repeat(400) });
      expect(await visitor.notifications("/page/")).toEqual([
        { title: unseen, body: `${"x".repeat(300)}…`, icon: "/page/icon.svg" },
      ]);
      await visitor.leave();
    });

    it("shows Markdown, images, links and priorities as Gotify's clients do", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      const title = `rich ${width.name}`;
      await stage.server.send(application.token, {
        title,
        message: "Some **bold** text\n\n- one\n- two\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n| | |\n| - | - |\n| no | heading |\n\n`code`",
        priority: 8,
        extras: {
          "client::display": { contentType: "text/markdown" },
          "client::notification": {
            click: { url: "https://example.org/clicked" },
            bigImageUrl: `${stage.server.url}/static/defaultapp.png`,
          },
        },
      });
      await stage.server.send(other.token, { title: `plain ${width.name}`, message: "**not bold** <b>nor this</b>", priority: 5 });
      await visitor.login();
      const rich = page.getByRole("article", { name: title });
      await rich.getByText("bold", { exact: true }).waitFor();
      expect(await rich.locator("strong").innerText()).toBe("bold");
      expect(await rich.getByRole("link", { name: title }).getAttribute("href")).toBe("https://example.org/clicked");
      expect(await rich.locator("img.message-image").count()).toBe(1);
      await rich.getByText("Priority 8").waitFor();
      const plain = page.getByRole("article", { name: `plain ${width.name}` });
      await plain.getByText("**not bold** <b>nor this</b>").waitFor();
      await visitor.look("messages");

      await page.getByLabel("Search messages").fill(`plain ${width.name}`);
      await page.getByText(/^1 of /).waitFor();
      await page.getByLabel("Search messages").fill("there is no such text");
      await page.getByText("No message has this text").waitFor();
      await page.getByLabel("Search messages").fill("");
      await page.getByRole("button", { name: /Application/ }).click();
      await page.getByRole("option", { name: "Weather" }).click();
      await page.getByRole("heading", { name: "Weather", level: 1 }).waitFor();
      expect(await page.getByRole("article", { name: title }).count()).toBe(0);
      await visitor.leave();
    });

    it("deletes with undo", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      const title = `delete ${width.name}`;
      const { id } = await stage.server.send(application.token, { title, message: "me" });
      await visitor.login();
      const message = page.getByRole("article", { name: title });
      await message.getByRole("button", { name: "Delete" }).click();
      await message.waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Undo" }).click();
      await message.waitFor();
      await message.getByRole("button", { name: "Delete" }).click();
      await message.waitFor({ state: "detached" });
      await visitor.dismiss();
      await expect
        .poll(async () => {
          const { messages } = await stage.server.ask<{ messages: { id: number }[] }>("GET", "/message");
          return messages.some((one) => one.id === id);
        })
        .toBe(false);
      await visitor.leave();
    });

    it("lays out long, right-to-left and unusual text", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      const lines = Array.from({ length: 7000 }, (_, line) => `line ${line}`).join("\n");
      // One of them has no line to break.
      await stage.server.send(application.token, { title: `huge ${width.name}`, message: "word ".repeat(210_000) });
      await stage.server.send(application.token, { title: `unbroken ${width.name}`, message: "x".repeat(1_050_000) });
      await stage.server.send(application.token, {
        title: `huge Markdown ${width.name}`,
        message: "**bold** and [link](https://example.org/)\n\n".repeat(25_000),
        extras: { "client::display": { contentType: "text/markdown" } },
      });
      await stage.server.send(application.token, { title: `long ${width.name}`, message: lines });
      await stage.server.send(application.token, {
        title: `مرحبا بالعالم ${width.name}`,
        message: `שלום עולם 👩‍👩‍👧‍👦🇺🇳 ${"x".repeat(3000)}`,
      });
      await visitor.login();
      const long = page.getByRole("article", { name: `long ${width.name}` });
      await long.getByRole("button", { name: "Show all" }).click();
      await long.getByRole("button", { name: "Show less" }).waitFor();
      expect((await long.innerText()).split("\n").length).toBeGreaterThan(7000);
      await long.getByRole("button", { name: "Show less" }).click();
      await expect.poll(async () => (await long.boundingBox())?.height ?? 0).toBeLessThan(500);
      await visitor.look("messages-unusual");
      // The folded message may be far down, and only articles near the window are in the document.
      await page.evaluate(() => scrollTo(0, 0));
      const arabic = page.getByRole("article", { name: `مرحبا بالعالم ${width.name}` });
      expect(await arabic.locator(".plain-text").evaluate((text) => getComputedStyle(text).direction)).toBe("rtl");
      expect(await arabic.locator(".plain-text").innerText()).toContain("👩‍👩‍👧‍👦🇺🇳");
      for (const title of ["huge", "unbroken", "huge Markdown"]) {
        const huge = page.getByRole("article", { name: `${title} ${width.name}`, exact: true });
        await huge.scrollIntoViewIfNeeded();
        const began = Date.now();
        await huge.getByRole("button", { name: "Show all" }).click();
        await huge.getByRole("button", { name: "Show less" }).waitFor();
        console.log(`${title}: a message of 1 MB is opened in ${Date.now() - began} ms (${width.name})`);
        expect((await huge.locator(".clamp").textContent())?.length).toBeGreaterThan(1_000_000);
        await page.keyboard.press("Enter");
        await huge.getByRole("button", { name: "Show all" }).waitFor();
      }
      await visitor.leave();
    });

    it("goes from message to message by keyboard, and deletes all", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      await stage.server.send(application.token, { title: `key one ${width.name}`, message: "1" });
      await stage.server.send(application.token, { title: `key two ${width.name}`, message: "2" });
      await visitor.login();
      await page.getByRole("article", { name: `key two ${width.name}` }).focus();
      await page.keyboard.press("PageDown");
      await expect
        .poll(() => page.evaluate(() => document.activeElement?.querySelector("h2")?.textContent))
        .toBe(`key one ${width.name}`);
      await page.getByRole("button", { name: "Delete all" }).click();
      await visitor.look("confirm");
      await page.getByRole("alertdialog").getByRole("button", { name: "Delete all" }).click();
      await page.getByText("No messages", { exact: true }).waitFor();
      await visitor.look("messages-empty");
      await visitor.leave();
    });
  });
});
