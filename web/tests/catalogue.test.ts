import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

import { found, OFFERS, PURPOSES } from "../src/lib/catalogue";
import { words } from "../src/lib/permissions";

const EXAMPLES = join(import.meta.dirname, "../../examples");
const hasReadme = (folder: string) => existsSync(join(EXAMPLES, folder, "README.md"));

it("the catalogue has each folder with a README once", () => {
  const folders = readdirSync(EXAMPLES).filter(hasReadme);
  expect(OFFERS.map(({ folder }) => folder).sort()).toEqual(folders.sort());
  expect(new Set(OFFERS.map(({ id }) => id)).size).toBe(OFFERS.length);
});

it("each plugin of the catalogue has its group, permissions in words, and a command for its folder", () => {
  for (const { folder, purpose, permissions, command } of OFFERS) {
    expect(PURPOSES.map(({ id }) => id)).toContain(purpose);
    for (const permission of permissions) expect(words(permission).title, folder).toMatch(/^[A-Z]/);
    expect(command).toMatch(new RegExp(`^cd examples/${folder} && .+ && mortise plugin install \\S+$`));
  }
});

it("the catalogue is filtered by name and purpose", () => {
  const names = (text: string) => found(text).map(({ title, offers }) => [title, ...offers.map(({ name }) => name)]);
  expect(found("").flatMap(({ offers }) => offers)).toHaveLength(OFFERS.length);
  expect(names(" DIGEST ")).toEqual([["Filters", "Digest"]]);
  expect(names("prometheus one")).toEqual([["Sources of messages", "Alerts"]]);
  expect(names("senders channel")).toEqual([["Senders to other services", "Slack", "Discord"]]);
  expect(names("no such plugin")).toEqual([]);
});
