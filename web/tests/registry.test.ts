import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, it } from "vitest";

import { Registry } from "./support/registry";
import { flow, stage } from "./support/suite";

const MORE = 'Want.timers("It wakes up to shout.")';
const README = '# Shouting\n\n<img src=x onerror="document.title = `run`"> and **more**.\n';

stage("registries", (stage) => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await Registry.start();
  });
  afterAll(() => registry?.stop());

  flow("registries", (width) => {
    const id = `org.example.registry.${width.name}`;
    const named = { "org.example.shout": id, 'name="Shout"': `name="Shout ${width.name}"` };
    const readme = join(tmpdir(), `mortise-web-readme-${width.name}-${process.pid}.md`);

    it("shows a version before it is installed, and what is wrong with one that is not there", async () => {
      writeFileSync(readme, README);
      const file = stage.server.python("shout", named, width.name);
      const reference = registry.push(file, `shout-${width.name}`, "--readme", readme);
      const visitor = await stage.come(width);
      const { page } = visitor;
      await visitor.login("admin", undefined, "/administration");
      await page.getByRole("button", { name: "From a registry or an address" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Digest").waitFor();
      await dialog.getByLabel("Address").fill(`${reference}:9.9.9`);
      await dialog.getByLabel("Digest").waitFor({ state: "detached" });
      await dialog.getByRole("button", { name: "Show the version" }).click();
      await dialog.getByText("The version was not found").waitFor();
      await dialog.getByText("is not in the registry").waitFor();
      await visitor.look("registry-unknown");

      await dialog.getByLabel("Address").fill(`${reference}:1.0.0`);
      await dialog.getByRole("button", { name: "Show the version" }).click();
      await dialog.getByText(`Shout ${width.name} 1.0.0`).waitFor();
      await dialog.getByText("Not signed").waitFor();
      await dialog.getByText(/sha256:/).waitFor();
      await dialog.getByText("Other programs ask it for a message.").waitFor();
      await dialog.getByText("README").click();
      await dialog.getByText("and more.").waitFor();
      expect(await page.title()).not.toBe("run");
      await visitor.look("registry-version");
      expect(await stage.server.ask<{ plugins: { id: string }[] }>("GET", "/admin/plugins")).not.toMatchObject({
        plugins: expect.arrayContaining([expect.objectContaining({ id })]) as unknown,
      });
      await dialog.getByRole("button", { name: "Install" }).click();
      await page.getByRole("heading", { name: `Shout ${width.name}`, level: 1 }).waitFor();
      await page.getByText(`${reference}:1.0.0`).waitFor();
      await page.getByText("There is no newer version.").waitFor();
      await visitor.leave();
    });

    it("updates to a newer version that asks for more", async () => {
      const more = { ...named, '"1.0.0"': '"1.1.0"', "MORE = []": `MORE = [${MORE}]` };
      registry.push(stage.server.python("shout", more, `${width.name}-2`), `shout-${width.name}`);
      const visitor = await stage.come(width);
      const { page } = visitor;
      await visitor.login("admin", undefined, `/administration/plugins/${id}`);
      await page.getByText("Version 1.1.0 is available.").waitFor();
      await page.getByRole("button", { name: "Update…" }).click();
      const dialog = page.getByRole("alertdialog");
      await dialog.getByText("Beyond version 1.0.0, it asks for").waitFor();
      await dialog.getByText("It wakes up to shout.").waitFor();
      await visitor.look("registry-update");
      await dialog.getByRole("button", { name: "Update" }).click();
      await page.getByRole("heading", { name: "Version 1.1.0 asks for more" }).waitFor();
      await page.getByRole("button", { name: "Approve and grant" }).click();
      await page.getByText("Version 1.1.0 ·").waitFor();
      await page.getByText("There is no newer version.").waitFor();
      await visitor.leave();
    });
  });
});
