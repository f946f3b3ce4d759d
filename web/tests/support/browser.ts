/** A real Chromium, in the widths of a desktop and of a phone. */
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import { expect } from "vitest";

import { PASSWORD, ROOT } from "./server";

const CHROMIUM =
  process.env.MORTISE_TEST_CHROMIUM ??
  ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const SHOTS = join(ROOT, "target/web/screenshots");

export const WIDTHS = [
  { name: "desktop", width: 1280, height: 800 },
  { name: "phone", width: 375, height: 740 },
] as const;
export type Width = (typeof WIDTHS)[number];

/** Nothing in Chromium may ask the network for anything of its own. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** To Chromium, a replaced page is not of this machine. */
const REPLACED = "--disable-features=LocalNetworkAccessChecks";

/** A built page in place of the one in the program, to try changes quickly. */
const DIST = process.env.MORTISE_TEST_DIST;
const ADDRESSES = /^\/($|(page|messages|applications|clients|plugins|users|settings|administration)(\/|$))/;
const TYPES: Record<string, string> = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

async function replacePage(context: BrowserContext, dist: string, server: Address) {
  const { origin, pathname } = new URL(server.url);
  const prefix = pathname.replace(/\/$/, "");
  const path = (url: URL) => (url.pathname.startsWith(prefix) ? url.pathname.slice(prefix.length) : "") || "/";
  await context.route(
    (url) => url.origin === origin && ADDRESSES.test(path(url)),
    (route) => {
      const file = join(dist, path(new URL(route.request().url())));
      const isFile = existsSync(file) && statSync(file).isFile();
      // As the server writes its root into the document.
      const document = () => readFileSync(join(dist, "index.html"), "utf8").replaceAll('="./', `="${prefix}/`);
      return route.fulfill({
        body: isFile ? readFileSync(file) : document(),
        contentType: isFile ? TYPES[extname(file)] : "text/html",
      });
    },
  );
}

export async function launch(): Promise<Browser> {
  if (!CHROMIUM) {
    throw new Error("there is no Chromium: install Debian's package `chromium`, or name one in MORTISE_TEST_CHROMIUM");
  }
  return chromium.launch({ executablePath: CHROMIUM, args: DIST ? [...FLAGS, REPLACED] : FLAGS });
}

/** A server that a visitor comes to, with the path below which it is. */
export type Address = { url: string };

/** A visitor of the page: a context of its own, with what it sees checked. */
export class Visitor {
  private constructor(
    readonly page: Page,
    readonly context: BrowserContext,
    private readonly server: Address,
    readonly width: Width,
    /** What went wrong in the page; it has to stay empty. */
    readonly errors: string[],
  ) {}

  static async come(browser: Browser, server: Address, width: Width = WIDTHS[0]): Promise<Visitor> {
    const context = await browser.newContext({
      viewport: { width: width.width, height: width.height },
      hasTouch: width.name === "phone",
      reducedMotion: "reduce",
      colorScheme: "light",
    });
    // Machines that build at the same time are slow.
    context.setDefaultTimeout(Number(process.env.MORTISE_TEST_WAIT_MS ?? 30_000));
    if (DIST) await replacePage(context, DIST, server);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(`${error.name}: ${error.message}`));
    page.on("console", (message) => {
      if (/Content Security Policy/i.test(message.text())) errors.push(message.text());
    });
    return new Visitor(page, context, server, width, errors);
  }

  async open(path: string): Promise<void> {
    await this.page.goto(this.server.url + path);
  }

  async login(name = "admin", password = PASSWORD, path = "/"): Promise<void> {
    await this.open(path);
    await this.page.getByLabel("User name").fill(name);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Log in" }).click();
    await this.page.getByLabel("User name").waitFor({ state: "detached" });
    await this.page.getByRole("main").getByRole("heading", { level: 1 }).waitFor();
  }

  /** Follows a link of the navigation. */
  async follow(view: string): Promise<void> {
    if (this.width.name === "phone") await this.page.getByRole("button", { name: "Menu" }).click();
    await this.page.getByRole("link", { name: view, exact: true }).click();
  }

  /** Goes to a view by the navigation, as a person does. */
  async go(view: string): Promise<void> {
    await this.follow(view);
    await this.page.getByRole("main").getByRole("heading", { level: 1 }).waitFor();
  }

  /** Moves a row of a list by keyboard, to the place of this name. */
  async move(name: string, place: string): Promise<void> {
    const label = () => this.page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
    for (let count = 0; count < 300 && (await label()) !== `Move ${name}`; count += 1) {
      await this.page.keyboard.press("Tab");
    }
    await this.page.keyboard.press("Enter");
    await expect.poll(label).toMatch(/^Insert /);
    for (let count = 0; count < 50 && !(await label()).startsWith(place); count += 1) {
      await this.page.keyboard.press("ArrowUp");
    }
    expect(await label()).toContain(place);
    await this.page.keyboard.press("Enter");
  }

  /** Drags a handle to the lower edge of another row, with the mouse. */
  async drag(handle: string, onto: Locator): Promise<void> {
    const from = await this.page.getByRole("button", { name: handle, exact: true }).boundingBox();
    const to = await onto.boundingBox();
    if (!from || !to) throw new Error(`${handle}: it or its target is not shown`);
    const { mouse } = this.page;
    await mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await mouse.down();
    await mouse.move(from.x + from.width / 2 + 4, from.y + from.height / 2 + 8, { steps: 4 });
    await mouse.move(to.x + to.width / 2, to.y + to.height - 4, { steps: 12 });
    await this.page.locator(".react-aria-DropIndicator[data-drop-target]").waitFor({ state: "attached" });
    await mouse.up();
  }

  /** Drops files of this machine onto an element, as from a file manager. */
  async drop(onto: string, ...files: string[]): Promise<void> {
    const target = this.page.locator(onto).first();
    await target.scrollIntoViewIfNeeded();
    const box = await target.boundingBox();
    if (!box) throw new Error(`${onto} is not shown`);
    const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    const session = await this.context.newCDPSession(this.page);
    for (const type of ["dragEnter", "dragOver", "drop"] as const) {
      await session.send("Input.dispatchDragEvent", { type, ...at, data: { items: [], files, dragOperationsMask: 1 } });
    }
    await session.detach();
  }

  /** Has the page believe that nobody sees it, as in another tab: a test's browser shows all of them. */
  async hide(): Promise<void> {
    await this.page.evaluate(() => {
      Object.defineProperty(document, "visibilityState", { value: "hidden" });
      const workers = ServiceWorkerRegistration.prototype;
      const show = workers.showNotification;
      workers.showNotification = async function (...what) {
        await show.apply(this, what);
        document.documentElement.dataset.notified = "";
      };
    });
  }

  /**
   * The notifications below a folder, once one was shown after `hide`. Not asked for
   * before: Chromium forgets one that somebody asks for while it is being shown.
   */
  async notifications(folder: string): Promise<{ title: string; body: string; icon: string }[]> {
    await this.page.locator("html[data-notified]").waitFor();
    return this.page.evaluate(async (folder) => {
      const worker = await navigator.serviceWorker.getRegistration(folder);
      const all = (await worker?.getNotifications()) ?? [];
      return all.map(({ title, body, icon }) => ({ title, body, icon: new URL(icon).pathname }));
    }, folder);
  }

  /** Does something between the server's next answer and its arrival in the page. */
  async whileOnItsWay(url: RegExp, action: () => Promise<unknown>): Promise<void> {
    await this.page.route(
      url,
      async (route) => {
        const response = await route.fetch();
        await action();
        await route.fulfill({ response });
      },
      { times: 1 },
    );
  }

  /** Closes the notices, which lie over what is at the bottom of a phone. */
  async dismiss(): Promise<void> {
    const notices = this.page.getByRole("region", { name: /notification/i }).getByRole("button", { name: "Close" });
    while ((await notices.count()) > 0) await notices.first().click();
  }

  /** Checks accessibility in light and dark, and leaves screenshots. */
  async look(name: string): Promise<void> {
    mkdirSync(SHOTS, { recursive: true });
    // A dialog with a field stays hidden while a phone's keyboard might come: 600 ms.
    const hidden = () => this.page.locator(".overlay[style*='opacity: 0']").count();
    await expect.poll(hidden).toBe(0);
    for (const colorScheme of ["light", "dark"] as const) {
      await this.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      // The new colours are on the screen two frames later.
      await this.page.evaluate(
        () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
      );
      await this.page.screenshot({ path: join(SHOTS, `${name}-${this.width.name}-${colorScheme}.png`) });
      expect(await this.violations(), `${name}, ${this.width.name}, ${colorScheme}`).toEqual([]);
    }
    await this.page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
    const [content, window] = await this.page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ]);
    expect(content, `${name}: the page scrolls sideways`).toBeLessThanOrEqual(window);
  }

  private async violations(): Promise<string[]> {
    // The page's policy allows no script of others, but the debugger does.
    const isThere = await this.page.evaluate(() => "axe" in window);
    if (!isThere) await this.page.evaluate(await axeSource());
    return this.page.evaluate(async () => {
      const axe = (window as unknown as { axe: { run: (at: Node, how: object) => Promise<AxeResult> } }).axe;
      const { violations } = await axe.run(document, { resultTypes: ["violations"] });
      return violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target.join(" ")} ${node.failureSummary}`).join(" | ")}`,
      );
    });
  }

  async leave(): Promise<void> {
    await this.context.close();
    expect(this.errors).toEqual([]);
  }
}

interface AxeResult {
  violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
}

let source: Promise<string> | null = null;
function axeSource(): Promise<string> {
  source ??= import("node:fs/promises").then((fs) => fs.readFile(AXE, "utf8"));
  return source;
}
