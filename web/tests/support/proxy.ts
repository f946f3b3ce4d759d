/** A proxy that serves a server below a path. */
import { createServer, type IncomingMessage, request, type RequestOptions, type Server as Listener } from "node:http";
import type { AddressInfo, Socket } from "node:net";

import type { Address } from "./browser";

export class Proxy {
  /** Requests for paths of the host that are none of the server's. */
  readonly strays: string[] = [];
  /** The browser's connections, also those of WebSockets, which the listener forgets. */
  private readonly connections = new Set<Socket>();

  private constructor(
    private readonly listener: Listener,
    private readonly server: Address,
    private readonly prefix: string,
    private readonly removes: boolean,
  ) {}

  /** Starts a proxy that keeps the prefix in its requests, or removes it. */
  static async start(server: Address, prefix: string, removes: boolean): Promise<Proxy> {
    const listener = createServer();
    const proxy = new Proxy(listener, server, prefix, removes);
    listener.on("connection", (socket) => {
      proxy.connections.add(socket);
      socket.on("close", () => proxy.connections.delete(socket));
    });
    listener.on("request", (from, to) => {
      const on = proxy.onward(from);
      if (!on) return void to.writeHead(404).end();
      const sent = request(on, (answer) => {
        to.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(to);
      });
      sent.on("error", () => to.destroy());
      to.on("close", () => sent.destroy());
      from.pipe(sent);
    });
    listener.on("upgrade", (from, socket) => {
      const on = proxy.onward(from);
      if (!on) return void socket.destroy();
      const sent = request(on).on("error", () => socket.destroy());
      sent.on("upgrade", ({ rawHeaders }, upgraded, head) => {
        const fields = rawHeaders.map((text, at) => (at % 2 === 0 ? `${text}: ` : `${text}\r\n`));
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields.join("")}\r\n`);
        socket.write(head);
        upgraded.on("error", () => socket.destroy()).on("close", () => socket.destroy()).pipe(socket);
        socket.on("error", () => upgraded.destroy()).on("close", () => upgraded.destroy()).pipe(upgraded);
      });
      sent.on("response", () => socket.destroy());
      sent.end();
    });
    await new Promise<void>((done) => listener.listen(0, "127.0.0.1", done));
    return proxy;
  }

  /** The address of the server behind the proxy. */
  get url(): string {
    return `http://127.0.0.1:${(this.listener.address() as AddressInfo).port}${this.prefix}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((done) => this.listener.close(done));
    for (const connection of this.connections) connection.destroy();
    await closed;
  }

  /** The request to the server; null if the path is not below the prefix. */
  private onward({ url = "", method, headers }: IncomingMessage): RequestOptions | null {
    const [path = "", query] = url.split("?");
    if (path !== this.prefix && !path.startsWith(`${this.prefix}/`)) {
      this.strays.push(`${method} ${path}`);
      return null;
    }
    const on = (this.removes ? path.slice(this.prefix.length) : path) || "/";
    const { hostname, port } = new URL(this.server.url);
    return { hostname, port, method, headers, path: query === undefined ? on : `${on}?${query}` };
  }
}
