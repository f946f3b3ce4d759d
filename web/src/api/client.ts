/**
 * The typed client of the server's API. The session is a cookie that scripts
 * cannot read; the page never holds or stores a token.
 */
import createClient from "openapi-fetch";

import { below, inFull } from "../lib/root";
import { confirmIdentity } from "./elevation";
import type { paths } from "./schema";
import type { ConfigProblem } from "./types";

/** The report of a plugin that does not load. */
export interface LoadReport {
  file: string;
  step: string;
  expected: string;
  found: string;
  fix: string;
}

/** A request that the server answered with an error, or did not answer. */
export class ApiProblem extends Error {
  constructor(
    /** 0 where the server did not answer. */
    readonly status: number,
    message: string,
    readonly report?: LoadReport,
    /** Of a configuration, each with its place. */
    readonly problems: readonly ConfigProblem[] = [],
  ) {
    super(message);
    this.name = "ApiProblem";
  }
}

/** Called when a request shows that the session has ended. */
let onSignedOut = () => {};

export function whenSignedOut(listener: () => void) {
  onSignedOut = listener;
}

async function send(request: Request): Promise<Response> {
  // The body of a request can be read once, and a second try needs it.
  const again = request.method === "GET" ? null : request.clone();
  let response: Response;
  try {
    response = await fetch(request);
  } catch {
    throw new ApiProblem(0, "The server does not answer. Check that it runs and that you are online.");
  }
  // A request that brings a password is about that password, not about the session.
  if (request.headers.has("authorization")) return response;
  if (response.status === 401) onSignedOut();
  if (response.status === 403 && again && (await confirmIdentity())) return fetch(again);
  return response;
}

export const api = createClient<paths>({ baseUrl: inFull("/"), fetch: send });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Returns the answer's data, or throws an {@link ApiProblem}. */
export async function unwrap<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (response.ok) return data as T;
  throw problem(response.status, error);
}

export function problem(status: number, body: unknown): ApiProblem {
  const error = typeof body === "string" ? parsed(body) : body;
  if (error && typeof error === "object" && "errorDescription" in error) {
    const { errorDescription, report, problems } = error as {
      errorDescription: unknown;
      report?: LoadReport;
      problems?: readonly ConfigProblem[];
    };
    return new ApiProblem(status, String(errorDescription), report, problems);
  }
  return new ApiProblem(status, `The server answered with status ${status}.`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Sends a body that is neither JSON nor a form, or reads such an answer. */
export async function raw(path: string, init: RequestInit = {}): Promise<string> {
  const response = await send(new Request(below(path), init));
  const text = await response.text();
  if (!response.ok) throw problem(response.status, text);
  return text;
}

/** The `Authorization` header for a name and a password. */
export function basic(name: string, password: string): string {
  const bytes = new TextEncoder().encode(`${name}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}
