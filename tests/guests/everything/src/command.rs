//! The commands, as `tests/conformance/PLUGIN.md` has them.

use std::{
    hash::{BuildHasher as _, RandomState},
    hint::black_box,
    net::TcpStream,
    str::FromStr,
    thread::sleep,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mortise_plugin::prelude::*;

use crate::Everything;

/// The key of `count`.
const COUNT: &str = "count";
/// The messages in one page, if nothing else is said.
const PAGE: u32 = 10;

/// The rest of a command.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn word(&mut self) -> &'a str {
        let (word, rest) = self.0.split_once(' ').unwrap_or((self.0, ""));
        self.0 = rest;
        word
    }

    fn number<T: FromStr>(&mut self) -> Result<T, String> {
        let word = self.word();
        word.parse()
            .map_err(|_| format!("`{word}` is not the number that belongs here"))
    }

    /// A number; `-` or nothing is none.
    fn number_or_none<T: FromStr>(&mut self) -> Result<Option<T>, String> {
        match self.0.split(' ').next() {
            Some("" | "-") | None => {
                self.word();
                Ok(None)
            }
            Some(_) => self.number().map(Some),
        }
    }

    /// `[BEFORE [LIMIT]]`.
    fn page(&mut self) -> Result<(Option<u64>, u32), String> {
        let before = self.number_or_none()?;
        let limit = if self.0.is_empty() {
            PAGE
        } else {
            self.number()?
        };
        Ok((before, limit))
    }

    const fn rest(self) -> &'a str {
        self.0
    }
}

impl Everything {
    /// Executes a command.
    pub(crate) fn run(&mut self, command: &str) -> Result<String, String> {
        self.calls += 1;
        let mut words = Words(command.trim_end_matches('\n'));
        let context = self.context.clone();
        let storage = context.storage();
        match words.word() {
            "say" => Ok(words.rest().to_owned()),
            "fail" => Err(words.rest().to_owned()),
            "user" => json(&self.user),
            "calls" => Ok(self.calls.to_string()),
            "count" => {
                let count = storage.get::<u64>(COUNT)?.unwrap_or_default() + 1;
                storage.set(COUNT, &count)?;
                Ok(count.to_string())
            }
            "send" => Ok(context
                .send(Content::new("sent", words.rest()))?
                .to_string()),
            "send-as" => {
                let application = words.word();
                let message = Outgoing::from(Content::new("sent", words.rest()));
                Ok(context.send(message.application(application))?.to_string())
            }
            "send-priority" => {
                let mut content = Content::new("sent", "");
                content.priority = words.number()?;
                content.body = words.rest().to_owned();
                Ok(context.send(content)?.to_string())
            }
            "send-extras" => {
                let mut content = Content::new("sent", "sent");
                content.extras = Some(words.rest().to_owned());
                Ok(context.send(content)?.to_string())
            }
            "send-long" => {
                let title = "x".repeat(words.number()?);
                let body = "x".repeat(words.number()?);
                Ok(context.send(Content::new(title, body))?.to_string())
            }
            "get" => json(&context.message(words.number()?)?),
            "sent" => {
                let (before, limit) = words.page()?;
                json(&context.sent(before, limit)?)
            }
            "received" => {
                let (before, limit) = words.page()?;
                json(&context.received(before, limit)?)
            }
            "remove" => done(context.remove(words.number()?)),
            "update" => {
                let id = words.number()?;
                let content = Content::new("updated", words.rest()).priority(6);
                done(context.update(id, content))
            }
            "expire" => {
                let id = words.number()?;
                done(context.expire(id, words.number_or_none()?))
            }
            "send-to" => {
                let users = words.word().split(',');
                json(&context.send_to(users, Content::new("sent", words.rest()))?)
            }
            "image" => {
                let application = Some(words.word()).filter(|name| *name != "-");
                done(context.set_image(application, &bytes(words.rest())?))
            }
            "store" => {
                let key = words.word();
                done(storage.set_bytes(key, words.rest().as_bytes()))
            }
            "store-bytes" => {
                let key = words.word();
                done(storage.set_bytes(key, &vec![0; words.number()?]))
            }
            "load" => Ok(storage.get_bytes(words.word())?.map_or_else(none, text)),
            "unset" => done(storage.remove(words.word())),
            "keys" => json(&storage.keys(words.rest())?),
            "every" => {
                let name = words.word();
                done(
                    context
                        .timers()
                        .set(name, Schedule::EveryMs(words.number()?)),
                )
            }
            "cron" => {
                let name = words.word();
                let when = Schedule::Cron(words.rest().to_owned());
                done(context.timers().set(name, when))
            }
            "cron-in" => {
                let name = words.word();
                let options = TimerOptions::default().zone(words.word());
                let when = Schedule::Cron(words.rest().to_owned());
                done(context.timers().set_with(name, when, options))
            }
            "every-with" => {
                let name = words.word();
                let when = Schedule::EveryMs(words.number()?);
                let options = TimerOptions {
                    zone: None,
                    jitter_ms: words.number()?,
                    missed: match words.word() {
                        "skip" => MissedRuns::Skip,
                        _ => MissedRuns::Once,
                    },
                };
                done(context.timers().set_with(name, when, options))
            }
            "once" => {
                let name = words.word();
                done(
                    context
                        .timers()
                        .set(name, Schedule::OnceAtMs(words.number()?)),
                )
            }
            "cancel" => done(context.timers().cancel(words.word())),
            "log" => {
                let level = match words.word() {
                    "trace" => Level::Trace,
                    "debug" => Level::Debug,
                    "info" => Level::Info,
                    "warn" => Level::Warn,
                    _ => Level::Error,
                };
                context.log(level, words.rest());
                Ok(String::new())
            }
            word => self.run_system(word, words),
        }
    }

    /// Executes a command that uses the system.
    #[expect(
        clippy::print_stdout,
        clippy::print_stderr,
        reason = "what it prints is what is tested"
    )]
    fn run_system(&mut self, word: &str, mut words: Words<'_>) -> Result<String, String> {
        match word {
            "log-long" => {
                self.context.info("x".repeat(words.number()?));
                Ok(String::new())
            }
            "log-flood" => {
                let line = "x".repeat(1 << 10);
                for _ in 0..words.number::<u64>()? {
                    self.context.info(&line);
                }
                Ok(String::new())
            }
            "print-flood" => {
                let line = "x".repeat(1 << 10);
                for _ in 0..words.number::<u64>()? {
                    println!("{line}");
                }
                Ok(String::new())
            }
            "print" => {
                println!("{}", words.rest());
                Ok(String::new())
            }
            "eprint" => {
                eprintln!("{}", words.rest());
                Ok(String::new())
            }
            "http" => self.call(HttpRequest::get(words.word())),
            "http-hop" => self.call(HttpRequest::get(words.word()).max_redirects(0)),
            "http-post" => {
                let url = words.word();
                self.call(HttpRequest::post(url).body(words.rest()))
            }
            "read-file" => std::fs::read(words.rest())
                .map(text)
                .map_err(|error| error.to_string()),
            "write-file" => {
                let path = words.word();
                std::fs::write(path, words.rest())
                    .map(|()| String::new())
                    .map_err(|error| error.to_string())
            }
            "hard-link" => std::fs::hard_link(words.word(), words.rest())
                .map(|()| String::new())
                .map_err(|error| error.to_string()),
            "list-dir" => {
                let entries = std::fs::read_dir(words.rest()).map_err(|error| error.to_string())?;
                let mut names: Vec<_> = entries
                    .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                    .collect();
                names.sort();
                json(&names)
            }
            "env" => Ok(std::env::var(words.rest()).unwrap_or_else(|_| none())),
            "envs" => json(&std::env::vars().collect::<Vec<_>>()),
            "tcp" => TcpStream::connect(words.rest())
                .map(|_| "connected".to_owned())
                .map_err(|error| error.to_string()),
            "now" => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map(|now| now.as_millis().to_string())
                .map_err(|error| error.to_string()),
            "random" => Ok(RandomState::new().hash_one(0).to_string()),
            "sleep-ms" => {
                sleep(Duration::from_millis(words.number()?));
                Ok(String::new())
            }
            "big-string" => Ok("x".repeat(words.number()?)),
            "hold" => {
                // Written to, so that it is there and not only promised.
                self.held.push(vec![1; words.number()?]);
                Ok(String::new())
            }
            word => misbehave(word, words),
        }
    }

    fn call(&self, request: HttpRequest) -> Result<String, String> {
        let response = self.context.http(request)?;
        Ok(format!("{} {}", response.status, response.text()))
    }
}

/// Executes a harmful command.
#[expect(clippy::panic, reason = "panicking is what is tested")]
fn misbehave(word: &str, mut words: Words<'_>) -> Result<String, String> {
    match word {
        "panic" => panic!("{}", words.rest()),
        "loop" => loop {
            black_box(());
        },
        "recurse" => Ok(recurse(words.rest().len() as u64).to_string()),
        "allocate" => {
            let mut all = Vec::new();
            loop {
                all.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "exit" => std::process::exit(words.number()?),
        word => Err(format!("`{word}` is no command")),
    }
}

/// Too deep for any stack, without a tail call to turn into a loop.
#[expect(unconditional_recursion, reason = "overflowing is what is tested")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    recurse(depth + 1) + black_box(frame).iter().sum::<u64>()
}

fn json<T: Serialize>(value: &T) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}

fn done(result: Result<(), Error>) -> Result<String, String> {
    Ok(result.map(|()| String::new())?)
}

/// The bytes of a text in base 16.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok();
            let byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
            byte.ok_or_else(|| format!("`{text}` is not in base 16"))
        })
        .collect()
}

fn none() -> String {
    "(none)".to_owned()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}
