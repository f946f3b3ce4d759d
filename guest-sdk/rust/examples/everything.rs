//! A plugin that has every capability, as a program: built for the machine it
//! is a native plugin, built for `wasm32-wasip2` a component.

use mortise_plugin::prelude::*;

struct Everything {
    context: Context,
    user: String,
    config: Config,
}

/// The user's configuration.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Config {
    greeting: String,
}

impl Plugin for Everything {
    fn manifest() -> Manifest {
        Manifest::new("io.mortise.everything", "Everything")
            .version("1.0.0")
            .wants(Permission::SendMessages, "It repeats what it gets.")
    }

    fn new(context: Context) -> Self {
        Self {
            context,
            user: String::new(),
            config: Config::default(),
        }
    }

    fn start(&mut self, user: &User) -> Result<(), String> {
        self.user.clone_from(&user.name);
        Ok(())
    }
}

impl Configurer for Everything {
    type Config = Config;

    fn apply(&mut self, config: Config) -> Result<(), Vec<Problem>> {
        self.config = config;
        Ok(())
    }
}

impl Displayer for Everything {
    fn display(&mut self, _base_url: Option<&str>) -> String {
        format!("{} {}", self.config.greeting, self.user)
    }
}

impl Webhook for Everything {
    fn handle(&mut self, request: WebhookRequest) -> WebhookResponse {
        let text = String::from_utf8_lossy(&request.body);
        let answer = match self.context.send(Content::new("Said", text)) {
            Ok(id) => id.to_string(),
            Err(error) => error.to_string(),
        };
        WebhookResponse::text(answer)
    }
}

impl Filter for Everything {
    #[expect(clippy::panic, reason = "to show what becomes of it")]
    fn filter(&mut self, draft: Draft) -> Result<Verdict, String> {
        match draft.content.body.as_str() {
            "panic" => panic!("asked to"),
            "refuse" => Err("asked to".to_owned()),
            _ => Ok(Verdict::Keep),
        }
    }
}

impl Listener for Everything {
    fn on_messages(&mut self, messages: Vec<Message>) -> Result<(), String> {
        let count = messages.len();
        let stored = self.context.storage().set("count", &count);
        stored.map_err(|error| error.to_string())
    }
}

impl Timer for Everything {
    fn on_timer(&mut self, name: &str) -> Result<(), String> {
        let url = format!("http://{name}/");
        let answer = self.context.http(HttpRequest::get(url));
        let answer = answer.map_err(|error| error.to_string())?;
        self.context.info(answer.text());
        Ok(())
    }
}

mortise_plugin::main!(Everything: Configurer, Displayer, Webhook, Filter, Listener, Timer);
