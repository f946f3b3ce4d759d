// Writes `src/api/schema.d.ts` from the description that a running server gives
// at /openapi.json: `npm run types -- http://127.0.0.1:8080`.
import { readFileSync, writeFileSync } from "node:fs";

import openapiTS, { astToString } from "openapi-typescript";

/** The generated file for a description. */
export async function typesOf(description) {
  const head = "// Generated from the server's openapi.json by `npm run types`; do not edit.\n\n";
  return head + astToString(await openapiTS(description));
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const source = process.argv[2];
  if (!source) {
    console.error("name a server or a file: npm run types -- http://127.0.0.1:8080");
    process.exit(1);
  }
  const description = source.startsWith("http")
    ? await (await fetch(new URL("/openapi.json", source))).json()
    : JSON.parse(readFileSync(source, "utf8"));
  writeFileSync(new URL("../src/api/schema.d.ts", import.meta.url), await typesOf(description));
}
