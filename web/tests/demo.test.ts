import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { launch, Visitor, WIDTHS } from "./support/browser";
import { ROOT } from "./support/server";

/** The program that `cargo xtask demo` runs. */
const XTASK = process.env.MORTISE_TEST_XTASK;
const PLUGINS = ["Alertmanager", "Clock", "Forward", "JSON hook", "Rules", "Uptime"];

describe.runIf(XTASK && existsSync(XTASK))("the demo", () => {
  const data = mkdtempSync(join(tmpdir(), "mortise-demo-"));
  let demo: ChildProcess;
  let browser: Browser;
  let shown: { url: string; user: string; password: string; app_token: string; drop: string[] };

  beforeAll(async () => {
    demo = spawn(XTASK ?? "", ["demo", "--json", "--port", "0", "--data-dir", data], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "inherit"],
    });
    shown = await new Promise((done, fail) => {
      demo.once("exit", (code) => fail(new Error(`the demo ended with ${code} before it was ready`)));
      createInterface({ input: demo.stdout as NodeJS.ReadableStream }).once("line", (line) => done(JSON.parse(line)));
    });
    browser = await launch();
  }, 900_000);

  afterAll(async () => {
    await browser?.close();
    if (demo && demo.exitCode === null) {
      const ended = new Promise((done) => demo.once("exit", done));
      demo.kill("SIGTERM");
      await ended;
    }
    rmSync(data, { recursive: true, force: true });
  });

  it.each(WIDTHS)("shows a message before and after a filter, and six plugins, $name", async (width) => {
    const visitor = await Visitor.come(browser, shown, width);
    const { page } = visitor;
    await visitor.login(shown.user, shown.password);
    const message = page.getByRole("article", { name: "[error] nightly backup" });
    await message.getByText("/srv is 98 % full").waitFor();
    await visitor.look("demo-messages");
    await message.getByRole("button", { name: /Trace/ }).click();
    const step = page.getByRole("dialog", { name: "Trace" }).getByRole("listitem").filter({ hasText: "Rules" });
    await step.getByText("Changed", { exact: true }).waitFor();
    expect((await step.locator("ins").allInnerTexts()).join("")).toContain("[error]");
    expect((await step.locator("del").allInnerTexts()).join("")).toContain("ERROR");
    await visitor.look("demo-trace");
    await page.keyboard.press("Escape");

    await visitor.go("Plugins");
    const list = page.getByRole("navigation", { name: "Plugins", exact: true }).getByRole("link");
    await expect.poll(() => list.count()).toBe(PLUGINS.length);
    await visitor.look("demo-plugins");
    const addresses = await list.evaluateAll((links) => links.map((link) => link.getAttribute("href") ?? ""));
    for (const [index, name] of PLUGINS.entries()) {
      await visitor.open(addresses[index] ?? "");
      await page.getByRole("heading", { name, level: 1 }).waitFor();
      await page.getByText("On", { exact: true }).first().waitFor();
      if (name === "Clock") await page.getByRole("heading", { name: "Timers" }).waitFor();
      await visitor.look(`demo-plugin-${index + 1}`);
      const configuration = page.getByRole("link", { name: "Configuration", exact: true });
      if ((await configuration.count()) === 0) continue;
      await configuration.click();
      await page.getByRole("heading", { name: "Configuration" }).waitFor();
      expect(await page.getByText("This value has no form").count()).toBe(0);
      await visitor.look(`demo-configuration-${index + 1}`);
      if (name !== "Rules") continue;
      await page.getByLabel("Name", { exact: true }).first().fill(`errors, ${width.name}`);
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("The configuration is saved").waitFor();
      await visitor.dismiss();
    }
    await visitor.leave();
  });

  it.each(WIDTHS)("installs a plugin and its next version without the command line, $name", async (width) => {
    const [first = "", second = ""] = shown.drop;
    const visitor = await Visitor.come(browser, shown, width);
    const { page } = visitor;
    await visitor.login(shown.user, shown.password, "/administration");
    await page.locator(".drop input[type=file]").waitFor({ state: "attached" });
    await visitor.drop(".drop", first);
    await page.getByRole("heading", { name: "Shout", level: 1 }).waitFor();
    await page.getByRole("link", { name: "Enable it for yourself" }).click();
    await page.getByRole("heading", { name: "About" }).waitFor();
    // It has one, and does not ask to be reachable before its next version.
    expect(await page.getByRole("heading", { name: "Webhook" }).count()).toBe(0);
    await page.getByRole("button", { name: "Enable…" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: /nable$/ }).click();
    await page.getByRole("button", { name: "Disable" }).waitFor();

    // It does what it may, and is denied the rest.
    const title = `loud ${width.name}`;
    const message = { title, message: "x" };
    const sent = await fetch(`${shown.url}/message`, {
      method: "POST",
      headers: { "x-gotify-key": shown.app_token, "content-type": "application/json" },
      body: JSON.stringify(message),
    });
    expect(sent.status).toBe(200);
    await page.getByRole("link", { name: "Denials" }).click();
    await page.getByRole("cell", { name: "timers" }).waitFor();
    await visitor.look("demo-denials");
    await visitor.go("Messages");
    await page.getByRole("article", { name: title.toUpperCase() }).waitFor();

    await visitor.go("Installed plugins");
    await page.getByRole("main").getByRole("link", { name: "Shout" }).click();
    await page.getByRole("link", { name: "Permissions", exact: true }).click();
    await page.getByText("It begins to count anew each hour.").waitFor();
    await page.getByRole("button", { name: "Grant", exact: true }).click();
    await page.getByText("Granted", { exact: true }).first().waitFor();

    await visitor.go("Installed plugins");
    await visitor.drop(".drop", second);
    await page.getByRole("heading", { name: "Version 1.1.0 asks for more" }).waitFor();
    await page.getByText("Shout 1.1.0 waits for your approval").waitFor();
    await page.getByText("Other programs ask it for the count.").waitFor();
    await visitor.look("demo-pending");
    await page.getByRole("button", { name: "Approve and grant" }).click();
    await page.getByText("Version 1.1.0 ·").waitFor();
    await page.getByRole("button", { name: "Uninstall…" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Uninstall" }).click();
    await page.getByRole("heading", { name: "Installed plugins" }).waitFor();
    await visitor.leave();
  });
});
