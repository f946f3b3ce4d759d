/** A real registry on loopback: Debian's package `docker-registry`. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { BINARY } from "./server";

const UP_MS = 30_000;

export class Registry {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    /** Its host and port. */
    readonly host: string,
  ) {}

  static async start(): Promise<Registry> {
    const folder = mkdtempSync(join(tmpdir(), "mortise-web-registry-"));
    const settings = {
      version: "0.1",
      storage: { filesystem: { rootdirectory: join(folder, "data") } },
      http: { addr: "127.0.0.1:0" },
    };
    const file = join(folder, "config.yml");
    // YAML has JSON in it.
    writeFileSync(file, JSON.stringify(settings));
    const child = spawn("docker-registry", ["serve", file], { stdio: ["ignore", "ignore", "pipe"] });
    const host = await new Promise<string>((done, fail) => {
      const timer = setTimeout(() => fail(new Error("the registry was not ready in time")), UP_MS);
      child.once("error", () => fail(new Error("there is no docker-registry; `cargo xtask test` installs it")));
      createInterface({ input: child.stderr }).on("line", (line) => {
        const [, address] = /listening on ([^"\s]+)/.exec(line) ?? [];
        if (!address) return;
        clearTimeout(timer);
        done(address);
      });
    });
    return new Registry(child, folder, host);
  }

  /** Publishes a plugin's file. */
  push(file: string, name: string, ...options: string[]): string {
    const reference = `oci://${this.host}/${name}`;
    execFileSync(BINARY, ["plugin", "push", file, reference, ...options], { stdio: ["ignore", "ignore", "inherit"] });
    return reference;
  }

  async stop(): Promise<void> {
    const ended = new Promise((done) => this.child.once("exit", done));
    this.child.kill();
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
