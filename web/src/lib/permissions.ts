/** Permissions in words, for the people who decide. */

type Directory = { path: string; writable?: boolean };
/** As the contract's data has it: a name, or a name with what exactly. */
export type PermissionData = string | Record<string, readonly (string | Directory)[]>;

interface Words {
  title: string;
  /** What exactly: hosts, directories. */
  details: string[];
}

const TITLES: Record<string, string> = {
  send_messages: "Send you messages",
  read_messages: "Read your messages",
  filter_messages: "See, change and drop your messages before they are stored",
  webhook: "Be reachable by HTTP, under an address with a secret in it",
  cookies: "See cookies of requests to its webhook",
  http: "Connect to hosts on the network",
  files: "Use directories of the server",
  environment: "Read environment variables of the server",
  timers: "Wake up at times that it chooses",
  send_to_users: "Send messages to other users",
};

/** A permission's name in words; the name itself if the page does not know it. */
export function titleOf(name: string): string {
  return TITLES[name.replaceAll("-", "_")] ?? name;
}

export function words(permission: unknown): Words {
  const data = permission as PermissionData;
  if (typeof data === "string") return { title: titleOf(data), details: [] };
  const [name = "", list = []] = Object.entries(data)[0] ?? [];
  if (name === "read_messages" && list.includes("*")) {
    return { title: "Read the messages of all your applications", details: [] };
  }
  if (name === "send_to_users" && list.includes("*")) {
    return { title: "Send messages to all users of the server", details: [] };
  }
  return {
    title: titleOf(name),
    details: list.map((one) => (typeof one === "string" ? one : `${one.path} (${one.writable ? "read and write" : "read only"})`)),
  };
}

/** A key to compare permissions by. */
export function key(permission: unknown): string {
  return JSON.stringify(permission);
}
