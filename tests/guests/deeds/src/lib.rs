//! The component that `cargo xtask escapes` tells what to try. A request names one
//! deed; the answer is its result, or the reason why it failed.

#[cfg(target_family = "wasm")]
mod deeds;
#[cfg(target_family = "wasm")]
mod hoard;

use mortise_plugin::prelude::*;

struct Deeds {
    #[cfg_attr(
        not(target_family = "wasm"),
        expect(dead_code, reason = "only a component does deeds")
    )]
    context: Context,
}

#[derive(Deserialize)]
#[cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "only a component does deeds")
)]
struct Told {
    verb: String,
    values: Vec<String>,
}

impl Plugin for Deeds {
    fn manifest() -> Manifest {
        Manifest::new("test.deeds.component", "Deeds")
            .version(env!("CARGO_PKG_VERSION"))
            .wants(Permission::Webhook, "to see what the sandbox prevents")
    }

    fn new(context: Context) -> Self {
        Self { context }
    }
}

impl Webhook for Deeds {
    fn handle(&mut self, request: WebhookRequest) -> WebhookResponse {
        let outcome = match serde_json::from_slice::<Told>(&request.body) {
            Ok(told) => self.outcome(&told),
            Err(error) => Err(error.to_string()),
        };
        let answer = match outcome {
            Ok(done) => serde_json::json!({ "done": done }),
            Err(text) => serde_json::json!({ "errno": 13, "text": text }),
        };
        WebhookResponse::text(answer.to_string())
    }
}

impl Deeds {
    #[cfg(target_family = "wasm")]
    fn outcome(&self, told: &Told) -> Result<String, String> {
        let word = |at: usize| told.values.get(at).map_or("", String::as_str);
        deeds::outcome(&self.context, &told.verb, word(0), word(1))
    }

    #[cfg(not(target_family = "wasm"))]
    fn outcome(&self, _told: &Told) -> Result<String, String> {
        Err("only a component does deeds".to_owned())
    }
}

mortise_plugin::export!(Deeds: Webhook);
