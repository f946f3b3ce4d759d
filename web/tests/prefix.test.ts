import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { entrance } from "../src/lib/root";
import { type Address, Visitor, type Width, WIDTHS } from "./support/browser";
import { Proxy } from "./support/proxy";
import { PASSWORD, ROOT } from "./support/server";
import { stage } from "./support/suite";

const PREFIX = "/push";
const SHOUT = "org.example.shout";
const IMAGE = readFileSync(join(ROOT, "server/src/api/application.png"));

interface Place {
  name: string;
  options: readonly string[];
  /** Whether the proxy removes the prefix; null for a server without a proxy. */
  removes: boolean | null;
}

const PLACES: Place[] = [
  { name: "at the root of its host", options: [], removes: null },
  { name: "below a path that the proxy keeps", options: ["--path-prefix", PREFIX], removes: false },
  { name: "below a path that the proxy removes", options: ["--path-prefix", PREFIX], removes: true },
  { name: "below a path that only the proxy knows", options: [], removes: true },
];

for (const { name, options, removes } of PLACES) {
  const prefix = removes === null ? "" : PREFIX;
  stage(
    `the page ${name}`,
    (stage) => {
      let proxy: Proxy | null = null;
      let plugin: { id: number; token: string };
      /** The server as the browser and other programs see it. */
      let address: Address;
      beforeAll(async () => {
        if (removes !== null) proxy = await Proxy.start(stage.server, PREFIX, removes);
        address = proxy ?? stage.server;
        await stage.server.ask("POST", `/admin/plugins/${SHOUT}/grant`, { permissions: ["webhook"] });
        plugin = await stage.server.plugin(SHOUT);
      });
      afterAll(async () => {
        await proxy?.stop();
        // Each request of the page was below the path.
        expect(proxy?.strays ?? []).toEqual([]);
      });
      const come = (width: Width) => Visitor.come(stage.browser, address, width);
      const path = (visitor: Visitor) => new URL(visitor.page.url()).pathname;

      // A place changes addresses, and a width the views: one place is enough for both.
      describe.each(removes === false ? WIDTHS : WIDTHS.slice(0, 1))("a visit, $name", (width) => {
        it("logs in at a plugin's address, which shows its webhook and stays after a reload", async () => {
          const visitor = await come(width);
          const { page, context } = visitor;
          await visitor.login("admin", undefined, `/plugins/${plugin.id}`);
          await page.getByRole("heading", { name: "Shout" }).waitFor();
          const webhook = (await page.getByRole("textbox", { name: "webhook address" }).innerText()).trim();
          expect(webhook).toBe(`${address.url}/plugin/${plugin.id}/custom/${plugin.token}/`);
          await page.getByRole("link", { name: "Log", exact: true }).click();
          await expect.poll(() => path(visitor)).toBe(`${prefix}/plugins/${plugin.id}/log`);
          await page.reload();
          await page.getByRole("heading", { name: "Shout" }).waitFor();
          // The events of the server reach the page.
          await stage.server.ask("POST", `/plugin/${plugin.id}/enable`);
          await page.getByRole("button", { name: "Disable" }).waitFor();
          expect(await (await fetch(webhook)).text()).toBe("shouted\n");
          await stage.server.ask("POST", `/plugin/${plugin.id}/disable`);
          await page.getByRole("button", { name: "Enable…" }).waitFor();
          const [cookie] = await context.cookies(address.url);
          expect(cookie?.path).toBe(options.length > 0 ? PREFIX : "/");
          await visitor.leave();
        });

        it("shows a message of the stream with its image, notifies, and deletes", async () => {
          const visitor = await come(width);
          const { page, context } = visitor;
          const called = `Sender ${width.name}`;
          const application = await stage.server.application(called);
          const image = new FormData();
          image.append("file", new Blob([IMAGE], { type: "image/png" }), "a.png");
          const uploaded = await fetch(`${address.url}/application/${application.id}/image`, {
            method: "POST",
            headers: { authorization: `Basic ${btoa(`admin:${PASSWORD}`)}` },
            body: image,
          });
          expect(uploaded.status).toBe(200);
          await context.grantPermissions(["notifications"], { origin: new URL(address.url).origin });
          // Without the slash at the end of the path, if the document can know it.
          await visitor.login("admin", undefined, options.length > 0 ? "" : "/");
          await page.getByText("Live: new messages").waitFor();
          const send = (title: string) =>
            fetch(`${address.url}/message?token=${application.token}`, {
              method: "POST",
              body: new URLSearchParams({ title, message: "below" }),
            });
          const title = `live ${width.name}`;
          expect((await send(title)).status).toBe(200);
          const message = page.getByRole("article", { name: title });
          await message.waitFor();
          const shown = () => message.locator("img.app").evaluate((image: HTMLImageElement) => image.naturalWidth);
          await expect.poll(shown).toBeGreaterThan(0);
          expect(await message.locator("img.app").getAttribute("src")).toContain(`${prefix}/image/`);

          await visitor.go("Settings");
          await page.getByText("Show notifications of this browser").click();
          await page.getByRole("switch", { name: /Show notifications/ }).and(page.locator(":checked")).waitFor();
          await visitor.hide();
          expect((await send(`unseen ${width.name}`)).status).toBe(200);
          expect(await visitor.notifications(`${prefix}/page/`)).toEqual([
            { title: `unseen ${width.name}`, body: "below", icon: `${prefix}/page/icon.svg` },
          ]);
          const description = await page.getByRole("link", { name: "openapi.json" }).getAttribute("href");
          const described = await fetch(new URL(description ?? "", page.url()));
          expect(((await described.json()) as { info: { title: string } }).info.title).toBe("Mortise");

          // A deletion holds when the page is left before its notice is gone.
          await visitor.go("Messages");
          expect(path(visitor)).toBe(`${prefix}/`);
          await message.getByRole("button", { name: "Delete" }).click();
          await message.waitFor({ state: "detached" });
          await page.goto("about:blank");
          const left = () => stage.server.ask<{ messages: { title: string }[] }>("GET", "/message");
          await expect.poll(async () => (await left()).messages.map((one) => one.title)).not.toContain(title);
          await visitor.leave();
        });

        it("shows the command of a new token, asks for the password where it has to, and logs out", async () => {
          const visitor = await come(width);
          const { page } = visitor;
          const called = `New ${width.name}`;
          await visitor.login("admin", undefined, "/applications");
          await page.getByRole("button", { name: "Create application" }).click();
          await page.getByLabel("Name").fill(called);
          await page.getByRole("button", { name: "Create", exact: true }).click();
          const command = page.getByRole("textbox", { name: "command" });
          expect(await command.innerText()).toContain(`curl "${address.url}/message" `);
          await page.getByRole("button", { name: "Done" }).click();

          const user = await page.evaluate(
            async (prefix) => (await fetch(`${prefix}/current/user`)).json() as Promise<{ clientId: number }>,
            prefix,
          );
          await stage.server.ask("POST", `/client/${user.clientId}/elevate`, { durationSeconds: 1 });
          const status = () => page.evaluate(async (prefix) => (await fetch(`${prefix}/user`)).status, prefix);
          await expect.poll(status).toBe(403);
          await page.reload();
          await page.getByRole("button", { name: `Delete ${called}` }).click();
          await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
          const dialog = page.getByRole("dialog", { name: "Confirm your password" });
          await dialog.getByLabel("Password").fill(PASSWORD);
          await dialog.getByRole("button", { name: "Confirm" }).click();
          await page.getByRole("row", { name: called }).waitFor({ state: "detached" });

          if (width.name === "phone") await page.getByRole("button", { name: "Menu" }).click();
          await page.getByRole("button", { name: "Log out" }).click();
          await page.getByLabel("User name").waitFor();
          await visitor.open("/users");
          await page.getByLabel("User name").waitFor();
          await visitor.leave();
        });
      });

      if (options.length > 0) {
        it("moves a visitor who comes past the proxy below the path", async () => {
          const visitor = await Visitor.come(stage.browser, stage.server);
          await visitor.login("admin", undefined, `/plugins/${plugin.id}?a=b`);
          await visitor.page.getByRole("heading", { name: "Shout" }).waitFor();
          expect(visitor.page.url()).toBe(`${stage.server.url}${PREFIX}/plugins/${plugin.id}?a=b`);
          await visitor.page.reload();
          await visitor.page.getByRole("heading", { name: "Shout" }).waitFor();
          await visitor.leave();
        });
      }

      it("finds its files from an address with doubled slashes", async () => {
        const visitor = await Visitor.come(stage.browser, address);
        await visitor.login("admin", undefined, `//plugins//${plugin.id}`);
        await visitor.page.getByRole("heading", { name: "Shout" }).waitFor();
        expect(path(visitor)).toBe(`${prefix}/plugins/${plugin.id}`);
        const icon = visitor.page.locator("link[rel=icon]");
        expect(await icon.evaluate((link: HTMLLinkElement) => new URL(link.href).pathname)).toBe(`${prefix}/page/icon.svg`);
        await visitor.leave();
      });
    },
    (server) => [server.python("shout")],
    options,
  );
}

describe("the entrance of the page", () => {
  it.each([
    ["/", "/", "/"],
    ["/plugins/5", "/", "/plugins/5"],
    ["//plugins//5", "/", "/plugins/5"],
    ["/push/", "/push/", "/push/"],
    ["/push/plugins/5", "/push/", "/push/plugins/5"],
    ["/push", "/push/", "/push/"],
    ["/", "/push/", "/push/"],
    ["/plugins/5", "/push/", "/push/plugins/5"],
    ["/pushing", "/push/", "/push/pushing"],
  ])("%s of a server below %s is %s", (path, root, expected) => {
    expect(entrance(path, root)).toBe(expected);
  });
});
