// A webhook that sends a message for each event that is signed with a secret.

import { ConfigError, definePlugin, host, respond, text, wants } from "./sdk/index.js";

const SECRET = { type: "string", writeOnly: true, description: "The sender's secret." };
const HMAC = { name: "HMAC", hash: "SHA-256" };
let secret = "";

export const { manifest, lifecycle, configurer, webhook } = definePlugin({
  manifest: {
    id: "org.example.signed",
    name: "Signed",
    version: "1.0.0",
    wants: [wants.webhook("to receive events"), wants.sendMessages("to report them")],
  },

  defaults: () => JSON.stringify({ secret: "" }, null, 2),

  schema: () => JSON.stringify({ type: "object", properties: { secret: SECRET }, additionalProperties: false }),

  apply(config) {
    try {
      secret = JSON.parse(config).secret ?? "";
    } catch (error) {
      throw new ConfigError(error.message);
    }
  },

  async handle(request) {
    if (!(await isSigned(request))) return text("the signature is missing or wrong\n", 401);
    host.send({ title: "Event", body: request.json().title });
    return respond(204);
  },
});

async function isSigned(request) {
  const [, hex] = /^sha256=([0-9a-f]{64})$/.exec(request.header("x-hub-signature-256") ?? "") ?? [];
  if (!secret || !hex) return false;
  const signature = Uint8Array.from(hex.match(/../g), (byte) => parseInt(byte, 16));
  const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(secret), HMAC, false, ["verify"]);
  return crypto.subtle.verify("HMAC", key, signature, request.body);
}
