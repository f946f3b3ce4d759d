//! A webhook that turns posted JSON into messages by the jq programs in its
//! configuration, so users need not write a plugin. The end of the address
//! names the program.
//!
//! `config` has the configuration, and `message` turns a request into a
//! program's input and the outputs into messages. The crate `jq-program`
//! compiles and runs a program. This file answers the request and shows the
//! addresses.

mod config;
mod message;

use jq_program::{EVERY, Programs};
use mortise_plugin::prelude::*;

use crate::config::Config;

/// The address of the last request, for the page. Only requests contain the
/// path of the secret address.
const BASE_PATH: &str = "base-path";

struct JsonWebhook {
    context: Context,
    programs: Programs,
}

impl Plugin for JsonWebhook {
    fn manifest() -> Manifest {
        Manifest::new("io.mortise.json-webhook", "JSON webhook")
            .version(env!("CARGO_PKG_VERSION"))
            .description("Turns posted JSON into messages by jq programs that you write.")
            .license(env!("CARGO_PKG_LICENSE"))
            .wants(Permission::Webhook, "to receive the JSON of your services")
            .wants(
                Permission::SendMessages,
                "to send you the messages that your programs make of it",
            )
    }

    fn new(context: Context) -> Self {
        Self {
            context,
            programs: Programs::default(),
        }
    }
}

impl Configurer for JsonWebhook {
    type Config = Config;

    fn apply(&mut self, config: Config) -> Result<(), Vec<Problem>> {
        self.programs = config.compile()?;
        self.context
            .debug(format!("{} programs in use", self.programs.names().len()));
        Ok(())
    }

    fn default_text() -> String {
        include_str!("default.yaml").to_owned()
    }
}

/// The ids of the messages that a request became.
#[derive(Serialize)]
struct Sent {
    ids: Vec<u64>,
}

impl Webhook for JsonWebhook {
    fn handle(&mut self, request: WebhookRequest) -> WebhookResponse {
        self.remember(&request.base_path);
        let path = request.path.trim_end_matches('/');
        let name = path.rsplit('/').next().unwrap_or_default();
        let Some((name, program)) = self.programs.get(name) else {
            return WebhookResponse::text(self.unknown(name)).with_status(404);
        };
        if request.method != "POST" {
            return WebhookResponse::text("Post JSON to this address.\n")
                .with_status(405)
                .with_header("allow", "POST");
        }
        let messages = match message::messages(program, &request) {
            Ok(messages) => messages,
            Err(error) => {
                let error = format!("the program `{name}`: {error}");
                self.context
                    .warn(format!("a request from {}: {error}", request.client));
                return WebhookResponse::text(format!("{error}\n")).with_status(400);
            }
        };
        self.send(messages)
    }
}

impl Displayer for JsonWebhook {
    fn display(&mut self, base_url: Option<&str>) -> String {
        let known = self
            .context
            .storage()
            .get::<String>(BASE_PATH)
            .ok()
            .flatten();
        let base_url = base_url
            .unwrap_or("https://your-server")
            .trim_end_matches('/');
        let (address, hint) = match known {
            Some(path) => (format!("{base_url}{path}"), ""),
            None => (
                "<the webhook address>/".to_owned(),
                "The webhook address is shown with the plugin's settings; \
                 after the first request it is shown here too.\n\n",
            ),
        };
        let commands = self.programs.names().map(|name| {
            let name = if name == EVERY { "" } else { name };
            format!("curl -d '{{\"hello\": \"world\"}}' '{address}{name}'\n")
        });
        let commands: String = commands.collect();
        if commands.is_empty() {
            return "There is no program; write one in the configuration.\n".to_owned();
        }
        format!("{hint}Post JSON to the address of a program:\n\n```sh\n{commands}```\n")
    }
}

impl JsonWebhook {
    /// Sends messages up to the first one that fails, and answers the request.
    fn send(&self, messages: Vec<Outgoing>) -> WebhookResponse {
        let count = messages.len();
        let mut ids = Vec::new();
        for message in messages {
            match self.context.send(message) {
                Ok(id) => ids.push(id),
                Err(error) => {
                    let status = match error {
                        Error::Denied(_) => 403,
                        Error::Invalid(_) => 422,
                        Error::Exhausted(_) | Error::Unavailable(_) => 503,
                    };
                    let sent = ids.len();
                    let error = match count {
                        1 => error.to_string(),
                        _ => format!("{error}; sent {sent} of {count} messages"),
                    };
                    self.context.error(format!("sending failed: {error}"));
                    return WebhookResponse::text(format!("{error}\n")).with_status(status);
                }
            }
        }
        WebhookResponse::json(&Sent { ids })
    }

    /// The answer to a request for a program that does not exist.
    fn unknown(&self, name: &str) -> String {
        let wanted = match name {
            "" => "there is no program `*` for this address".to_owned(),
            name => format!("there is no program `{name}`"),
        };
        let names: Vec<_> = self.programs.names().map(|n| format!("`{n}`")).collect();
        match names.as_slice() {
            [] => format!("{wanted}; write one in the plugin's configuration\n"),
            names => format!("{wanted}; the programs are {}\n", names.join(", ")),
        }
    }

    fn remember(&self, base_path: &str) {
        let storage = self.context.storage();
        let known = storage.get::<String>(BASE_PATH).ok().flatten();
        if known.as_deref() != Some(base_path)
            && let Err(error) = storage.set(BASE_PATH, base_path)
        {
            self.context
                .warn(format!("the address cannot be remembered: {error}"));
        }
    }
}

mortise_plugin::export!(JsonWebhook: Configurer, Webhook, Displayer);

#[cfg(test)]
mod tests {
    use mortise_plugin::{config::from_yaml, prelude::*, testing::Recorder};

    use super::JsonWebhook;

    pub(crate) fn request(method: &str, path: &str, body: &str) -> WebhookRequest {
        WebhookRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: Some("room=attic&room=hall".to_owned()),
            headers: vec![Header::new("content-type", "application/json")],
            body: body.into(),
            client: "192.0.2.1".to_owned(),
            scheme: "https".to_owned(),
            host: "push.example.org".to_owned(),
            base_path: "/plugin/3/custom/secret/".to_owned(),
        }
    }

    fn plugin(host: &Recorder, config: &str) -> JsonWebhook {
        let mut plugin = JsonWebhook::new(host.context());
        plugin.apply(from_yaml(config).unwrap()).unwrap();
        plugin
    }

    #[test]
    fn the_end_of_the_path_names_the_program() {
        let host = Recorder::new();
        let mut plugin = plugin(&host, "programs: {a: '\"A\"', '*': .path}");
        for (path, body) in [("a", "A"), ("x/a/", "A"), ("a/b", "a/b"), ("b", "b")] {
            assert_eq!(plugin.handle(request("POST", path, "1")).status, 200);
            assert_eq!(host.sent().last().unwrap().content.body, body, "{path}");
        }
    }

    #[test]
    fn an_error_in_an_answer_is_bounded() {
        let host = Recorder::new();
        let mut plugin = plugin(&host, "programs: {a: '\"ä\" * 100000 | error'}");
        let response = plugin.handle(request("POST", "a", "1"));
        assert_eq!(response.status, 400);
        assert!(response.body.len() < 600, "{}", response.body.len());
    }

    #[test]
    fn an_answer_says_how_many_messages_were_sent() {
        // The host in memory rejects nothing that a program can make.
        let plugin = plugin(&Recorder::new(), "{}");
        let messages = vec![Content::new("", "b").into(), Content::new("", "").into()];
        let response = plugin.send(messages);
        assert_eq!(response.status, 422);
        let text = String::from_utf8(response.body).unwrap();
        assert!(text.ends_with("; sent 1 of 2 messages\n"), "{text}");
    }

    #[test]
    fn shows_its_addresses_once_they_are_known() {
        let mut plugin = plugin(&Recorder::new(), "programs: {a: ., '*': .}");
        assert!(plugin.display(None).contains("'<the webhook address>/a'\n"));
        plugin.handle(request("GET", "", ""));
        let page = plugin.display(Some("https://push.example.org/"));
        for name in ["", "a"] {
            let address = format!("'https://push.example.org/plugin/3/custom/secret/{name}'\n");
            assert!(page.contains(&address), "{page}");
        }
    }
}
