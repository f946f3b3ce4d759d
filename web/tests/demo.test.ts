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
  let shown: { url: string; user: string; password: string };

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
      await visitor.look(`demo-plugin-${index + 1}`);
      const configuration = page.getByRole("link", { name: "Configuration", exact: true });
      if ((await configuration.count()) === 0) continue;
      await configuration.click();
      await page.getByRole("heading", { name: "Configuration" }).waitFor();
      expect(await page.getByText("This value has no form").count()).toBe(0);
      await visitor.look(`demo-configuration-${index + 1}`);
    }
    await visitor.leave();
  });
});
