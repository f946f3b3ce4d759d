// A webhook for GitHub: checks who sent an event, and makes a message of it.
//
// `signature.ts` checks, `events.ts` knows GitHub's events; this file connects
// them to the host.

import { describe } from "./events.js";
import { ConfigError, definePlugin, host, respond, text, wants } from "./sdk/index.js";
import { isSigned } from "./signature.js";

interface Config {
  /** What GitHub signs with; the same text stands in the webhook's settings there. */
  secret: string;
  /** Events that become messages, by GitHub's names. */
  events: string[];
}

const DEFAULTS: Config = {
  secret: "",
  events: ["ping", "push", "pull_request", "issues", "release", "workflow_run"],
};

let config = DEFAULTS;
let address = "";

export const { manifest, lifecycle, configurer, displayer, webhook } = definePlugin({
  manifest: {
    id: "io.mortise.github",
    name: "GitHub",
    version: "0.1.0",
    description: "Makes messages of the events that GitHub sends to a webhook.",
    license: "MIT OR Apache-2.0",
    wants: [wants.webhook("to be told of events by GitHub"), wants.sendMessages("to send a message for each")],
  },

  defaults: () => `${JSON.stringify(DEFAULTS, null, 2)}\n`,

  schema: () =>
    JSON.stringify({
      type: "object",
      properties: { secret: { type: "string" }, events: { type: "array", items: { type: "string" } } },
      additionalProperties: false,
    }),

  apply(written) {
    config = read(written);
  },

  display(baseUrl) {
    const where = address ? `\`${baseUrl ?? ""}${address}\`` : "the webhook address, which is told after its first use";
    const check = config.secret ? "" : "\n**No secret is configured: every request is refused.**\n";
    return `# GitHub\n\nAdd a webhook with the content type \`application/json\` to a repository:\n${where}\n${check}`;
  },

  handle(request) {
    address = request.basePath;
    if (request.method !== "POST") return text("GitHub sends with POST\n", 405);
    if (config.secret === "") return text("no secret is configured: set one here and in GitHub's settings\n", 403);
    if (!isSigned(request.body, request.header("x-hub-signature-256"), config.secret)) {
      host.log(`a request from ${request.client} is not signed with the secret`, "warn");
      return text("the signature is missing or wrong: are both secrets the same?\n", 403);
    }
    const event = request.header("x-github-event") ?? "";
    if (!config.events.includes(event)) return text(`${event} is not among the events of the configuration\n`);
    let payload: unknown;
    try {
      payload = request.json();
    } catch {
      return text("the body is no JSON: choose the content type application/json in GitHub's settings\n", 400);
    }
    const told = describe(event, payload);
    if (told === undefined) return text("nothing to tell\n");
    const extras: Record<string, unknown> = { "client::display": { contentType: "text/markdown" } };
    if (told.url) extras["client::notification"] = { click: { url: told.url } };
    host.send({ title: told.title, body: told.body, priority: told.priority, extras });
    return respond(204);
  },
});

/** The configuration is JSON; what is left out is the default. */
function read(written: string): Config {
  let given: unknown = {};
  try {
    if (written.trim() !== "") given = JSON.parse(written);
  } catch (error) {
    throw new ConfigError(`it is not JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (given === null || typeof given !== "object" || Array.isArray(given)) {
    throw new ConfigError("write an object, in braces");
  }
  const found: Config = { ...DEFAULTS, ...given };
  const unknown = Object.keys(given).filter((name) => !(name in DEFAULTS));
  const problems = unknown.map((path) => ({ path, text: "there is no such field; there are secret and events" }));
  if (typeof found.secret !== "string") problems.push({ path: "secret", text: "write a text" });
  const isList = Array.isArray(found.events) && found.events.every((event) => typeof event === "string");
  if (!isList) problems.push({ path: "events", text: "write a list of GitHub's names of events" });
  if (problems.length > 0) throw new ConfigError(...problems);
  return found;
}
