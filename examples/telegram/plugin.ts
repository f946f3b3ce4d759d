// A listener that sends messages to a chat of Telegram, by a bot.
//
// `config.ts` has the configuration, and `text.ts` the text of a message. This file
// sends it, and handles failed deliveries.

import { DEFAULTS, read, SCHEMA } from "./config.js";
import { definePlugin, host, type Message, Refused, wants } from "./sdk/index.js";
import { html } from "./text.js";

// The storage's keys: the ids of the messages that were sent from a batch with a later
// failure, which the host passes again as a whole; and the time before which Telegram
// takes no message. The last id would not be enough: a dead letter that its user has
// delivered again is older.
const SENT = "sent";
const NOT_BEFORE = "not-before";

// The time for deliveries in one call, and for one of them. The host's own deadline
// is later.
const BUDGET_MS = 5000;
const TIMEOUT_MS = 4000;

// The longest pause that Telegram can ask for.
const LONGEST_PAUSE_S = 3600;

let config = DEFAULTS;

export const { manifest, lifecycle, configurer, listener } = definePlugin({
  manifest: {
    id: "io.mortise.telegram",
    name: "Telegram",
    version: "0.1.0",
    description: "Sends messages to a chat of Telegram, by a bot.",
    license: "MIT OR Apache-2.0",
    wants: [
      wants.readMessages("to send the messages to Telegram"),
      wants.http("to send the messages to Telegram", "https://api.telegram.org"),
    ],
  },

  defaults: () => `${JSON.stringify(DEFAULTS, null, 2)}\n`,

  schema: () => JSON.stringify(SCHEMA),

  apply(text) {
    config = read(text);
  },

  async onMessages(messages) {
    if (config.token === "") return;
    const began = Date.now();
    await pause();
    const before: number[] = JSON.parse(host.storage.getText(SENT) ?? "[]");
    const sent: number[] = [];
    try {
      for (const message of messages.filter(isWanted)) {
        if (!before.includes(message.id)) {
          if (Date.now() - began > BUDGET_MS) throw new Refused("Telegram is slow; the other messages follow");
          await send(message);
        }
        sent.push(message.id);
      }
    } catch (error) {
      if (sent.length > 0) host.storage.set(SENT, JSON.stringify(sent));
      throw error;
    }
  },
});

function isWanted({ application, content }: Message): boolean {
  const named = config.applications;
  return content.priority >= config.min_priority && (named.length === 0 || named.includes(application.name));
}

/** Waits until Telegram takes messages again, or throws if that takes too long. */
async function pause(): Promise<void> {
  const left = Number(host.storage.getText(NOT_BEFORE) ?? 0) - Date.now();
  if (left <= 0) return;
  if (left > BUDGET_MS / 2) throw new Refused(`Telegram takes the next message in ${Math.ceil(left / 1000)} s`);
  await new Promise<void>((resolve) => setTimeout(resolve, left));
}

/**
 * Sends one message. Throws for failures that a later attempt may not have. If
 * Telegram rejects a message because of its content, the plugin logs and skips it,
 * because it would hold up all others.
 */
async function send(message: Message): Promise<void> {
  const body = JSON.stringify({
    chat_id: config.chat,
    text: html(message),
    parse_mode: "HTML",
    disable_notification: message.content.priority < config.silent_below,
    link_preview_options: { is_disabled: true },
  });
  let status: number;
  let answer: Answer;
  try {
    const response = await fetch(`${config.server}/bot${config.token}/sendMessage`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    status = response.status;
    answer = parse(await response.text());
  } catch (error) {
    // Errors name the address, which contains the token.
    throw new Refused(`message ${message.id}: ${withoutToken(error)}`);
  }
  if (status >= 200 && status < 300) return;
  const why = `message ${message.id}: Telegram answered with status ${status}: ${withoutToken(answer.description)}`;
  const wait = Math.min(Number(answer.parameters?.retry_after) || 0, LONGEST_PAUSE_S);
  if (status === 429 && wait > 0) host.storage.set(NOT_BEFORE, String(Date.now() + wait * 1000));
  // If the chat is wrong, the user has to act, and the message is not at fault.
  if (status === 400 && !/chat/.test(answer.description)) {
    host.log(why, "warn");
    return;
  }
  throw new Refused(why);
}

interface Answer {
  description: string;
  parameters?: { retry_after?: number };
}

/** Telegram answers with JSON, but a proxy in between may not. */
function parse(text: string): Answer {
  try {
    const { description, parameters } = JSON.parse(text);
    return { description: String(description ?? text).slice(0, 200), parameters };
  } catch {
    return { description: text.slice(0, 200) };
  }
}

function withoutToken(text: unknown): string {
  return String(text instanceof Error ? text.message : text).replaceAll(config.token, "TOKEN");
}
