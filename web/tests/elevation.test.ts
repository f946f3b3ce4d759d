import { expect, it } from "vitest";

import { PASSWORD } from "./support/server";
import { flow, stage } from "./support/suite";

stage("elevation", (stage) => {
  flow("elevation", (width) => {
    it("asks for the password where the session is not elevated, and goes on", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      const name = `Doomed ${width.name}`;
      await stage.server.application(name);
      await visitor.login();
      const { clientId } = await page.evaluate(async () => (await fetch("/current/user")).json());
      // The shortest elevation, which is over when the page is opened again.
      await stage.server.ask("POST", `/client/${clientId}/elevate`, { durationSeconds: 1 });
      await expect
        .poll(async () => page.evaluate(async () => (await fetch("/user")).status))
        .toBe(403);
      await visitor.open("/applications");
      await page.getByRole("button", { name: `Delete ${name}` }).click();
      await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
      const dialog = page.getByRole("dialog", { name: "Confirm your password" });
      await dialog.getByLabel("Password").fill("wrong");
      await dialog.getByRole("button", { name: "Confirm" }).click();
      await dialog.getByRole("alert").waitFor();
      await visitor.look("elevation");
      await dialog.getByLabel("Password").fill(PASSWORD);
      await dialog.getByRole("button", { name: "Confirm" }).click();
      await page.getByRole("row", { name }).waitFor({ state: "detached" });
      await visitor.go("Settings");
      await page.getByText("Elevated", { exact: true }).waitFor();
      await visitor.leave();
    });

    it("offers the password where a view needs an elevated session", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      await visitor.login();
      const { clientId } = await page.evaluate(async () => (await fetch("/current/user")).json());
      await stage.server.ask("POST", `/client/${clientId}/elevate`, { durationSeconds: 1 });
      await expect
        .poll(async () => page.evaluate(async () => (await fetch("/user")).status))
        .toBe(403);
      await visitor.open("/users");
      await page.getByRole("button", { name: "Confirm with password" }).click();
      const dialog = page.getByRole("dialog", { name: "Confirm your password" });
      await dialog.getByLabel("Password").fill(PASSWORD);
      await page.keyboard.press("Enter");
      await page.getByText("Administrator", { exact: true }).waitFor();
      await visitor.leave();
    });
  });
});
