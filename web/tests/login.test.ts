import { expect, it } from "vitest";

import { PASSWORD } from "./support/server";
import { flow, stage } from "./support/suite";

stage("login", (stage) => {
  flow("login", (width) => {
    it("tells where the first password is, and what is wrong", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      await visitor.open("/");
      await page.getByText("printed the password").waitFor();
      await visitor.look("login");
      await page.getByLabel("User name").fill("admin");
      await page.getByLabel("Password").fill("wrong");
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByText("The name or the password is wrong.").waitFor();
      await visitor.leave();
    });

    it("logs in by keyboard alone, stays logged in, and logs out", async () => {
      const visitor = await stage.come(width);
      const { page } = visitor;
      await visitor.open("/settings");
      await page.locator("input[name=username]:focus").waitFor();
      await page.keyboard.type("admin");
      await page.keyboard.press("Tab");
      await page.keyboard.type(PASSWORD);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Settings" }).waitFor();
      await page.reload();
      await page.getByRole("heading", { name: "Settings" }).waitFor();
      const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
      expect(stored).toBe('[{},{},""]');
      if (width.name === "phone") await page.getByRole("button", { name: "Menu" }).click();
      await page.getByRole("button", { name: "Log out" }).click();
      await page.getByLabel("User name").waitFor();
      await visitor.open("/users");
      await page.getByLabel("User name").waitFor();
      await visitor.leave();
    });

    it("returns to the login when the session is ended elsewhere", async () => {
      const visitor = await stage.come(width);
      await visitor.login();
      const { clientId } = await visitor.page.evaluate(async () => (await fetch("/current/user")).json());
      await stage.server.ask("DELETE", `/client/${clientId}`);
      await visitor.page.getByLabel("User name").waitFor();
      await visitor.leave();
    });
  });
});

stage("the document", (stage) => {
  it("is served with a strict policy, immutable names and compressed forms", async () => {
    const { url } = stage.server;
    const document = await fetch(`${url}/plugins/1/log`);
    const policy = document.headers.get("content-security-policy") ?? "";
    expect(document.headers.get("content-type")).toContain("text/html");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("default-src 'none'");
    const html = await document.text();
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/);
    const again = await fetch(document.url, { headers: { "if-none-match": document.headers.get("etag") ?? "" } });
    expect(again.status).toBe(304);
    // Relative to the document, for a proxy may serve it below a path.
    const script = /src="(\.\.\/\.\.\/page\/[^"]+)"/.exec(html)?.[1] ?? "";
    const file = await fetch(new URL(script, document.url), { headers: { "accept-encoding": "br" } });
    expect(file.headers.get("content-encoding")).toBe("br");
    expect(file.headers.get("cache-control")).toContain("immutable");
    expect((await fetch(`${url}/page/missing.js`)).status).toBe(404);
    expect((await fetch(`${url}/nothing`)).headers.get("content-type")).toContain("json");
  });

  it("loads with at most 300 KB, and asks nobody else", async () => {
    const visitor = await stage.come();
    const { page } = visitor;
    const others: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(stage.server.url)) others.push(request.url());
    });
    const sizes: Promise<number>[] = [];
    page.on("response", (response) => {
      sizes.push(response.request().sizes().then(({ responseBodySize }) => responseBodySize, () => 0));
    });
    await visitor.login();
    await page.getByText("No messages yet").waitFor();
    await page.waitForLoadState("load");
    expect(others).toEqual([]);
    // Streams never end, so their sizes never come.
    await page.goto("about:blank");
    const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    console.log(`first load up to the messages: ${(bytes / 1024).toFixed(0)} KiB`);
    expect(bytes).toBeGreaterThan(50 * 1024);
    expect(bytes).toBeLessThanOrEqual(300 * 1024);
    await visitor.leave();
  });
});
