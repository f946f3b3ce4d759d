// An OpenID provider for tests: the package `oidc-provider` with two differences.
// Everybody who asks is logged in at once as the account that `/control` chose, and
// ID tokens can be falsified before they are signed.
import { createServer } from "node:http";
import { exportJWK, generateKeyPair, SignJWT, decodeJwt } from "jose";
import { Provider } from "oidc-provider";

const control = { account: "ann", falsify: "" };
const key = await generateKeyPair(process.argv[2] ?? "RS256", { extractable: true });
const stranger = await generateKeyPair("RS256");
const jwk = { ...(await exportJWK(key.privateKey)), kid: "one", alg: process.argv[2] ?? "RS256", use: "sig" };

const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "mortise",
      client_secret: "the secret: of + Mortise",
      application_type: "native",
      // Of a loopback address, any port fits.
      redirect_uris: [
        "http://127.0.0.1/auth/oidc/callback",
        "http://127.0.0.1/push/auth/oidc/callback",
        "gotify://oidc/callback",
      ],
      id_token_signed_response_alg: jwk.alg,
    },
  ],
  jwks: { keys: [jwk] },
  cookies: { keys: ["a key of the tests"] },
  claims: { openid: ["sub"], profile: ["preferred_username"], email: ["email"] },
  features: { devInteractions: { enabled: false } },
  pkce: { required: () => true },
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "PS256", "ES256", "EdDSA"] },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({
    accountId: id,
    // The name before a dot: two accounts may have one name.
    claims: () => ({ sub: id, preferred_username: id.split(".")[0], email: `${id}@example.org` }),
  }),
});

async function falsified(token) {
  const claims = decodeJwt(token);
  const by = { nonce: { nonce: "another" }, iss: { iss: "http://other.example" }, aud: { aud: "other" },
    azp: { aud: ["mortise", "other"], azp: "other" }, exp: { exp: 1000 }, sub: { sub: "eve" } }[control.falsify] ?? {};
  const header = { alg: jwk.alg, kid: control.falsify === "kid" ? "two" : "one" };
  const changed = { ...claims, ...by };
  if (control.falsify === "without exp") delete changed.exp;
  if (control.falsify === "none") {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    return `${part({ alg: "none" })}.${part(changed)}.`;
  }
  if (control.falsify === "hmac") {
    // Signed with the public key as if that were a secret.
    const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(key.publicKey)));
    return new SignJWT(changed).setProtectedHeader({ alg: "HS256", kid: "one" }).sign(secret);
  }
  return new SignJWT(changed).setProtectedHeader(header).sign(control.falsify === "key" ? stranger.privateKey : key.privateKey);
}

provider.use(async (context, next) => {
  if (context.path === "/control") {
    Object.assign(control, Object.fromEntries(new URLSearchParams(context.querystring)));
    context.body = "";
    return;
  }
  if (!context.path.startsWith("/interaction/")) {
    await next();
    if (control.falsify && context.body?.id_token) context.body = { ...context.body, id_token: await falsified(context.body.id_token) };
    return;
  }
  const { prompt, params, session } = await provider.interactionDetails(context.req, context.res);
  let result = { login: { accountId: control.account } };
  if (control.account === "nobody") {
    result = { error: "access_denied", error_description: "Nobody was there" };
  } else if (prompt.name === "consent") {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope("openid profile email");
    result = { consent: { grantId: await grant.save() } };
  }
  await provider.interactionFinished(context.req, context.res, result, { mergeWithLastSubmission: prompt.name === "consent" });
  context.respond = false;
});
server.on("request", provider.callback());
console.log(issuer);
// It ends with the test that started it.
process.stdin.resume().on("end", () => process.exit());
