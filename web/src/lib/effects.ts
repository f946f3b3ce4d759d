/** Effects of plugins' calls, in words. */
import type { Effects } from "../api/types";
import { titleOf } from "./permissions";

/** A denied attempt, of which the API's description names no fields. */
interface DeniedAttempt {
  permission: string;
  what: string;
  count: number;
}

const times = (count: number) => (count === 1 ? "once" : `${count} times`);

/** The messages that a filter sent; empty if there are none. */
export function sent(ids: readonly number[] | undefined): string {
  if (!ids || ids.length === 0) return "";
  return `Sent ${ids.length === 1 ? "message" : "messages"} ${ids.join(", ")}`;
}

/** The number of messages that a version would have sent; empty if there are none. */
export function sends({ sends }: Pick<Effects, "sends">): string {
  if (sends === 0) return "";
  return `It would have sent ${sends === 1 ? "1 message" : `${sends} messages`}`;
}

/** The number of HTTP requests that a version would have sent; empty if there are none. */
export function requests({ requests }: Pick<Effects, "requests">): string {
  if (requests === 0) return "";
  return `It would have sent ${requests === 1 ? "1 HTTP request" : `${requests} HTTP requests`}`;
}

/** The number of changes of its storage that a version would have made; empty if there are none. */
export function writes({ writes }: Pick<Effects, "writes">): string {
  if (writes === 0) return "";
  return `It would have changed its storage ${times(writes)}`;
}

/** The other functions that a version would have called, by name, a sentence each. */
export function others({ others = {} }: Pick<Effects, "others">): string[] {
  return Object.entries(others)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `It would have called ${name} ${times(count)}.`);
}

/** The denied attempts, a sentence each. */
export function denied({ denied }: Pick<Effects, "denied">): string[] {
  return (denied as readonly unknown[] as readonly DeniedAttempt[]).map(
    ({ permission, what, count }) => `Denied ${times(count)}: ${titleOf(permission)}${what && ` (${what})`}`,
  );
}
