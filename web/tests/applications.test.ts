import { join } from "node:path";

import { expect, it } from "vitest";

import { ROOT } from "./support/server";
import { flow, stage } from "./support/suite";

stage("applications", (stage) => {
  flow("applications", (width) => {
    const name = (text: string) => `${text} ${width.name}`;

    it("creates an application, shows its token once, and sends with it", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      await visitor.login();
      await visitor.go("Applications");
      if (width.name === "desktop") {
        await page.getByText("No applications yet").waitFor();
        await visitor.look("applications-empty");
      }
      await page.getByRole("button", { name: "Create application" }).click();
      await page.getByLabel("Name").fill(name("Server"));
      await page.getByLabel("Description").fill("What the server says");
      await visitor.look("application-form");
      await page.getByRole("button", { name: "Create", exact: true }).click();
      const token = (await page.getByRole("textbox", { name: "token" }).innerText()).trim();
      await visitor.look("application-token");
      await page.getByRole("button", { name: "Done" }).click();
      await stage.server.send(token, { title: "first", message: "sent with it" });
      await page.getByText("What the server says").first().waitFor();
      await page.reload();
      expect(await page.getByText(token).count()).toBe(0);
      await visitor.leave();
    });

    it("changes it, gives it an image, and replaces its token", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      const { token } = await stage.server.application(name("Changing"));
      await visitor.login("admin", undefined, "/applications");
      await page.getByRole("button", { name: `Edit ${name("Changing")}` }).click();
      await page.getByLabel("Name").fill(name("Changed"));
      await page.getByLabel("Default priority").fill("7");
      await page.getByLabel("Days to keep messages").fill("30");
      await page.getByLabel("Messages to keep").fill("500");
      await visitor.look("application-edited");
      await page.getByRole("button", { name: "Save" }).click();
      const row = page.getByRole("row", { name: name("Changed") });
      await row.getByText("Priority 7").waitFor();
      await row.getByText("keeps messages for 30 days · keeps the 500 newest").waitFor();
      const png = Buffer.from(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
        "base64",
      );
      const chooser = page.waitForEvent("filechooser");
      await row.getByRole("button", { name: "Change the image" }).click();
      await (await chooser).setFiles({ name: "a.png", mimeType: "image/png", buffer: png });
      await expect.poll(() => row.locator("img").getAttribute("src")).toMatch(/^\/image\//);
      const chosen = await row.locator("img").getAttribute("src");
      await visitor.drop(`[role=row][aria-label="${name("Changed")}"] .app-drop`, join(ROOT, "server/src/api/application.png"));
      await expect.poll(() => row.locator("img").getAttribute("src")).not.toBe(chosen);
      await visitor.dismiss();
      await row.getByRole("button", { name: "New token" }).click();
      await page.getByRole("alertdialog").getByRole("button", { name: "Replace token" }).click();
      const replaced = (await page.getByRole("textbox", { name: "token" }).innerText()).trim();
      expect(replaced).not.toBe(token);
      await expect(stage.server.send(token, { message: "old" })).rejects.toThrow();
      await stage.server.send(replaced, { message: "new" });
      await visitor.leave();
    });

    it("sorts by keyboard and by drag, and deletes", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      await stage.server.application(name("Alpha"));
      await stage.server.application(name("Omega"));
      await visitor.login("admin", undefined, "/applications");
      const names = () => page.getByRole("grid", { name: "Applications" }).locator(".row-title a").allInnerTexts();
      await page.getByRole("button", { name: `Move ${name("Omega")}` }).waitFor();
      const before = await names();
      await visitor.move(name("Omega"), "Insert before");
      await expect.poll(async () => (await names()).indexOf(name("Omega"))).toBeLessThan(before.indexOf(name("Omega")));
      await expect
        .poll(async () => {
          const list = await stage.server.ask<{ name: string; sortKey: string }[]>("GET", "/application");
          return list.sort((a, b) => (a.sortKey < b.sortKey ? -1 : 1))[0]?.name;
        })
        .toBe(name("Omega"));
      await page.reload();
      await expect.poll(async () => (await names()).indexOf(name("Omega"))).toBeLessThan(before.indexOf(name("Omega")));
      await visitor.look("applications");
      expect((await names())[0]).toBe(name("Omega"));
      const second = (await names())[1] ?? "";
      await visitor.drag(`Move ${name("Omega")}`, page.getByRole("row", { name: second, exact: true }));
      await expect.poll(async () => (await names()).slice(0, 2)).toEqual([second, name("Omega")]);
      await page.getByRole("button", { name: `Delete ${name("Omega")}` }).click();
      await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
      await page.getByRole("row", { name: name("Omega") }).waitFor({ state: "detached" });
      await visitor.leave();
    });
  });
});
