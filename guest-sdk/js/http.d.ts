import type { Header } from "./index.js";

export interface HttpOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** How long to wait for each step; 8000 by default. */
  timeoutMs?: number;
  /** 5 by default; with 0 a redirect is a response like any other. */
  maxRedirects?: number;
  /** The longest response in bytes; 1 MiB by default. */
  maxBody?: number;
}

/** A whole response. */
export interface HttpResponse {
  status: number;
  headers: Header[];
  body: Uint8Array;
  /** Whether the status is 200 to 299. */
  ok: boolean;
  header(name: string): string | undefined;
  text(): string;
  json(): any;
}

/**
 * Calls out and returns the whole response, whatever its status. Follows
 * redirects, each of which the host checks. Needs `wants.http` for the hosts
 * called; throws a `HostError` if it is refused or nobody answers.
 */
export function http(url: string, options?: HttpOptions): HttpResponse;
