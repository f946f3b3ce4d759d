// {{title}}.
//
// What is kept in variables here is one user's: each has an instance of their own.

import {
  // @if configurer
  ConfigError,
  // @end
  definePlugin,
  // @if timer
  every,
  // @end
  // @if listener displayer webhook timer
  host,
  // @end
  // @if filter
  keep,
  replace,
  // @end
  // @if webhook
  text,
  // @end
  wants,
} from "./sdk/index.js";
// @if filter webhook timer configurer
const PREFIX = "[{{name}}] ";
// @if configurer
let prefix = PREFIX;
// @else
const prefix = PREFIX;
// @end
// @end

export const { {{exports}} } = definePlugin({
  manifest: {
    id: "{{id}}",
    name: "{{title}}",
    version: "0.1.0",
    description: "Says what it does, in a sentence.",
    wants: [
      // @if filter
      wants.filterMessages("to put a prefix before titles"),
      // @end
      // @if listener
      wants.readMessages("to count messages"),
      // @end
      // @if webhook
      wants.webhook("to be told what to send"),
      // @end
      // @if timer
      wants.timers("to speak up every hour"),
      // @end
      // @if webhook timer
      wants.sendMessages("to send what it was told, or on time"),
      // @end
    ],
  },
  // @if timer

  start() {
    host.timers.set("hourly", every(60 * 60 * 1000));
  },
  // @end
  // @if configurer

  // The configuration is JSON, which is also YAML.
  defaults: () => `${JSON.stringify({ prefix: PREFIX }, null, 2)}\n`,

  schema: () => JSON.stringify({ type: "object", properties: { prefix: { type: "string", maxLength: 64 } } }),

  apply(text: string) {
    const config = text.trim() ? parse(text) : {};
    const read = config.prefix ?? PREFIX;
    if (typeof read !== "string" || read.length > 64) {
      throw new ConfigError({ path: "prefix", text: "write a text of at most 64 characters" });
    }
    prefix = read;
  },
  // @end
  // @if displayer

  display() {
    const count = Number(host.storage.getText("count") ?? 0);
    return `# {{title}}\n\n${count} messages so far.\n`;
  },
  // @end
  // @if webhook

  handle(request) {
    const id = host.send({ title: `${prefix}webhook`, body: request.text() });
    return text(`message ${id}`);
  },
  // @end
  // @if filter

  filter({ content }) {
    if (content.title.startsWith(prefix)) return keep();
    return replace({ ...content, title: prefix + content.title });
  },
  // @end
  // @if listener

  onMessages(messages) {
    const count = Number(host.storage.getText("count") ?? 0) + messages.length;
    host.storage.set("count", String(count));
  },
  // @end
  // @if timer

  onTimer() {
    host.send({ title: `${prefix}timer`, body: "an hour has passed" });
  },
  // @end
});
// @if configurer

function parse(text: string): { prefix?: unknown } {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`it is not JSON: ${error instanceof Error ? error.message : error}`);
  }
}
// @end
