import { beforeAll, expect, it } from "vitest";

import { stage } from "../support/suite";

const MANY = 10_000;
const AT_A_TIME = 20;

stage("10,000 messages", (stage) => {
  let token = "";
  beforeAll(async () => {
    ({ token } = await stage.server.application("Flood"));
    let next = 0;
    const sender = async () => {
      while (next < MANY) {
        next += 1;
        const text = `number ${next}\n`.repeat(1 + (next % 5));
        await stage.server.send(token, { title: `Message ${next}`, message: text, priority: next % 10 });
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, sender));
  }, 240_000);

  it("are painted soon, scroll smoothly and are all found", async () => {
    const visitor = await stage.come();
    const { page } = visitor;
    await visitor.login();
    const begin = Date.now();
    await visitor.open("/");
    await page.getByRole("article").first().waitFor();
    const paint = Date.now() - begin;

    const frames = await page.evaluate(async () => {
      const times: number[] = [];
      let last = performance.now();
      for (let count = 0; count < 120; count += 1) {
        window.scrollBy(0, 400);
        await new Promise((next) => requestAnimationFrame(next));
        const now = performance.now();
        times.push(now - last);
        last = now;
      }
      return times.sort((a, b) => a - b);
    });
    const at = (share: number) => frames[Math.floor(frames.length * share)] ?? 0;
    const nodes = await page.evaluate(() => document.querySelectorAll("article").length);

    await page.evaluate(() => window.scrollTo(0, 0));
    const searching = Date.now();
    await page.getByLabel("Search messages").fill("Message 17 ");
    await page.getByLabel("Search messages").fill("number 4242");
    await page.getByRole("article", { name: "Message 4242", exact: true }).waitFor({ timeout: 60_000 });
    const found = Date.now() - searching;
    console.log(
      `10,000 messages: first paint ${paint} ms, frames while scrolling ${at(0.5).toFixed(0)} ms (median), ` +
        `${at(0.95).toFixed(0)} ms (95 %), ${nodes} messages in the document, an old one found in ${found} ms`,
    );
    expect(paint).toBeLessThan(5000);
    expect(at(0.5)).toBeLessThan(100);
    expect(nodes).toBeLessThan(60);
    await visitor.leave();
  });

  it("are followed by what comes while they are loaded", async () => {
    const visitor = await stage.come();
    const { page } = visitor;
    const send = (title: string) => stage.server.send(token, { title, message: "now" });
    const connected = page.waitForEvent("websocket");
    await visitor.whileOnItsWay(/\/message\?/, () => send("first"));
    await visitor.login();
    await page.getByRole("article", { name: "first" }).waitFor();
    const socket = await connected;
    await page.getByText("Live: new messages").waitFor();
    const older = page.waitForResponse(/\/message\?.*since=[1-9]/);
    const second = async () => {
      const received = socket.waitForEvent("framereceived", ({ payload }) => payload.includes("second"));
      await send("second");
      await received;
    };
    await visitor.whileOnItsWay(/\/message\?.*since=[1-9]/, second);
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await older;
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.getByRole("article", { name: "second" }).waitFor();
    await visitor.leave();
  });
});
