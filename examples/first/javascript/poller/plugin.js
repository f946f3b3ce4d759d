// Fetches a JSON address again and again, and sends a message when a field changes.

import { ConfigError, definePlugin, every, host, Refused, wants } from "./sdk/index.js";

const DEFAULTS = { url: "https://api.example.org/status", field: "state", minutes: 10 };
const PROPERTIES = {
  url: { type: "string", description: "The address, which answers with a JSON object." },
  field: { type: "string", description: "The field of the object to compare." },
  minutes: { type: "integer", minimum: 1, description: "The minutes between two requests." },
};
let config = DEFAULTS;

export const { manifest, lifecycle, configurer, timer } = definePlugin({
  manifest: {
    id: "org.example.poller",
    name: "Poller",
    version: "1.0.0",
    wants: [
      wants.http("to fetch the address in its configuration", "*:*"),
      wants.timers("to fetch it again and again"),
      wants.sendMessages("to report a change"),
    ],
  },

  defaults: () => JSON.stringify(DEFAULTS, null, 2),

  schema: () => JSON.stringify({ type: "object", properties: PROPERTIES, additionalProperties: false }),

  apply(text) {
    try {
      const read = { ...DEFAULTS, ...JSON.parse(text) };
      host.timers.set("poll", every(read.minutes * 60_000));
      config = read;
    } catch (error) {
      throw new ConfigError(error.message);
    }
  },

  async onTimer() {
    const value = await current().catch((error) => {
      throw new Refused(`${config.url}: ${error.message}`);
    });
    const last = host.storage.getText("last");
    if (last !== undefined && last !== value) host.send({ title: config.field, body: `${last} → ${value}` });
    host.storage.set("last", value);
  },
});

async function current() {
  const response = await fetch(config.url, { signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`it answered with status ${response.status}`);
  return String((await response.json())[config.field]);
}
