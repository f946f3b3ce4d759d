//! The load of a run with faults: senders whose messages are judged, clients that connect and
//! leave in the middle of anything, and hostile plugins that are told what to do.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

use super::{
    dice::Dice,
    host::{Host, Sender},
    verdict::{Faulted, Outcome, Sent},
};
use crate::api::Plugin;

/// The healthy plugins, which stamp each title.
pub(super) const HEALTHY: usize = 2;

/// The hostile plugins: a component and a process.
pub(super) const HOSTILE: [&str; 2] = ["test.deeds.component", "test.deeds.python"];
/// The number of simultaneous senders, and the time between two messages of one.
const SENDERS: u32 = 2;
const BETWEEN: Duration = Duration::from_millis(50);
/// The number of simultaneous clients.
const CLIENTS: u32 = 4;
/// The longest time that a client stays, in milliseconds.
const STAYS_MS: u64 = 400;
/// The longest time for a deed; the plugins' own deadlines are shorter.
const DEED: Duration = Duration::from_secs(30);
/// The pause after a deed, in which a plugin that ended comes back.
const REST: Duration = Duration::from_millis(200);
/// The number of deeds at a time that take all memory.
const AT_ONCE: usize = 4;

/// All that goes on beside the faults.
pub(super) struct Traffic {
    over: Arc<AtomicBool>,
    counts: Arc<Counts>,
    senders: Vec<JoinHandle<Vec<Sent>>>,
    others: Vec<JoinHandle<()>>,
    hostile: [Hostile; 2],
}

#[derive(Default)]
struct Counts {
    visits: AtomicU32,
    deeds: [AtomicU32; 2],
}

/// A hostile plugin.
#[derive(Clone)]
struct Hostile {
    client: Client,
    address: String,
    deeds: Arc<[Value]>,
    /// The one that takes its memory.
    memory: Value,
}

/// A server's address, and the tokens of its user.
#[derive(Clone)]
struct Target {
    address: SocketAddr,
    client: String,
    application: String,
}

impl Traffic {
    pub(super) async fn begin(host: &Host, dice: &mut Dice) -> Result<Self> {
        let hostile = hostile(host).await?;
        let over = Arc::new(AtomicBool::new(false));
        let counts = Arc::new(Counts::default());
        let senders = (0..SENDERS)
            .map(|number| tokio::spawn(send(host.sender.clone(), number, Arc::clone(&over))))
            .collect();
        let mut others = Vec::new();
        let target = Target {
            address: host.address(),
            client: host.client_token().to_owned(),
            application: host.sender.token().to_owned(),
        };
        for _ in 0..CLIENTS {
            let (over, counts) = (Arc::clone(&over), Arc::clone(&counts));
            let (target, mut dice) = (target.clone(), dice.another());
            others.push(tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    // The server may have no place for it in a fault.
                    let stays = Duration::from_millis(dice.between(1, STAYS_MS));
                    let visit = visit(&target, &mut dice);
                    let _ = tokio::time::timeout(stays, visit).await;
                    counts.visits.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(dice.between(5, 50))).await;
                }
            }));
        }
        for (number, one) in hostile.iter().enumerate() {
            let (over, counts) = (Arc::clone(&over), Arc::clone(&counts));
            let (one, mut dice) = (one.clone(), dice.another());
            others.push(tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    if let Some(deed) = dice.of(&one.deeds)
                        && one.does(deed).await
                        && let Some(count) = counts.deeds.get(number)
                    {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(REST).await;
                }
            }));
        }
        Ok(Self {
            over,
            counts,
            senders,
            others,
            hostile,
        })
    }

    /// Has the hostile plugins take all the memory that they may.
    pub(super) async fn take_memory(&self) {
        let [component, process] = &self.hostile;
        for _ in 0..AT_ONCE {
            tokio::join!(
                component.does(&component.memory),
                process.does(&process.memory)
            );
        }
    }

    /// Ends it, and returns the senders' messages.
    pub(super) async fn end(self, figures: &mut Faulted) -> Result<Vec<Sent>> {
        self.over.store(true, Ordering::Relaxed);
        let mut sent = Vec::new();
        for sender in self.senders {
            sent.extend(sender.await.context("a sender failed")?);
        }
        for other in self.others {
            other.await.context("a client failed")?;
        }
        figures.visits = self.counts.visits.load(Ordering::Relaxed);
        for (name, count) in HOSTILE.into_iter().zip(&self.counts.deeds) {
            figures.deeds.insert(name, count.load(Ordering::Relaxed));
        }
        Ok(sent)
    }
}

/// Sends messages until it is over.
async fn send(sender: Sender, name: u32, over: Arc<AtomicBool>) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut number = 0_u32;
    while !over.load(Ordering::Relaxed) {
        let title = format!("{name}.{number}");
        number += 1;
        let begin = Instant::now();
        let outcome = match sender.send(&title).await {
            Ok(Ok(message)) if message.title.matches('|').count() == HEALTHY => Outcome::Passed,
            Ok(Ok(message)) => Outcome::PassedBy(message.title),
            Ok(Err(status)) => Outcome::Rejected(status.to_string()),
            Err(error) => Outcome::Rejected(format!("{error:#}")),
        };
        sent.push(Sent {
            title,
            begin,
            end: Instant::now(),
            outcome,
        });
        tokio::time::sleep(BETWEEN).await;
    }
    sent
}

/// A client that begins something; it leaves when its time is over, or before.
async fn visit(target: &Target, dice: &mut Dice) -> std::io::Result<()> {
    let Target {
        address,
        client,
        application,
    } = target;
    let mut stream = TcpStream::connect(address).await?;
    let head = |method: &str, token: &str, more: &str| {
        format!("{method} HTTP/1.1\r\nhost: {address}\r\nx-gotify-key: {token}\r\n{more}\r\n")
    };
    let message = json!({ "title": "of a client", "message": "soak" }).to_string();
    let length = format!(
        "content-type: application/json\r\ncontent-length: {}\r\n",
        message.len()
    );
    let upgrade = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let (text, reads) = match dice.between(0, 6) {
        // A stream that is read, and one that is not.
        0 => (head("GET /stream", client, upgrade), true),
        1 => (head("GET /stream", client, upgrade), false),
        // Half a head, and half a body.
        2 => (
            head("GET /message", client, "").chars().take(40).collect(),
            true,
        ),
        3 => (head("POST /message", application, &length) + "{", true),
        // Messages, whose answer nobody waits for, and one that waits.
        4 => (
            head("POST /message", application, &length) + &message,
            false,
        ),
        5 => (head("POST /message", application, &length) + &message, true),
        _ => (head("GET /message?limit=200", client, ""), true),
    };
    stream.write_all(text.as_bytes()).await?;
    if !reads {
        tokio::time::sleep(Duration::from_millis(dice.between(0, STAYS_MS))).await;
        return Ok(());
    }
    let mut answer = [0; 1024];
    for _ in 0..dice.between(1, 20) {
        if stream.read(&mut answer).await? == 0 {
            break;
        }
    }
    Ok(())
}

impl Hostile {
    /// Has it do something; returns false if the server did not answer.
    async fn does(&self, deed: &Value) -> bool {
        // The answer does not matter: most deeds end with the plugin.
        self.client
            .post(&self.address)
            .json(deed)
            .send()
            .await
            .is_ok()
    }
}

async fn hostile(host: &Host) -> Result<[Hostile; 2]> {
    let plugins: Vec<Plugin> = host.api.list("plugin", host.user()).await?;
    let client = Client::builder()
        .no_proxy()
        .timeout(DEED)
        .build()
        .context("no HTTP client")?;
    let of = |id: &str, deeds: Arc<[Value]>, memory: Value| -> Result<Hostile> {
        let plugin = plugins.iter().find(|plugin| plugin.plugin_id == id);
        let plugin = plugin.with_context(|| format!("the server does not have {id}"))?;
        Ok(Hostile {
            client: client.clone(),
            address: format!(
                "http://{}/plugin/{}/custom/{}/",
                host.address(),
                plugin.id,
                plugin.token
            ),
            deeds,
            memory,
        })
    };
    let [component, process] = HOSTILE;
    Ok([
        of(
            component,
            COMPONENT_DEEDS
                .iter()
                .map(|(verb, values)| json!({ "verb": verb, "values": values }))
                .collect(),
            json!({ "verb": "allocate", "values": ["120000000"] }),
        )?,
        of(
            process,
            process_deeds(),
            json!({ "verb": "memory", "values": ["1073741824"] }),
        )?,
    ])
}

/// The deeds of the component in `tests/guests/deeds`.
const COMPONENT_DEEDS: [(&str, &[&str]); 13] = [
    ("allocate", &["4000000000"]),
    ("loop", &[]),
    ("recurse", &[]),
    ("exit", &[]),
    ("sleep", &["60"]),
    ("answer", &["100000000"]),
    ("hoard-fields", &["1000000"]),
    ("hoard-field-values", &["100000"]),
    ("hoard-pollables", &["1000000"]),
    ("hoard-bodies", &["100000"]),
    ("hoard-random", &["100"]),
    ("keys", &["key", "3000"]),
    ("store", &["big", "33000000"]),
];

/// The deeds of the process in `tests/escapes/process.py`.
fn process_deeds() -> Arc<[Value]> {
    let texts = [
        ("memory", &["1073741824"][..]),
        ("fill", &["314572800"]),
        ("shared", &["/dev/shm/soak", "104857600"]),
        ("grow", &["2147483648"]),
        ("descriptors", &["3000"]),
        ("files", &["20000"]),
        ("daemon", &["61"]),
        ("execute", &["/bin/true"]),
    ];
    texts
        .iter()
        .map(|(verb, values)| json!({ "verb": verb, "values": values }))
        .chain([
            // It ends at once, and is killed by a signal.
            json!({ "verb": "call", "values": [libc::SYS_exit_group, 1] }),
            json!({ "verb": "call", "values": [libc::SYS_kill, 0, libc::SIGKILL] }),
            // A thread that does not come back.
            json!({ "verb": "call", "values": [libc::SYS_nanosleep, { "hex": "3c".to_owned() + &"00".repeat(15) }, 0] }),
        ])
        .collect()
}
