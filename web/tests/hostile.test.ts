import { expect, it } from "vitest";

import { flow, stage } from "./support/suite";

const ID = "org.example.hostile";

stage(
  "a hostile plugin",
  (stage) => {
    flow("a hostile plugin", (width) => {
      it("runs no script and leaves no box, wherever its strings are shown", async () => {
        const visitor = await stage.come(width);
        const { page } = visitor;
        const { id, token, enabled } = await stage.server.plugin(ID);
        if (!enabled) await stage.server.ask("POST", `/plugin/${id}/enable`);
        await stage.server.ask("POST", `/admin/plugins/${ID}/grant`, { asAsked: true });
        const application = await stage.server.application(`<img src=x onerror="window.hostile=1"> ${width.name}`);
        await stage.server.send(application.token, { title: "<b>t</b>", message: "hostile drop" });
        await stage.server.send(application.token, {
          title: '<img src=x onerror="window.hostile=1">',
          message: '<script>window.hostile=1</script>\n\n<svg onload="window.hostile=1">\n\n[x](javascript:window.hostile=1)',
          extras: {
            "client::display": { contentType: "text/markdown" },
            "client::notification": { click: { url: "javascript:window.hostile=1" }, bigImageUrl: "data:text/html,x" },
          },
        });
        await visitor.login();
        await page.getByRole("article").first().getByRole("button", { name: /Trace/ }).click();
        await page.getByRole("dialog", { name: "Trace" }).getByText("Kept unchanged").waitFor();
        await visitor.look("hostile-trace");
        const addresses = [
          "/",
          "/messages/dropped",
          "/applications",
          "/settings",
          "/plugins",
          `/plugins/${id}`,
          `/plugins/${id}/configuration`,
          `/plugins/${id}/try`,
          `/plugins/${id}/log`,
          `/plugins/${id}/denials`,
          "/plugins/filters",
          "/administration",
          `/administration/plugins/${ID}`,
          `/administration/plugins/${ID}/permissions`,
          `/administration/plugins/${ID}/log`,
          `/administration/plugins/${ID}/doctor`,
          "/administration/audit",
          `/administration/plugins/${ID}/limits`,
          `/administration/plugins/${ID}/denials`,
          `/administration/plugins/${ID}/audit`,
        ];
        for (const address of addresses) {
          await visitor.open(address);
          await page.getByRole("main").getByRole("heading", { level: 1 }).waitFor();
          await page.getByText("Loading").waitFor({ state: "detached" });
          const found = await page.evaluate(() => ({
            ran: (window as unknown as { hostile?: unknown }).hostile ?? null,
            elements: [
              ...document.querySelectorAll("main :is(script, iframe, form[action], style, math, object, embed, base, meta)"),
            ].map((one) => one.outerHTML),
            handlers: [...document.querySelectorAll("main *")].flatMap((one) =>
              [...one.attributes].filter((attribute) => /^on/i.test(attribute.name)).map(() => one.outerHTML),
            ),
            links: [...document.querySelectorAll("main a[href], main [src]")]
              .map((one) => one.getAttribute("href") ?? one.getAttribute("src") ?? "")
              .filter((link) => /^\s*(javascript|data|vbscript):/i.test(link)),
            ids: document.querySelectorAll("#root").length,
            fixed: [...document.querySelectorAll("main :not([aria-hidden=true])")]
              .filter((one) => ["fixed", "sticky"].includes(getComputedStyle(one).position))
              .map((one) => one.outerHTML),
            wide: [...document.querySelectorAll("main *")]
              .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
              .filter((one) => !one.closest(".scroll-x, .tablist, .copy, pre, table, .editor, [aria-hidden=true]"))
              .map((one) => `${one.className} ${one.textContent?.slice(0, 60)}`),
          }));
          expect(found, address).toEqual({
            ran: null, elements: [], handlers: [], links: [], ids: 1, fixed: [], wide: [],
          });
          if (address.endsWith(String(id))) {
            await page.getByRole("button", { name: "Disable" }).waitFor();
            await visitor.look("hostile");
          }
        }
        await visitor.open(`/plugin/${id}/custom/${token}/`);
        await page.getByRole("heading", { name: "Webhook" }).waitFor();
        expect(await page.title()).toBe("sandboxed");
        expect(await page.evaluate(() => (window as unknown as { hostile?: unknown }).hostile ?? null)).toBeNull();
        await visitor.open(`/plugin/${id}/custom/${token}/image.svg`);
        await page.locator("svg").waitFor();
        // Its script may run, but in a place of its own: it reads nothing of the page's.
        expect(await page.locator("svg").getAttribute("data-cookie")).toBe("denied");
        await visitor.leave();
      });
    });
  },
  (server) => [server.python("hostile")],
);
