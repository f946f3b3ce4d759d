/** The real server on loopback, with a data directory of its own. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

export const ROOT = resolve(import.meta.dirname, "../../..");
export const BINARY = process.env.MORTISE_BIN ?? join(ROOT, "target/debug/mortise");
export const PASSWORD = "correct horse";
const UP_MS = 60_000;

export class Server {
  private process: ChildProcess | null = null;
  url = "";
  private readonly data = mkdtempSync(join(tmpdir(), "mortise-web-"));
  private readonly folder = mkdtempSync(join(tmpdir(), "mortise-web-plugins-"));

  private constructor(private readonly options: readonly string[]) {}

  /** Starts a server with these options of `mortise serve`. */
  static async start(options: readonly string[] = []): Promise<Server> {
    if (!existsSync(BINARY)) {
      throw new Error(`${BINARY} is not there: run \`cargo build --bin mortise\`, or \`cargo xtask web\``);
    }
    const server = new Server(options);
    await server.run();
    return server;
  }

  /** Starts the process; on the same address as before, if there was one. */
  async run(): Promise<void> {
    const listen = this.url ? new URL(this.url).host : "127.0.0.1:0";
    const options = ["--json", "--listen", listen, "--data-dir", this.data, ...this.options];
    const child = spawn(BINARY, ["serve", ...options], {
      env: { ...process.env, MORTISE_ADMIN_PASSWORD: PASSWORD, RUST_LOG: process.env.RUST_LOG ?? "warn" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.process = child;
    this.url = await new Promise<string>((done, fail) => {
      const timer = setTimeout(() => fail(new Error("the server was not ready in time")), UP_MS);
      child.once("exit", (code) => fail(new Error(`the server ended with ${code} before it was ready`)));
      createInterface({ input: child.stdout }).once("line", (line) => {
        clearTimeout(timer);
        done((JSON.parse(line) as { url: string }).url);
      });
    });
  }

  async halt(): Promise<void> {
    const child = this.process;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGTERM");
    await ended;
  }

  async stop(): Promise<void> {
    await this.halt();
    rmSync(this.data, { recursive: true, force: true });
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A request as the administrator, by password. */
  async ask<T>(
    method: string,
    path: string,
    body?: unknown,
    as: string | null = null,
    fileType = "application/octet-stream",
  ): Promise<T> {
    const authorization = `Basic ${Buffer.from(`${as ?? "admin"}:${PASSWORD}`).toString("base64")}`;
    const isFile = body instanceof Uint8Array;
    const response = await fetch(this.url + path, {
      method,
      headers: {
        authorization,
        ...(body !== undefined && { "content-type": isFile ? fileType : "application/json" }),
      },
      body: body === undefined ? undefined : isFile ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text && response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text) as T;
  }

  /** Saves a configuration. */
  async write(path: string, text: string): Promise<void> {
    await this.ask("POST", path, new TextEncoder().encode(text), null, "application/x-yaml");
  }

  async install(file: string): Promise<void> {
    await this.ask("POST", "/admin/plugins", new Uint8Array(readFileSync(file)));
  }

  /** The plugin as the user has it. */
  async plugin(id: string): Promise<{ id: number; token: string; enabled: boolean }> {
    const all = await this.ask<{ id: number; pluginId: string; token: string; enabled: boolean }[]>("GET", "/plugin");
    const found = all.find((one) => one.pluginId === id);
    if (!found) throw new Error(`the server has no plugin ${id}`);
    return found;
  }

  /** Creates an application and returns its id and token. */
  async application(name: string): Promise<{ id: number; token: string }> {
    return this.ask("POST", "/application", { name });
  }

  async send(token: string, message: object): Promise<{ id: number }> {
    const response = await fetch(`${this.url}/message`, {
      method: "POST",
      headers: { "x-gotify-key": token, "content-type": "application/json" },
      body: JSON.stringify(message),
    });
    if (!response.ok) throw new Error(`the message was not taken: ${await response.text()}`);
    return (await response.json()) as { id: number };
  }

  /** Makes a native plugin of a Python source in `tests/plugins`. */
  python(name: string, replace: Record<string, string> = {}, called = name): string {
    const made = join(this.folder, called);
    mkdirSync(made, { recursive: true });
    let source = readFileSync(join(import.meta.dirname, "../plugins", `${name}.py`), "utf8");
    for (const [from, to] of Object.entries(replace)) {
      if (!source.includes(from)) throw new Error(`${name}.py has no ${from}`);
      source = source.replace(from, to);
    }
    writeFileSync(join(made, "__main__.py"), source);
    cpSync(join(ROOT, "guest-sdk/python/mortise_plugin"), join(made, "mortise_plugin"), {
      recursive: true,
      filter: (path) => !path.endsWith("__pycache__"),
    });
    const file = `${made}.pyz`;
    execFileSync("python3", ["-m", "zipapp", "-p", "/usr/bin/env python3", "-o", file, made]);
    return file;
  }
}
