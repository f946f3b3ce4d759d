//! {{title}}.

use mortise_plugin::prelude::*;

// @if configurer
/// A user's configuration.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// Put before each title.
    prefix: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            prefix: PREFIX.to_owned(),
        }
    }
}

// @end
// @if filter webhook timer configurer
const PREFIX: &str = "[{{name}}] ";

// @end
struct {{camel}} {
    // @if listener displayer webhook timer
    context: Context,
    // @end
    // @if configurer
    config: Config,
    // @end
}

impl {{camel}} {
    // @if filter webhook timer
    fn prefix(&self) -> &str {
        // @if configurer
        &self.config.prefix
        // @else
        PREFIX
        // @end
    }
    // @end
}

impl Plugin for {{camel}} {
    fn manifest() -> Manifest {
        Manifest::new("{{id}}", "{{title}}")
            .version(env!("CARGO_PKG_VERSION"))
            .description("Says what it does, in a sentence.")
            // @if filter
            .wants(Permission::FilterMessages, "to put a prefix before titles")
            // @end
            // @if listener
            .wants(Permission::ReadMessages(vec!["*".to_owned()]), "to count messages")
            // @end
            // @if webhook
            .wants(Permission::Webhook, "to be told what to send")
            // @end
            // @if timer
            .wants(Permission::Timers, "to speak up every hour")
            // @end
            // @if webhook timer
            .wants(Permission::SendMessages, "to send what it was told, or on time")
            // @end
    }

    // @if listener displayer webhook timer
    fn new(context: Context) -> Self {
    // @else
    fn new(_context: Context) -> Self {
    // @end
        Self {
            // @if listener displayer webhook timer
            context,
            // @end
            // @if configurer
            config: Config::default(),
            // @end
        }
    }
    // @if timer

    fn start(&mut self, _user: &User) -> Result<(), String> {
        let every_hour = Schedule::EveryMs(60 * 60 * 1000);
        Ok(self.context.timers().set("hourly", every_hour)?)
    }
    // @end
}
// @if configurer

impl Configurer for {{camel}} {
    type Config = Config;

    fn apply(&mut self, config: Config) -> Result<(), Vec<Problem>> {
        if config.prefix.len() > 64 {
            return Err(vec![Problem::new("prefix", "write at most 64 characters")]);
        }
        self.config = config;
        Ok(())
    }
}
// @end
// @if displayer

impl Displayer for {{camel}} {
    fn display(&mut self, _base_url: Option<&str>) -> String {
        let count: u64 = self.context.storage().get("count").ok().flatten().unwrap_or_default();
        format!("# {{title}}\n\n{count} messages so far.\n")
    }
}
// @end
// @if webhook

impl Webhook for {{camel}} {
    fn handle(&mut self, request: WebhookRequest) -> WebhookResponse {
        let text = String::from_utf8_lossy(&request.body);
        let title = format!("{}webhook", self.prefix());
        match self.context.send(Content::new(title, text)) {
            Ok(id) => WebhookResponse::text(format!("message {id}")),
            Err(error) => WebhookResponse::text(error.to_string()).with_status(502),
        }
    }
}
// @end
// @if filter

impl Filter for {{camel}} {
    fn filter(&mut self, mut draft: Draft) -> Result<Verdict, String> {
        if draft.content.title.starts_with(self.prefix()) {
            return Ok(Verdict::Keep);
        }
        draft.content.title.insert_str(0, self.prefix());
        Ok(Verdict::Replace(draft.content))
    }
}
// @end
// @if listener

impl Listener for {{camel}} {
    fn on_messages(&mut self, messages: Vec<Message>) -> Result<(), String> {
        let storage = self.context.storage();
        let before: u64 = storage.get("count")?.unwrap_or_default();
        Ok(storage.set("count", &(before + messages.len() as u64))?)
    }
}
// @end
// @if timer

impl Timer for {{camel}} {
    fn on_timer(&mut self, _name: &str) -> Result<(), String> {
        let title = format!("{}timer", self.prefix());
        self.context.send(Content::new(title, "an hour has passed"))?;
        Ok(())
    }
}
// @end

mortise_plugin::main!({{camel}}: {{capability-types}});
