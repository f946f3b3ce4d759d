"""A webhook that sends a message for each event that is signed with a secret."""

import hashlib
import hmac
import json

import mortise_plugin as m

SCHEMA = {
    "type": "object",
    "properties": {"secret": {"type": "string", "writeOnly": True, "description": "The sender's secret."}},
    "additionalProperties": False,
}


class Signed(m.Plugin):
    manifest = m.Manifest(
        id="org.example.signed",
        name="Signed",
        version="1.0.0",
        wants=[m.Want.webhook("to receive events"), m.Want.send_messages("to report them")],
    )

    def defaults(self):
        return json.dumps({"secret": ""}, indent=2)

    def schema(self):
        return json.dumps(SCHEMA)

    def apply(self, config):
        try:
            self.secret = json.loads(config).get("secret", "")
        except ValueError as error:
            raise m.ConfigError(str(error)) from None

    def handle(self, request):
        signature = "sha256=" + hmac.new(self.secret.encode(), request.body, hashlib.sha256).hexdigest()
        given = request.header("x-hub-signature-256", "").encode()
        if not self.secret or not hmac.compare_digest(signature.encode(), given):
            return m.WebhookResponse.text("the signature is missing or wrong\n", 401)
        self.host.send(request.json()["title"], title="Event")
        return m.WebhookResponse(204)


m.run(Signed)
