/**
 * The root of the server in this browser. A proxy may serve Mortise below a path, so
 * every address of the API and of the page's own files is below this root.
 */

/** The built page's files are in one folder below the root; the sources are not. */
const ABOVE = import.meta.env.DEV ? "/" : "..";

/** The path of the root, with slashes at both ends. */
export const ROOT = collapsed(new URL(ABOVE, import.meta.url).pathname);

/** Returns the address of a path of the server, as the API writes it. */
export function below(path: string): string {
  return ROOT + path.replace(/^\//, "");
}

/** Returns the same address with scheme and host, for programs elsewhere. */
export function inFull(path: string): string {
  return location.origin + below(path);
}

/**
 * Returns the page's path in the form that the router knows: below the root. The browser
 * may have come without the slash at the root's end, or past the proxy that adds the path.
 */
export function entrance(path: string, root: string): string {
  const plain = collapsed(path);
  if (plain.startsWith(root)) return plain;
  return `${plain}/` === root ? root : root + plain.slice(1);
}

/** The server takes doubled slashes for one. */
function collapsed(path: string): string {
  return path.replace(/\/{2,}/g, "/");
}
