import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

import { typesOf } from "../scripts/types.mjs";
import { stage } from "./support/suite";

stage("the types of the API", (stage) => {
  it("are those of the server's description; `npm run types -- ADDRESS` writes them", async () => {
    const description = await (await fetch(`${stage.server.url}/openapi.json`)).json();
    const written = readFileSync(join(import.meta.dirname, "../src/api/schema.d.ts"), "utf8");
    expect(await typesOf(description as object)).toBe(written);
  });
});
