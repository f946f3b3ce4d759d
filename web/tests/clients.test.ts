import { expect, it } from "vitest";

import { flow, stage } from "./support/suite";

stage("clients", (stage) => {
  flow("clients", (width) => {
    it("creates, changes and deletes a client", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      const name = `Phone ${width.name}`;
      await visitor.login();
      await visitor.go("Clients");
      await page.getByText("This browser").first().waitFor();
      await page.getByRole("button", { name: "Create client" }).click();
      await page.getByLabel("Name").fill(name);
      await page.getByRole("button", { name: /Expires/ }).click();
      await page.getByRole("option", { name: "After a month" }).click();
      await page.getByRole("button", { name: "Create", exact: true }).click();
      const token = (await page.getByRole("textbox", { name: "token" }).innerText()).trim();
      await page.getByRole("button", { name: "Done" }).click();
      const list = await fetch(`${stage.server.url}/message`, { headers: { "x-gotify-key": token } });
      expect(list.status).toBe(200);
      await page.getByRole("button", { name: `Edit ${name}` }).click();
      await page.getByLabel("Name").fill(`${name} new`);
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText(`${name} new`, { exact: true }).waitFor();
      await visitor.look("clients");
      await page.getByRole("button", { name: `Delete ${name} new` }).click();
      await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
      await page.getByText(`${name} new`, { exact: true }).waitFor({ state: "detached" });
      const after = await fetch(`${stage.server.url}/message`, { headers: { "x-gotify-key": token } });
      expect(after.status).toBe(401);
      await visitor.leave();
    });
  });
});
