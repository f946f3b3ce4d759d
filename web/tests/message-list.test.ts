import { describe, expect, it } from "vitest";

import { type Pages, withMessages } from "../src/lib/message-list";

const message = (id: number, title = "first") => ({ id, title, appid: 1, message: "", priority: 0, date: "" });

/** Pages of these ids; the last one is the end of the list if `isWhole`. */
function list(pages: number[][], isWhole: boolean): Pages {
  return {
    pageParams: pages.map((_, index) => (index === 0 ? 0 : (pages[index - 1]?.at(-1) ?? 0))),
    pages: pages.map((ids, index) => ({
      messages: ids.map((id) => message(id)),
      paging: { limit: 2, size: ids.length, since: isWhole && index === pages.length - 1 ? 0 : (ids.at(-1) ?? 0) },
    })),
  };
}

const ids = ({ pages }: Pages) => pages.map(({ messages }) => messages.map(({ id }) => id));
const titleOf = ({ pages }: Pages, id: number) =>
  pages.flatMap(({ messages }) => messages).find((one) => one.id === id)?.title;

describe("a list of messages", () => {
  it("has a new message on top", () => {
    expect(ids(withMessages(list([[9, 8], [7, 6]], false), [message(10)]))).toEqual([[10, 9, 8], [7, 6]]);
    expect(ids(withMessages(list([[]], true), [message(1)]))).toEqual([[1]]);
  });

  it("has a changed message in its place, once", () => {
    const changed = withMessages(list([[9, 8], [7, 6]], false), [message(7, "changed"), message(9, "changed")]);
    expect(ids(changed)).toEqual([[9, 8], [7, 6]]);
    expect([titleOf(changed, 9), titleOf(changed, 7), titleOf(changed, 6)]).toEqual(["changed", "changed", "first"]);
  });

  it("leaves out a changed message of a page that is not read yet", () => {
    expect(ids(withMessages(list([[9, 8], [7, 6]], false), [message(3, "changed")]))).toEqual([[9, 8], [7, 6]]);
  });

  it("puts back a message where it was", () => {
    const pages = list([[9, 8], [6, 5], [3]], true);
    expect(ids(withMessages(pages, [message(7)]))).toEqual([[9, 8], [7, 6, 5], [3]]);
    expect(ids(withMessages(pages, [message(2), message(1)]))).toEqual([[9, 8], [6, 5], [3, 2, 1]]);
  });
});
