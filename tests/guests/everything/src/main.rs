//! A fixture: a plugin that exports every capability, asks for every permission
//! and executes commands, including harmful ones. As a component and as a
//! native plugin it is the conformance plugin in Rust, which
//! `tests/conformance/PLUGIN.md` specifies.
//!
//! Other tests have some more commands:
//!
//! | command | does |
//! | --- | --- |
//! | `print-flood N` | N lines of 1 KiB to standard output |
//! | `http-hop URL` | `http` without following redirects |
//! | `hard-link FILE PATH` | gives a file another name |
//! | `envs` | answers the whole environment as JSON |
//! | `tcp ADDRESS` | connects, which the host refuses |
//! | `hold N` | takes N bytes for the instance's life |

mod command;

use mortise_plugin::prelude::*;

/// The configuration of tests.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// A command that `start` does.
    on_start: Option<String>,
    /// A command that `stop` does.
    on_stop: Option<String>,
    /// A command that `display` does.
    on_display: Option<String>,
    /// Answered as a problem with this field.
    refuse: Option<String>,
}

struct Everything {
    context: Context,
    config: Config,
    user: Option<User>,
    calls: u64,
    held: Vec<Vec<u8>>,
}

impl Plugin for Everything {
    fn manifest() -> Manifest {
        let because = "to be tested with it";
        Manifest::new("test.everything", "Everything")
            .version(env!("CARGO_PKG_VERSION"))
            .description("Has every capability and does as it is told.")
            .author("Mortise's tests")
            .license(env!("CARGO_PKG_LICENSE"))
            .website("https://example.org/everything")
            .wants(Permission::SendMessages, because)
            .wants(Permission::ReadMessages(vec!["*".to_owned()]), because)
            .wants(Permission::FilterMessages, because)
            .wants(Permission::Webhook, because)
            .wants(Permission::Cookies(vec!["session".to_owned()]), because)
            .wants(Permission::Http(vec!["127.0.0.1:*".to_owned()]), because)
            .wants(
                Permission::Environment(vec!["MORTISE_TEST".to_owned()]),
                because,
            )
            .wants(Permission::Timers, because)
            .wants(Permission::SendToUsers(vec!["*".to_owned()]), because)
            .listens(Vec::<String>::new(), -1000)
    }

    fn new(context: Context) -> Self {
        Self {
            context,
            config: Config::default(),
            user: None,
            calls: 0,
            held: Vec::new(),
        }
    }

    fn start(&mut self, user: &User) -> Result<(), String> {
        self.user = Some(user.clone());
        let command = self.config.on_start.clone();
        command.map_or(Ok(()), |command| self.do_and_log(&command))
    }

    fn stop(&mut self, reason: StopReason) -> Result<(), String> {
        let reason = match reason {
            StopReason::Disabled => "disabled",
            StopReason::Reloading => "reloading",
            StopReason::Idle => "idle",
            StopReason::ShuttingDown => "shutting_down",
        };
        self.context.info(format!("stopped: {reason}"));
        let command = self.config.on_stop.clone();
        command.map_or(Ok(()), |command| self.do_and_log(&command))
    }
}

impl Configurer for Everything {
    type Config = Config;

    fn apply(&mut self, config: Config) -> Result<(), Vec<Problem>> {
        if let Some(text) = config.refuse {
            return Err(vec![Problem::new("refuse", text)]);
        }
        self.config = config;
        Ok(())
    }
}

impl Displayer for Everything {
    fn display(&mut self, base_url: Option<&str>) -> String {
        match self.config.on_display.clone() {
            Some(command) => self
                .run(&command)
                .unwrap_or_else(|error| format!("error: {error}")),
            None => format!("# Everything\n\nat {}\n", base_url.unwrap_or("(none)")),
        }
    }
}

impl Webhook for Everything {
    fn handle(&mut self, request: WebhookRequest) -> WebhookResponse {
        let path = request.path.clone();
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["echo"] => WebhookResponse::json(&request),
            ["status", status] => WebhookResponse {
                status: status.parse().unwrap_or(400),
                headers: Vec::new(),
                body: request.body,
            },
            ["header-of", name] => WebhookResponse::text(request.header(name).unwrap_or("(none)")),
            ["header", name, value] => WebhookResponse::text("").with_header(name, *value),
            _ => match self.run(&String::from_utf8_lossy(&request.body)) {
                Ok(answer) => WebhookResponse::text(answer),
                Err(error) => WebhookResponse::text(error).with_status(500),
            },
        }
    }
}

impl Filter for Everything {
    fn filter(&mut self, draft: Draft) -> Result<Verdict, String> {
        let mut content = draft.content;
        let command = content.title.clone();
        let (word, rest) = command.split_once(' ').unwrap_or((&command, ""));
        match word {
            "keep" => Ok(Verdict::Keep),
            "drop" => Ok(Verdict::Drop(rest.to_owned())),
            "replace" => {
                content.body = rest.to_owned();
                Ok(Verdict::Replace(content))
            }
            _ => {
                content.body = self.run(&command)?;
                content.title = "result".to_owned();
                Ok(Verdict::Replace(content))
            }
        }
    }
}

impl Listener for Everything {
    fn on_messages(&mut self, messages: Vec<Message>) -> Result<(), String> {
        for message in messages {
            self.do_and_keep(&message.content.title)?;
        }
        Ok(())
    }
}

impl Timer for Everything {
    fn on_timer(&mut self, name: &str) -> Result<(), String> {
        self.do_and_keep(name)
    }
}

impl Everything {
    fn do_and_log(&mut self, command: &str) -> Result<(), String> {
        let answer = self.run(command)?;
        self.context.info(answer);
        Ok(())
    }

    fn do_and_keep(&mut self, command: &str) -> Result<(), String> {
        let answer = self.run(command)?;
        Ok(self
            .context
            .storage()
            .set_bytes("answer", answer.as_bytes())?)
    }
}

mortise_plugin::main!(Everything: Configurer, Displayer, Webhook, Filter, Listener, Timer);
