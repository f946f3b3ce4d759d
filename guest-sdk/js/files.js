// Granted directories and environment variables. What was not granted is not
// there.

import * as environmentImport from "wasi:cli/environment@0.2.0";
import * as preopensImport from "wasi:filesystem/preopens@0.2.0";

import { u64 } from "./wire.js";

const PART = 65536;
const CHUNK = 4096;

export class FileError extends Error {
  constructor(path, why) {
    super(`${path}: ${why}`);
    this.name = "FileError";
  }
}

export function environment() {
  return Object.fromEntries(environmentImport.getEnvironment());
}

export function readFile(path) {
  return within(path, (root, name) => {
    const file = root.openAt({ symlinkFollow: true }, name, {}, { read: true });
    const stream = file.readViaStream(u64(0));
    const parts = [];
    for (;;) {
      try {
        parts.push(stream.blockingRead(u64(PART)));
      } catch (error) {
        if (error?.payload?.tag !== "closed") throw error;
        break;
      }
    }
    const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  });
}

export function readText(path) {
  return new TextDecoder().decode(readFile(path));
}

export function writeFile(path, content) {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  within(path, (root, name) => {
    const file = root.openAt({ symlinkFollow: true }, name, { create: true, truncate: true }, { write: true });
    const stream = file.writeViaStream(u64(0));
    for (let at = 0; at < bytes.length; at += CHUNK) {
      stream.blockingWriteAndFlush(bytes.slice(at, at + CHUNK));
    }
  });
}

export function listDirectory(path) {
  return within(path, (root, name) => {
    const directory = root.openAt({ symlinkFollow: true }, name, { directory: true }, { read: true });
    const entries = directory.readDirectory();
    const names = [];
    for (let entry = entries.readDirectoryEntry(); entry; entry = entries.readDirectoryEntry()) {
      names.push(entry.name);
    }
    return names.sort();
  });
}

// Does something with the granted directory that a path is in, and the rest of
// the path. What goes wrong is told with the path.
function within(path, work) {
  const inside = preopensImport
    .getDirectories()
    .map(([root, folder]) => [root, folder.replace(/\/+$/, "")])
    .filter(([, folder]) => path === folder || path.startsWith(`${folder}/`))
    .sort(([, one], [, other]) => other.length - one.length);
  if (inside.length === 0) {
    throw new FileError(path, "is in no directory that this plugin was granted with `files`");
  }
  const [root, folder] = inside[0];
  try {
    return work(root, path.slice(folder.length + 1) || ".");
  } catch (error) {
    throw new FileError(path, reason(error?.payload ?? error));
  }
}

function reason(error) {
  if (typeof error === "string") return error;
  return error?.tag ?? error?.message ?? String(error);
}
