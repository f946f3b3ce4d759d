// A listener that sends messages to a channel of Slack, by an incoming webhook.
//
// `config.js` has the configuration, and `payload.js` Slack's format. This file
// sends it, and handles failed deliveries.

import { DEFAULTS, read, SCHEMA } from "./config.js";
import { payload } from "./payload.js";
import { definePlugin, host, Refused, wants } from "./sdk/index.js";

// The storage's keys: the ids of the messages that were sent from a batch with a later
// failure, which the host passes again as a whole; and the time before which Slack
// takes no message. The last id would not be enough: a dead letter that its user has
// delivered again is older.
const SENT = "sent";
const NOT_BEFORE = "not-before";

// The time for deliveries in one call, and for one of them. The host's own deadline
// is later.
const BUDGET_MS = 5000;
const TIMEOUT_MS = 4000;

// The longest pause that is kept.
const LONGEST_PAUSE_S = 3600;

// Slack's words for a message that it never takes.
const REJECTED = ["invalid_payload", "no_text", "msg_too_long", "too_many_attachments"];

let config = DEFAULTS;

export const { manifest, lifecycle, configurer, listener } = definePlugin({
  manifest: {
    id: "io.mortise.slack",
    name: "Slack",
    version: "0.1.0",
    description: "Sends messages to a channel of Slack, by an incoming webhook.",
    license: "MIT OR Apache-2.0",
    wants: [
      wants.readMessages("to send the messages to Slack"),
      wants.http("to send the messages to Slack", "https://hooks.slack.com"),
    ],
  },

  defaults: () => `${JSON.stringify(DEFAULTS, null, 2)}\n`,

  schema: () => JSON.stringify(SCHEMA),

  apply(text) {
    config = read(text);
  },

  async onMessages(messages) {
    if (config.url === "") return;
    const began = Date.now();
    const pause = Number(host.storage.getText(NOT_BEFORE) ?? 0) - began;
    if (pause > 0) throw new Refused(`Slack takes the next message in ${Math.ceil(pause / 1000)} s`);
    const before = JSON.parse(host.storage.getText(SENT) ?? "[]");
    const sent = [];
    try {
      for (const message of messages.filter(isWanted)) {
        if (!before.includes(message.id)) {
          if (Date.now() - began > BUDGET_MS) throw new Refused("Slack is slow; the other messages follow");
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

function isWanted({ application, content }) {
  const named = config.applications;
  return content.priority >= config.min_priority && (named.length === 0 || named.includes(application.name));
}

/**
 * Sends one message. Throws for failures that a later attempt may not have. If Slack
 * rejects a message because of its content, the plugin logs and skips it, because it
 * would hold up all others.
 */
async function send(message) {
  let response;
  let answer;
  try {
    response = await fetch(config.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(payload(message, config)),
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    answer = await response.text();
  } catch (error) {
    // Errors name the address, which is a secret.
    throw new Refused(`message ${message.id}: ${String(error.message).replaceAll(config.url, "the webhook")}`);
  }
  if (response.ok) return;
  const why = `message ${message.id}: Slack answered with status ${response.status}: ${answer.slice(0, 200)}`;
  if (REJECTED.includes(answer.trim()) || response.status === 413) {
    host.log(why, "warn");
    return;
  }
  const wait = Math.min(Number(response.headers.get("retry-after")) || 0, LONGEST_PAUSE_S);
  if (wait > 0) host.storage.set(NOT_BEFORE, String(Date.now() + wait * 1000));
  throw new Refused(why);
}
