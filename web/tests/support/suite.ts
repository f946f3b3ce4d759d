/** A server and a browser for the tests of a file. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe } from "vitest";

import { launch, Visitor, type Width, WIDTHS } from "./browser";
import { Server } from "./server";

interface Stage {
  server: Server;
  browser: Browser;
  /** A new visitor of the width that the test is run in. */
  come: (width?: Width) => Promise<Visitor>;
}

/** Describes tests with a stage of their own; the options are those of `mortise serve`. */
export function stage(
  name: string,
  tests: (stage: Stage) => void,
  plugins: (server: Server) => string[] = () => [],
  options: readonly string[] = [],
) {
  describe(name, () => {
    const current = {} as Stage;
    beforeAll(async () => {
      current.server = await Server.start(options);
      for (const plugin of plugins(current.server)) await current.server.install(plugin);
      current.browser = await launch();
      current.come = (width) => Visitor.come(current.browser, current.server, width);
    });
    afterAll(async () => {
      await current.browser?.close();
      await current.server?.stop();
    });
    tests(current);
  });
}

/** Describes a flow once in each width. */
export function flow(name: string, test: (width: Width) => void) {
  describe.each(WIDTHS)(`${name}, $name`, test);
}
