import { beforeAll, expect, it } from "vitest";

import { flow, stage } from "./support/suite";

const SHOUT = "org.example.shout";
const WAKES = "org.example.wakes";

stage(
  "plugins",
  (stage) => {
    let application: { id: number; token: string };
    beforeAll(async () => {
      application = await stage.server.application("Backup");
    });

    flow("plugins", (width) => {
      it("enables a plugin after showing what it asks for", async () => {
        const visitor = await stage.come(width);
        const { page } = visitor;
        const plugin = await stage.server.plugin(SHOUT);
        if (plugin.enabled) await stage.server.ask("POST", `/plugin/${plugin.id}/disable`);
        await visitor.login();
        await visitor.go("Plugins");
        await visitor.look("plugins");
        await page.getByRole("link", { name: /Shout/ }).click();
        await page.getByRole("button", { name: "Enable…" }).click();
        const consent = page.getByRole("alertdialog");
        await consent.getByText("See, change and drop your messages").waitFor();
        await consent.getByText("It puts titles in capitals.").waitFor();
        await consent.getByText("The administrator decides about").waitFor();
        await visitor.look("consent");
        await consent.getByRole("button", { name: "Agree and enable" }).click();
        await page.getByRole("button", { name: "Disable" }).waitFor();
        await page.getByRole("heading", { name: "Display" }).waitFor();
        await visitor.dismiss();
        await visitor.look("plugin");
        await visitor.leave();
      });

      it("configures it with a form, and in the text with its comments", async () => {
        const visitor = await stage.come(width);
        const { page } = visitor;
        const { id } = await stage.server.plugin(SHOUT);
        await stage.server.ask("POST", `/plugin/${id}/enable`).catch(() => undefined);
        const suffix = `?${width.name.slice(0, 1)}!`;
        await visitor.login("admin", undefined, `/plugins/${id}/configuration`);
        await page.getByRole("tab", { name: "Form" }).click();
        await page.getByLabel("Suffix").fill(suffix);
        await page.getByLabel("Level").selectOption({ label: "high" });
        await page.getByRole("button", { name: "Add to Words" }).click();
        await page.getByRole("group", { name: "Item 1" }).getByRole("textbox").fill("hush");
        await page.getByLabel("Password").fill("secret");
        await page.getByLabel("Style").selectOption({ label: width.name === "desktop" ? "fancy" : "plain: Capitals and nothing else." });
        await page.getByLabel("At most").fill("7");
        if (width.name === "desktop") {
          await page.getByRole("button", { name: "Add an entry" }).click();
          const entry = page.getByRole("group", { name: /^Entry/ });
          await entry.getByLabel("Value").fill("ahoy");
          await entry.getByLabel("Name").fill("hello");
          await entry.getByLabel("Name").press("Tab");
          await page.getByRole("group", { name: "Entry hello" }).waitFor();
        } else {
          await page.getByRole("button", { name: "Remove the entry hello" }).click();
        }
        await visitor.look("configuration-form");
        await page.getByRole("button", { name: "Save" }).click();
        await page.getByText("The configuration is saved").waitFor();
        const saved = await stage.server.ask<string>("GET", `/plugin/${id}/config`);
        expect(saved).toContain("# Kept as it is.");
        expect(saved).toContain(suffix);
        expect(saved).toMatch(/suffix: \S+   # behind the title/);
        expect(saved).toContain("level: high");
        expect(saved).toContain("hush");
        expect(saved).toContain("secret");
        expect(saved).toContain(`style: ${width.name === "desktop" ? "fancy" : "plain"}`);
        expect(saved).toContain("at_most: 7");
        expect(saved.includes("hello: ahoy")).toBe(width.name === "desktop");

        await page.reload();
        await page.getByRole("tab", { name: "Form" }).click();
        expect(await page.getByLabel("Password").inputValue()).toBe("");
        await page.getByLabel("Times").fill("9");
        await page.getByText(/line 5/i).first().waitFor();
        await page.getByRole("tab", { name: "Text" }).click();
        await page.getByRole("textbox", { name: "Configuration as text" }).waitFor();
        await visitor.look("configuration-text");
        await page.getByRole("link", { name: "Log", exact: true }).click();
        const leaving = page.getByRole("alertdialog", { name: "Leave without saving?" });
        await leaving.getByRole("button", { name: "Cancel" }).click();
        await page.getByRole("textbox", { name: "Configuration as text" }).waitFor();
        await page.getByRole("button", { name: "Discard changes" }).click();
        await page.getByText(/problem/).waitFor({ state: "detached" });
        await visitor.leave();
      });

      it("shows the webhook with a command, the log, denials and dead letters", async () => {
        const visitor = await stage.come(width);
        const { page } = visitor;
        const { id } = await stage.server.plugin(SHOUT);
        await stage.server.ask("POST", `/plugin/${id}/enable`).catch(() => undefined);
        await stage.server.ask("POST", `/admin/plugins/${SHOUT}/grant`, { asAsked: true });
        await visitor.login("admin", undefined, `/plugins/${id}`);
        const address = (await page.getByRole("textbox", { name: "webhook address" }).innerText()).trim();
        const answer = await fetch(address);
        expect(await answer.text()).toBe("shouted\n");
        await page.getByRole("link", { name: "Log", exact: true }).click();
        await page.getByRole("log").getByText("it is up").first().waitFor();
        await stage.server.send(application.token, { title: `logged ${width.name}`, message: "x" });
        await page.getByRole("log").getByText(`saw logged ${width.name}`).waitFor();
        await visitor.look("plugin-log");
        await page.getByRole("link", { name: "Denials" }).click();
        await page.getByRole("cell", { name: "timers" }).waitFor();
        await visitor.look("plugin-denials");
        await page.getByRole("link", { name: "Dead letters" }).click();
        await page.getByText("No dead letters").waitFor();
        await visitor.look("plugin-dead-letters");
        await visitor.leave();
      });

      it("shows timers with their details, and the contract", async () => {
        const visitor = await stage.come(width);
        const { page } = visitor;
        const { id } = await stage.server.plugin(WAKES);
        await stage.server.ask("POST", `/admin/plugins/${WAKES}/grant`, { asAsked: true });
        await stage.server.ask("POST", `/plugin/${id}/enable`).catch(() => undefined);
        await visitor.login("admin", undefined, `/plugins/${id}`);
        const timers = page.getByRole("table", { name: "Timers" });
        await timers.getByText("0 9 * * * in Asia/Tokyo, up to 5 s later, missed ones skipped").waitFor();
        await timers.getByText("every 1 min 30 s", { exact: true }).waitFor();
        await visitor.look("plugin-timers");
        const contract = page.locator("dt:text-is('Contract') + dd");
        expect(await contract.innerText()).toMatch(/^\d+\.\d+\.\d+$/);
        await visitor.open(`/administration/plugins/${WAKES}`);
        await contract.waitFor();
        await visitor.leave();
      });

      it("shows a message's trace, and restores what a filter dropped", async () => {
        const visitor = await stage.come(width);
        const { page } = visitor;
        const { id } = await stage.server.plugin(SHOUT);
        await stage.server.ask("POST", `/plugin/${id}/enable`).catch(() => undefined);
        const title = `traced ${width.name}`;
        await stage.server.send(application.token, { title, message: "text" });
        await visitor.login();
        const message = page.getByRole("article", { name: `${title.toUpperCase()}!` });
        await message.getByRole("button", { name: /Trace/ }).click();
        const dialog = page.getByRole("dialog", { name: "Trace" });
        await dialog.getByText("Changed", { exact: true }).waitFor();
        await dialog.locator("ins").first().waitFor();
        await visitor.look("trace");
        await dialog.getByRole("button", { name: "Close" }).click();

        // The list is read before the message is dropped, and comes after it.
        const lost = `lost ${width.name}`;
        await visitor.whileOnItsWay(/\/message\/dropped\?/, () =>
          stage.server.send(application.token, { title: lost, message: "please drop me" }),
        );
        await visitor.go("Dropped");
        const dropped = page.getByRole("article", { name: lost });
        await dropped.getByText("the text asks for it").waitFor();
        await visitor.look("dropped");
        await dropped.getByRole("button", { name: "Trace" }).click();
        await page.getByRole("dialog", { name: "Trace" }).getByText("Dropped", { exact: true }).waitFor();
        await page.keyboard.press("Escape");
        await dropped.getByRole("button", { name: "Restore" }).click();
        await dropped.waitFor({ state: "detached" });
        await visitor.go("Messages");
        await page.getByRole("article", { name: lost }).waitFor();
        await visitor.leave();
      });

      it("orders filters by drag and by keyboard, and says what happens when one fails", async () => {
        const visitor = await stage.come(width);
        const { page } = visitor;
        await visitor.login("admin", undefined, "/plugins/filters");
        const names = () => page.getByRole("grid", { name: "Filters" }).locator(".row-title a").allInnerTexts();
        await expect.poll(names).toHaveLength(2);
        const before = await names();
        const last = before[1] ?? "";
        await visitor.move(last, "Insert before");
        await expect.poll(names).toEqual([...before].reverse());
        const stored = async () =>
          (await stage.server.ask<{ name: string }[]>("GET", "/plugin/filters")).map(({ name }) => name);
        await expect.poll(stored).toEqual([...before].reverse());
        await page.reload();
        await expect.poll(names).toEqual([...before].reverse());
        await visitor.drag(`Move ${last}`, page.getByRole("row", { name: before[0] ?? "", exact: true }));
        await expect.poll(names).toEqual(before);
        await expect.poll(stored).toEqual(before);
        const row = page.getByRole("row", { name: last });
        await row.getByRole("button", { name: /If it fails/ }).click();
        await page.getByRole("option", { name: "reject the message" }).click();
        await row.getByText("reject the message").first().waitFor();
        await visitor.look("filters");
        await row.getByRole("button", { name: /If it fails/ }).click();
        await page.getByRole("option", { name: "go on without it" }).click();
        await row.getByText("go on without it").first().waitFor();
        const { id } = await stage.server.application(`Only ${width.name}`);
        const applications = async () =>
          (await stage.server.ask<{ name: string; applications: number[] | null }[]>("GET", "/plugin/filters")).find(
            ({ name }) => name === last,
          )?.applications;
        await page.reload();
        await row.getByText("Sees messages of all applications").click();
        await row.getByText("All applications, also new ones").click();
        await expect.poll(applications).toContain(id);
        await row.getByText(`Only ${width.name}`, { exact: true }).click();
        await expect.poll(applications).not.toContain(id);
        await visitor.look("filters-applications");
        await row.getByText("All applications, also new ones").click();
        await expect.poll(applications).toBeNull();
        await page.getByRole("link", { name: last }).click();
        await page.getByText("It is number 2 of your 2 filters. If it fails, the message goes on without it.").waitFor();
        await visitor.leave();
      });
    });
  },
  (server) => [
    server.python("shout"),
    server.python("wakes"),
    server.python("shout", { "org.example.shout": "org.example.second", 'name="Shout"': 'name="Second"' }, "second"),
  ],
);
