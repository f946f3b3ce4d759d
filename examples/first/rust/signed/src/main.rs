//! A webhook that sends a message for each event that is signed with a secret.

use hmac::{Hmac, KeyInit, Mac};
use mortise_plugin::{prelude::*, serde_json::Value};
use sha2::Sha256;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The sender's secret.
    #[schemars(extend("writeOnly" = true))]
    secret: String,
}

struct Signed(Context, Config);

impl Plugin for Signed {
    fn manifest() -> Manifest {
        Manifest::new("org.example.signed", "Signed")
            .wants(Permission::Webhook, "to receive events")
            .wants(Permission::SendMessages, "to report them")
    }

    fn new(context: Context) -> Self {
        Self(context, Config::default())
    }
}

impl Configurer for Signed {
    type Config = Config;

    fn default_text() -> String {
        include_str!("default.yaml").to_owned()
    }

    fn apply(&mut self, config: Config) -> Result<(), Vec<Problem>> {
        self.1 = config;
        Ok(())
    }
}

impl Webhook for Signed {
    fn handle(&mut self, request: WebhookRequest) -> WebhookResponse {
        if self.1.secret.is_empty() || verify(&request, &self.1.secret).is_none() {
            return WebhookResponse::text("the signature is missing or wrong\n").with_status(401);
        }
        let event: Value = request.json().unwrap_or_default();
        let title = event.get("title").and_then(Value::as_str);
        match self
            .0
            .send(Content::new("Event", title.unwrap_or("no title")))
        {
            Ok(_) => WebhookResponse::status(204),
            Err(error) => WebhookResponse::text(error.to_string()).with_status(503),
        }
    }
}

/// Compares in constant time.
fn verify(request: &WebhookRequest, secret: &str) -> Option<()> {
    let header = request.header("x-hub-signature-256")?;
    let tag = hex::decode(header.strip_prefix("sha256=")?).ok()?;
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.chain_update(&request.body).verify_slice(&tag).ok()
}

mortise_plugin::main!(Signed: Configurer, Webhook);
