import { existsSync } from "node:fs";

import { expect, it } from "vitest";

import { flow, stage } from "./support/suite";

const MORE = 'Want.timers("It wakes up to shout.")';

stage("administration", (stage) => {
  flow("administration", (width) => {
    const id = `org.example.${width.name}`;
    const named = { "org.example.shout": id, 'name="Shout"': `name="Shout ${width.name}"` };

    it("installs a dropped plugin, and says what is wrong with one that is none", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      await visitor.login();
      await visitor.go("Installed plugins");
      if (width.name === "desktop") {
        await page.getByText("No plugins installed").waitFor();
        await visitor.look("administration-empty");
      }
      await page.locator(".drop input[type=file]").waitFor({ state: "attached" });
      await visitor.drop(".drop", stage.server.python("shout", named, width.name));
      await page.getByRole("heading", { name: `Shout ${width.name}`, level: 1 }).waitFor();
      await page.getByText("Next steps").waitFor();
      await page.getByRole("link", { name: "Decide about the permission" }).waitFor();
      await page.getByRole("link", { name: "Enable it for yourself" }).waitFor();
      await visitor.dismiss();
      await visitor.look("administration-plugin");

      await visitor.open("/administration");
      await page.getByRole("link", { name: new RegExp(`Shout ${width.name}`) }).waitFor();
      const chooser = page.waitForEvent("filechooser");
      await page.getByRole("button", { name: "Choose a file" }).click();
      await (await chooser).setFiles({ name: "none.wasm", mimeType: "application/wasm", buffer: Buffer.from("nothing") });
      await page.getByText("The plugin was not installed").waitFor();
      await page.getByText("Next step").waitFor();
      await visitor.look("administration");
      await visitor.leave();
    });

    it("lists the plugins that come with Mortise, and copies the command that installs one", async () => {
      const visitor = await stage.come(width);
      const { page, context } = visitor;
      await context.grantPermissions(["clipboard-read", "clipboard-write"], {
        origin: new URL(stage.server.url).origin,
      });
      // An installed one, of each width its own: the server is the same.
      const [mine, name] = width.name === "desktop" ? ["io.mortise.mail", "Mail"] : ["io.mortise.mqtt", "MQTT"];
      const as = { "org.example.shout": mine, 'name="Shout"': `name="${name}"` };
      await stage.server.install(stage.server.python("shout", as, `catalogue-${width.name}`));
      await visitor.login("admin", undefined, "/administration");
      const catalogue = page.getByRole("region", { name: "Plugins that come with Mortise" });
      const offer = (name: string) =>
        catalogue.getByRole("listitem").filter({ has: page.getByRole("heading", { name, level: 4, exact: true }) });
      await catalogue.locator("summary").waitFor();
      expect(await offer("Digest").count()).toBe(0);
      await catalogue.locator("summary").focus();
      await page.keyboard.press("Enter");
      await offer("Digest").getByText("Python, runs as a component").waitFor();
      await offer("Digest").getByText("See, change and drop your messages before they are stored").waitFor();
      await offer(name).getByText("Installed", { exact: true }).waitFor();
      await offer(name).getByRole("link", { name: `Show ${name}` }).waitFor();
      expect(await offer(name).getByRole("button").count()).toBe(0);
      await visitor.look("catalogue");

      const search = catalogue.getByRole("searchbox", { name: "Search by name or purpose" });
      await search.fill("no such plugin");
      await catalogue.getByText("No plugin matches").waitFor();
      await search.fill("low priority");
      await catalogue.getByText("1 plugin", { exact: true }).waitFor();
      expect(await catalogue.getByRole("heading", { level: 4 }).allInnerTexts()).toEqual(["Digest"]);
      await visitor.look("catalogue-search");
      const copy = offer("Digest").getByRole("button", { name: "Copy command for Digest" });
      await copy.click();
      await copy.getByText("Copied").waitFor();
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
        "cd examples/digest && mortise plugin build && mortise plugin install dist/digest.wasm",
      );
      await visitor.leave();
    });

    it("grants and revokes permissions one by one and all at once", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      await visitor.login("admin", undefined, `/administration/plugins/${id}/permissions`);
      const webhook = page.getByRole("listitem").filter({ hasText: "Be reachable by HTTP" });
      await webhook.getByText("Other programs ask it for a message.").waitFor();
      await webhook.getByRole("button", { name: "Grant" }).click();
      await webhook.getByText("Granted", { exact: true }).waitFor();
      await webhook.getByRole("button", { name: "Revoke" }).click();
      await webhook.getByText("Not granted").waitFor();
      await visitor.look("permissions");
      await page.getByRole("button", { name: "Grant all as asked" }).click();
      await webhook.getByText("Granted", { exact: true }).waitFor();
      await visitor.leave();
    });

    it("holds a version that asks for more until it is approved, before two administrators", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      const second = await stage.come(width);
      const at = `/administration/plugins/${id}`;
      await visitor.login("admin", undefined, at);
      await second.login("admin", undefined, at);
      const plugin = await stage.server.plugin(id);
      await stage.server.ask("POST", `/plugin/${plugin.id}/enable`);
      const { token } = await stage.server.application(`backup ${width.name}`);
      await stage.server.send(token, { title: "loud", message: "done" });
      await stage.server.send(token, { title: "quiet", message: "keep me" });
      const more = {
        ...named,
        '"1.0.0"': '"2.0.0"',
        "MORE = []": `MORE = [${MORE}]`,
        "return Keep()": 'return Drop("it is quiet")',
      };
      await stage.server.install(stage.server.python("shout", more, `${width.name}-2`));
      await page.getByRole("heading", { name: "Version 2.0.0 asks for more" }).waitFor();
      await second.page.getByRole("heading", { name: "Version 2.0.0 asks for more" }).waitFor();
      await page.getByText("It wakes up to shout.").waitFor();
      await visitor.look("pending");
      await page.getByRole("button", { name: "Try it on your messages" }).click();
      await page.getByText("It decides differently about 1 of 2 messages.").waitFor();
      const difference = page.getByRole("list", { name: "Differences" }).getByRole("listitem");
      await difference.getByText("Kept unchanged").waitFor();
      await difference.getByText("it is quiet").waitFor();
      await visitor.look("pending-trial");
      await page.getByRole("button", { name: "Approve and grant" }).click();
      await page.getByText("Version 2.0.0 ·").waitFor();
      await second.page.getByText("Version 2.0.0 ·").waitFor();
      await page.getByRole("button", { name: "Roll back" }).click();
      await page.getByRole("alertdialog").getByRole("button", { name: "Roll back" }).click();
      await page.getByText("Version 1.0.0 ·").waitFor();
      await second.leave();
      await visitor.leave();
    });

    it("shows the doctor's findings, limits, log, denials and the audit log", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      const plugin = await stage.server.plugin(id);
      await stage.server.ask("POST", `/plugin/${plugin.id}/enable`).catch(() => undefined);
      await stage.server.ask("POST", `/admin/plugins/${id}/revoke`, { permissions: ["webhook"] });
      await visitor.login("admin", undefined, `/administration/plugins/${id}/doctor`);
      const fix = page.getByRole("listitem").filter({ hasText: "--as-asked" }).getByRole("button", { name: "Fix it" });
      await fix.waitFor();
      await visitor.look("doctor");
      await fix.click();
      await fix.waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Check again" }).click();
      await page.getByText("No problems found").waitFor();
      await page.getByRole("link", { name: "Limits" }).click();
      await page.getByRole("button", { name: /Messages per minute/ }).click();
      await page.getByLabel(/At most/).fill("7");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("7, by default 120").waitFor();
      await visitor.look("limits");
      await page.getByRole("link", { name: "Log", exact: true }).click();
      await visitor.look("administration-log");
      await page.getByRole("link", { name: "Denials" }).click();
      await visitor.look("administration-denials");
      await page.getByRole("link", { name: "Audit", exact: true }).click();
      await page.getByRole("cell", { name: "installed" }).first().waitFor();
      await visitor.look("audit");
      await visitor.leave();
    });

    it("keeps trusted keys, and uninstalls", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      await visitor.login();
      await visitor.go("Trusted keys");
      await page.getByRole("button", { name: "Add a key" }).click();
      await page.getByLabel("Name").fill("Frank");
      await page.getByLabel("Public key").fill("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3");
      await page.getByRole("button", { name: "Add", exact: true }).click();
      await page.getByText("Frank", { exact: true }).waitFor();
      await visitor.look("keys");
      await page.getByRole("button", { name: "Remove the key of Frank" }).click();
      await page.getByRole("alertdialog").getByRole("button", { name: "Remove" }).click();
      await page.getByText("Frank", { exact: true }).waitFor({ state: "detached" });
      await visitor.open(`/administration/plugins/${id}`);
      await page.getByRole("button", { name: "Uninstall…" }).click();
      await page.getByRole("alertdialog").getByRole("button", { name: "Uninstall" }).click();
      await page.getByRole("heading", { name: "Installed plugins" }).waitFor();
      await page.getByRole("link", { name: new RegExp(`Shout ${width.name}`) }).waitFor({ state: "detached" });
      await visitor.leave();
    });
  });

  // A component and a program in other languages, where they are built.
  for (const [language, file] of [
    ["Rust", process.env.MORTISE_TEST_RUST_PLUGIN],
    ["Go", process.env.MORTISE_TEST_GO_PLUGIN],
  ] as const) {
    it.runIf(file && existsSync(file))(`installs and enables a plugin in ${language}`, async () => {
      const visitor = await stage.come();
      const { page } = visitor;
      await visitor.login("admin", undefined, "/administration");
      const chooser = page.waitForEvent("filechooser");
      await page.getByRole("button", { name: "Choose a file" }).click();
      await (await chooser).setFiles(file ?? "");
      // A component is compiled first, which takes long in a build for development.
      await page.getByRole("heading", { name: "Version", exact: true }).waitFor({ timeout: 100_000 });
      const name = await page.getByRole("heading", { level: 1 }).innerText();
      await visitor.go("Plugins");
      await page.getByRole("link", { name }).click();
      await page.getByRole("button", { name: "Enable…" }).click();
      await page.getByRole("alertdialog").getByRole("button", { name: /nable$/ }).click();
      await page.getByRole("button", { name: "Disable" }).waitFor();
      expect(await page.getByRole("heading", { level: 1 }).innerText()).toBe(name);
      await visitor.leave();
    });
  }
});
