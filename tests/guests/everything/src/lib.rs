//! A fixture: a plugin that exports every capability, asks for every permission
//! and does as it is told, also what no plugin should.
//!
//! # Where commands come from
//!
//! | call | command | answer |
//! | --- | --- | --- |
//! | `filter` | the draft's title | `keep` and `drop` as such; otherwise replaced by title `result`, body the answer; an error is an error |
//! | `on-messages` | each message's title | stored under `answer`; an error is an error |
//! | `on-timer` | the timer's name | the same |
//! | `handle` | the body; with a path, the path decides: see below | status 200 and the answer; 500 and the error |
//! | `start`, `stop` | the configuration's `on_start`, `on_stop` | logged; an error is an error |
//! | `apply` | none; the configuration's `refuse` is answered as a problem | |
//! | `display` | the configuration's `on_display` | the answer, or the error |
//!
//! Webhook paths: `echo` answers with the request as JSON, `status/N` with that
//! status and the body as it came, `header/NAME/VALUE` with that header.
//!
//! # Commands
//!
//! Words are separated by single spaces. What is written `TEXT` goes on to the
//! end of the line. An answer is text, JSON where it is a value of the contract.
//!
//! | command | does |
//! | --- | --- |
//! | `keep` | nothing (`filter` keeps the draft) |
//! | `drop TEXT` | for `filter` only: drops the draft for this reason |
//! | `replace TEXT` | for `filter` only: the same as `say`, under the draft's own title |
//! | `say TEXT` | answers the text |
//! | `fail TEXT` | answers an error |
//! | `user` | who was given to `start`, as JSON |
//! | `calls` | how many commands this very instance was given, this one included |
//! | `count` | the same over all instances, kept in storage |
//! | `send TEXT` | sends a message, answers its id |
//! | `send-as NAME TEXT` | the same from another application of its own |
//! | `get ID`, `sent [BEFORE]`, `received [BEFORE]`, `remove ID` | messages, in pages of 10 |
//! | `store KEY TEXT`, `load KEY`, `unset KEY`, `keys [PREFIX]` | storage; `load` of nothing answers `(none)` |
//! | `store-bytes KEY N` | stores N zero bytes |
//! | `every NAME MS`, `cron NAME TEXT`, `once NAME MS`, `cancel NAME` | timers |
//! | `log LEVEL TEXT`, `print TEXT`, `eprint TEXT` | log, standard output, standard error |
//! | `log-flood N` | N lines of 1 KiB to the log |
//! | `print-flood N` | N lines of 1 KiB to standard output |
//! | `http URL`, `http-post URL TEXT` | calls out, answers status and body |
//! | `http-hop URL` | the same without following redirects |
//! | `read-file PATH`, `write-file PATH TEXT`, `list-dir PATH` | files |
//! | `env NAME`, `envs` | environment; `env` of nothing answers `(none)` |
//! | `tcp ADDRESS` | connects, which the host refuses |
//! | `now` | milliseconds since the epoch |
//! | `random` | a random number |
//! | `sleep-ms N` | sleeps |
//! | `big-string N` | answers N times `x` |
//! | `panic TEXT` | panics |
//! | `loop` | never ends |
//! | `recurse` | overflows the stack |
//! | `allocate` | takes memory until there is no more |
//! | `hold N` | takes N bytes for the instance's life |
//! | `exit N` | ends as a process would |

mod command;

use mortise_plugin::prelude::*;

/// What tests configure.
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
        self.context.info(format!("stopped: {reason:?}"));
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

mortise_plugin::export!(Everything: Configurer, Displayer, Webhook, Filter, Listener, Timer);
