/** The environment variables that were granted. */
export function environment(): Record<string, string>;
/** Why a file could not be used; the message begins with its path. */
export class FileError extends Error {}
/** What is in a file. These throw a `FileError`. */
export function readFile(path: string): Uint8Array;
export function readText(path: string): string;
/** Makes a file, or empties it first. */
export function writeFile(path: string, content: string | Uint8Array): void;
/** The names in a directory, sorted. */
export function listDirectory(path: string): string[];
