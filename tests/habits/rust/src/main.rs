//! A plugin whose author writes Rust as usual, for the tests.

use std::{net::TcpStream, time::Duration};

use mortise_plugin::prelude::*;
use tracing::{debug, error, info, instrument, warn};

/// A user's configuration.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// How deep to look.
    depth: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self { depth: 3 }
    }
}

struct Habits {
    context: Context,
    /// None before a configuration was applied.
    depth: Option<u8>,
}

impl Plugin for Habits {
    fn manifest() -> Manifest {
        let because = "to be tested with it";
        Manifest::new("test.habits", "Habits")
            .version("0.1.0")
            .wants(Permission::Webhook, because)
            .wants(Permission::Http(vec!["127.0.0.1:*".to_owned()]), because)
            .wants(Permission::Timers, because)
    }

    fn new(context: Context) -> Self {
        Self {
            context,
            depth: None,
        }
    }

    fn start(&mut self, user: &User) -> Result<(), String> {
        info!(depth = self.depth, "started for {}", user.name);
        let tick = Schedule::EveryMs(10_000);
        Ok(self.context.timers().set("tick", tick)?)
    }
}

impl Configurer for Habits {
    type Config = Config;

    fn apply(&mut self, config: Config) -> Result<(), Vec<Problem>> {
        self.depth = Some(config.depth);
        Ok(())
    }
}

impl Timer for Habits {
    fn on_timer(&mut self, name: &str) -> Result<(), String> {
        println!("timer {name}");
        Ok(())
    }
}

impl Webhook for Habits {
    fn handle(&mut self, request: WebhookRequest) -> WebhookResponse {
        let body = String::from_utf8_lossy(&request.body);
        let (word, rest) = body.split_once(' ').unwrap_or((&*body, ""));
        let answer = match word {
            "log" => self.log(),
            "post" => self.post(rest),
            "late" => self.late(rest),
            "print" => print(),
            "pause" => pause(),
            "crash" => crash(rest),
            "connect" => connect(rest),
            other => Err(format!("no such word: {other}")),
        };
        match answer {
            Ok(text) => WebhookResponse::text(text),
            Err(error) => WebhookResponse::text(error).with_status(500),
        }
    }
}

impl Habits {
    fn log(&self) -> Result<String, String> {
        debug!("too deep");
        info!(n = 1, name = "a b", "at info");
        warn!("at warn");
        error!(cause = %"none", "at error");
        charge(7);
        self.context.debug("by the host");
        Ok("logged".to_owned())
    }

    fn post(&self, url: &str) -> Result<String, String> {
        let request = http::Request::post(url)
            .header("x-name", "value")
            .body("a body")
            .map_err(|error| error.to_string())?;
        let response = self.context.request(request)?;
        let kind = response.headers().get("x-kind");
        let kind = kind.and_then(|kind| kind.to_str().ok());
        let body = String::from_utf8_lossy(response.body());
        let status = response.status().as_u16();
        Ok(format!("{status} {} {body}", kind.unwrap_or_default()))
    }

    fn late(&self, url: &str) -> Result<String, String> {
        let request = http::Request::get(url)
            .body("")
            .map_err(|error| error.to_string())?;
        let request = HttpRequest::from(request).timeout(Duration::from_millis(20));
        match self.context.http(request) {
            Err(Error::Unavailable(_)) => Ok("late".to_owned()),
            other => Err(format!("{other:?}")),
        }
    }
}

#[instrument]
fn charge(customer: u32) {
    warn!(attempts = 3, "refused");
}

fn print() -> Result<String, String> {
    println!("the first line");
    eprintln!("to standard error\nthe third line");
    Ok("printed".to_owned())
}

fn pause() -> Result<String, String> {
    std::thread::sleep(Duration::from_millis(5));
    Ok("went on".to_owned())
}

fn crash(why: &str) -> Result<String, String> {
    println!("before the crash");
    panic!("on purpose, {why}");
}

fn connect(address: &str) -> Result<String, String> {
    match TcpStream::connect(address) {
        Ok(_) => Ok("connected".to_owned()),
        Err(error) => Ok(format!("{:?}", error.kind())),
    }
}

mortise_plugin::main!(Habits: Configurer, Timer, Webhook);
