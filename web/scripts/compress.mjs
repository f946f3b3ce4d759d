// Writes a Brotli and a gzip form beside each text file of the built page, except the
// document, and fails when the first load is over its budget.
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const BUDGET_BYTES = 300 * 1024;
const DOCUMENT = join("dist", "index.html");
const TEXT = /\.(html|js|css|svg|json|txt|webmanifest)$/;

function* files(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else yield path;
  }
}

const sizes = new Map();
for (const path of [...files("dist")].filter((path) => TEXT.test(path))) {
  const content = readFileSync(path);
  const gzip = gzipSync(content, { level: 9 });
  sizes.set(path, path === DOCUMENT ? content.length : gzip.length);
  // The server writes its root into the document.
  if (path === DOCUMENT) continue;
  writeFileSync(`${path}.gz`, gzip);
  writeFileSync(
    `${path}.br`,
    brotliCompressSync(content, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 9,
        [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
      },
    }),
  );
}

// The first load is the document and all that it names.
const document = readFileSync(DOCUMENT, "utf8");
const named = [...document.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => join("dist", address));
const first = [DOCUMENT, ...named].reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0);
const all = [...sizes.values()].reduce((sum, size) => sum + size, 0);
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
console.log(`first load ${kib(first)}, everything ${kib(all)}, compressed with gzip`);
if (first > BUDGET_BYTES) {
  console.error(`the first load is over its budget of ${kib(BUDGET_BYTES)}: load more of it lazily`);
  process.exit(1);
}
