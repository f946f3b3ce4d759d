//! A webhook that turns notifications of Prometheus Alertmanager into messages.
//!
//! `notification` reads Alertmanager's format, and `render` makes a message.
//! This file answers the request and shows the address.

mod config;
mod notification;
mod render;

use mortise_plugin::prelude::*;

use crate::{config::Config, notification::Notification};

/// The address of the last request, for the page. Only requests contain the
/// path of the secret address.
const BASE_PATH: &str = "base-path";

struct Alertmanager {
    context: Context,
    config: Config,
}

impl Plugin for Alertmanager {
    fn manifest() -> Manifest {
        Manifest::new("io.mortise.alertmanager", "Alertmanager")
            .version(env!("CARGO_PKG_VERSION"))
            .description("Turns Prometheus Alertmanager's notifications into messages.")
            .license(env!("CARGO_PKG_LICENSE"))
            .website("https://prometheus.io/docs/alerting/latest/configuration/#webhook_config")
            .wants(
                Permission::Webhook,
                "to receive Alertmanager's notifications",
            )
            .wants(
                Permission::SendMessages,
                "to pass the notifications on to you",
            )
    }

    fn new(context: Context) -> Self {
        Self {
            context,
            config: Config::default(),
        }
    }
}

impl Configurer for Alertmanager {
    type Config = Config;

    fn apply(&mut self, config: Config) -> Result<(), Vec<Problem>> {
        config.check()?;
        self.config = config;
        Ok(())
    }

    fn default_text() -> String {
        include_str!("default.yaml").to_owned()
    }
}

impl Webhook for Alertmanager {
    fn handle(&mut self, request: WebhookRequest) -> WebhookResponse {
        self.remember(&request.base_path);
        if !request.path.is_empty() {
            return WebhookResponse::text("There is nothing here; post to the address itself.\n")
                .with_status(404);
        }
        if request.method != "POST" {
            return WebhookResponse::text("Alertmanager posts its notifications here.\n")
                .with_status(405)
                .with_header("allow", "POST");
        }
        let notification = match request.json::<Notification>() {
            Ok(notification) => notification,
            Err(error) => {
                self.context
                    .warn(format!("a request from {}: {error}", request.client));
                return WebhookResponse::text(format!("{error}\n")).with_status(400);
            }
        };
        let Some(message) = render::message(&notification, &self.config) else {
            return WebhookResponse::status(204);
        };
        match self.context.send(message) {
            Ok(_) => WebhookResponse::status(204),
            Err(error) => {
                self.context.error(format!("sending failed: {error}"));
                // Alertmanager repeats a request after a status of 500 or more.
                let status = match error {
                    Error::Denied(_) => 403,
                    Error::Invalid(_) => 422,
                    Error::Exhausted(_) | Error::Unavailable(_) => 503,
                };
                WebhookResponse::text(format!("{error}\n")).with_status(status)
            }
        }
    }
}

impl Displayer for Alertmanager {
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
                "<the webhook address>".to_owned(),
                "The webhook address is shown with the plugin's settings; \
                 after the first request it is shown here too.\n\n",
            ),
        };
        format!(
            "{hint}Add this receiver to Alertmanager's configuration:\n\n\
             ```yaml\n\
             receivers:\n\
             - name: mortise\n\
             \x20 webhook_configs:\n\
             \x20 - url: {address}\n\
             \x20   send_resolved: true\n\
             ```\n"
        )
    }
}

impl Alertmanager {
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

mortise_plugin::export!(Alertmanager: Configurer, Webhook, Displayer);

#[cfg(test)]
mod tests {
    use mortise_plugin::{prelude::*, testing::Recorder};

    use super::Alertmanager;

    fn request(method: &str, path: &str, body: &str) -> WebhookRequest {
        WebhookRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: None,
            headers: vec![Header::new("content-type", "application/json")],
            body: body.into(),
            client: "192.0.2.1".to_owned(),
            scheme: "https".to_owned(),
            host: "push.example.org".to_owned(),
            base_path: "/plugin/3/custom/secret/".to_owned(),
        }
    }

    #[test]
    fn answers_what_alertmanager_understands() {
        let host = Recorder::new();
        let mut plugin = Alertmanager::new(host.context());
        let sample = include_str!("../sample.json");
        for (method, path, body, status) in [
            ("POST", "", sample, 204),
            ("GET", "", "", 405),
            ("POST", "other", sample, 404),
            ("POST", "", "{", 400),
            ("POST", "", r#"{"alerts":[{"status":5}]}"#, 400),
        ] {
            let response = plugin.handle(request(method, path, body));
            assert_eq!(response.status, status, "{method} {path} {body}");
        }
        assert_eq!(host.sent().len(), 1);
    }

    #[test]
    fn shows_its_address_once_it_is_known() {
        let mut plugin = Alertmanager::new(Recorder::new().context());
        assert!(plugin.display(None).contains("<the webhook address>"));
        plugin.handle(request("GET", "", ""));
        assert!(
            plugin
                .display(Some("https://push.example.org"))
                .contains("url: https://push.example.org/plugin/3/custom/secret/\n")
        );
    }
}
