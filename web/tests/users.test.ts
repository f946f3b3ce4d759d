import { expect, it } from "vitest";

import { flow, stage } from "./support/suite";

stage("users", (stage) => {
  flow("users", (width) => {
    it("creates, changes and deletes a user, who sees no administration", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      const name = `ann-${width.name}`;
      await visitor.login();
      await visitor.go("Users");
      await page.getByRole("button", { name: "Create user" }).click();
      await page.getByLabel("Name").fill(name);
      await page.getByLabel("Password").fill("first password");
      await page.getByRole("button", { name: "Create", exact: true }).click();
      await page.getByText(name, { exact: true }).waitFor();
      await visitor.look("users");

      const ann = await stage.come(width);
      await ann.login(name, "first password");
      await ann.go("Settings");
      await ann.page.getByLabel("New password", { exact: true }).fill("second password");
      await ann.page.getByLabel("New password again").fill("third password");
      await ann.page.getByRole("button", { name: "Change password" }).click();
      await ann.page.getByText("The two passwords differ.").waitFor();
      await ann.page.getByLabel("New password again").fill("second password");
      await ann.page.getByRole("button", { name: "Change password" }).click();
      await ann.page.getByText("The password is changed").waitFor();
      await ann.look("settings");
      if (width.name === "desktop") {
        await ann.page.getByRole("link", { name: "Plugins" }).waitFor();
        if ((await ann.page.getByRole("link", { name: "Users" }).count()) > 0) throw new Error("ann sees Users");
      }
      await ann.leave();

      await page.getByRole("button", { name: `Edit ${name}` }).click();
      await page.getByText("Administrator: may install").click();
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("listitem").filter({ hasText: name }).getByText("Administrator").waitFor();
      await page.getByRole("button", { name: `Delete ${name}` }).click();
      await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
      await page.getByText(name, { exact: true }).waitFor({ state: "detached" });
      await visitor.leave();
    });

    it("sets the time zone of timers, also to the browser's", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      const saved = async () =>
        (await stage.server.ask<{ timeZone: string }>("GET", "/current/user/timezone")).timeZone;
      await visitor.login("admin", undefined, "/settings");
      const own = await page.evaluate(() => Intl.DateTimeFormat().resolvedOptions().timeZone);
      const zone = page.getByLabel("Time zone of timers");
      await zone.selectOption({ label: "Pacific/Chatham" });
      await page.getByText("The time zone is changed").waitFor();
      expect(await saved()).toBe("Pacific/Chatham");
      await page.reload();
      await page.getByText(`This browser's time zone is ${own}.`).waitFor();
      expect(await zone.inputValue()).toBe("Pacific/Chatham");
      await visitor.look("settings-time-zone");
      await page.getByRole("button", { name: `Use ${own}` }).click();
      await expect.poll(saved).toBe(own);
      await page.getByRole("button", { name: `Use ${own}` }).waitFor({ state: "detached" });
      await zone.selectOption({ label: "The server's time zone" });
      await expect.poll(saved).toBe("");
      await visitor.leave();
    });
  });
});
