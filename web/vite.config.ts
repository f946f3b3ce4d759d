import { fileURLToPath } from "node:url";

import locales from "@react-aria/optimize-locales-plugin";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** The server that `npm run dev` passes requests on to. */
const server = process.env.MORTISE_URL ?? "http://127.0.0.1:8080";
const api = [
  "admin", "application", "auth", "client", "current", "events", "health",
  "image", "message", "plugin", "static", "stream", "user", "version",
];

export default defineConfig({
  // The server writes its root into the document; all other files name each other.
  base: "./",
  plugins: [react(), { ...locales.vite({ locales: ["en-US"] }), enforce: "pre" as const }],
  resolve: {
    alias: { "@rjsf/validator-ajv8": fileURLToPath(new URL("src/lib/absent.ts", import.meta.url)) },
  },
  build: {
    // Everything that the page needs is in one folder of its own, so that no
    // name collides with a route of the API.
    assetsDir: "page",
    emptyOutDir: false,
    target: "es2022",
    // Inlined images would need `data:` in more directives of the policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  server: {
    proxy: {
      [`^/(${api.join("|")})(/|$|\\?)`]: { target: server, ws: true, changeOrigin: false },
    },
  },
  test: {
    // Each file has a server and a Chromium of its own: one for each of two cores.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // As patient as the browser's own waits.
    expect: { poll: { timeout: 30_000 } },
    projects: [
      {
        extends: true,
        test: { name: "flows", include: ["tests/**/*.test.ts"], exclude: ["tests/speed/**"] },
      },
      {
        extends: true,
        // After the others, and one at a time: a browser beside it would be measured too.
        test: { name: "speed", include: ["tests/speed/*.test.ts"], maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
