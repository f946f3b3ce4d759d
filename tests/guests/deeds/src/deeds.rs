//! The deeds by their names.

use std::{
    fs,
    hint::black_box,
    io::Read as _,
    net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket},
    process::Command,
    thread::sleep,
    time::Duration,
};

use mortise_plugin::prelude::*;

use crate::hoard;

type Outcome = Result<String, String>;

fn said<T>(result: Result<T, impl ToString>, text: impl FnOnce(T) -> String) -> Outcome {
    result.map(text).map_err(|error| error.to_string())
}

fn done<T>(result: Result<T, impl ToString>) -> Outcome {
    said(result, |_| "done".to_owned())
}

pub(crate) fn outcome(context: &Context, verb: &str, one: &str, two: &str) -> Outcome {
    match verb {
        "read" => said(read(one), |bytes| format!("{bytes} bytes")),
        "write" => done(fs::OpenOptions::new().write(true).open(one)),
        "create" => done(fs::write(one, "made")),
        "list" => said(fs::read_dir(one), |entries| {
            format!("{} entries", entries.count())
        }),
        "examine" => said(fs::metadata(one), |data| format!("{} bytes", data.len())),
        "link" => done(fs::hard_link(one, two)),
        "rename" => done(fs::rename(one, two)),
        "remove" => done(fs::remove_file(one)),
        "make-directory" => done(fs::create_dir(one)),
        "link-target" => said(fs::read_link(one), |path| path.display().to_string()),
        "environment" => said(std::env::var(one), |value| value),
        "execute" => done(Command::new(one).output()),
        "stream" => done(TcpStream::connect(one)),
        "udp" => done(UdpSocket::bind("0.0.0.0:0").and_then(|s| s.send_to(b"hello", one))),
        "listen" => done(TcpListener::bind(one)),
        "resolve" => said(one.to_socket_addrs(), |all| {
            format!("{} addresses", all.count())
        }),
        "fetch" => fetch(context, HttpRequest::get(one).max_redirects(0)),
        "follow" => fetch(context, HttpRequest::get(one)),
        "fetch-as" => fetch(context, HttpRequest::get(one).header("host", two)),
        "send" => done(context.send(Content::new("deed", one))),
        "send-as" => {
            let message = Outgoing::from(Content::new("deed", "as another"));
            done(context.send(message.application(one)))
        }
        "received" => said(context.received(None, 10), |all| {
            format!("{} messages", all.len())
        }),
        "get" => match context.message(one.parse().unwrap_or(0)) {
            Ok(None) => Err("no such message".to_owned()),
            other => done(other),
        },
        "remove-message" => done(context.remove(one.parse().unwrap_or(0))),
        "load" => match context.storage().get_bytes(one) {
            Ok(None) => Err("no such key".to_owned()),
            other => done(other),
        },
        "store" => done(
            context
                .storage()
                .set_bytes(one, &vec![0; two.parse().unwrap_or(0)]),
        ),
        "timer" => done(context.timers().set(one, Schedule::EveryMs(3_600_000))),
        "timers" => repeated(two, |number| {
            let name = format!("{one}{number}");
            context.timers().set(&name, Schedule::EveryMs(3_600_000))
        }),
        "keys" => repeated(two, |number| {
            context.storage().set_bytes(&format!("{one}{number}"), b"")
        }),
        "messages" => repeated(two, |_| context.send(Content::new("deed", one))),
        "allocate" => {
            let count = one.parse().unwrap_or(0);
            let mut block = Vec::<u8>::new();
            said(block.try_reserve_exact(count), |()| "allocated".to_owned())
        }
        "loop" => loop {
            black_box(());
        },
        "sleep" => {
            sleep(Duration::from_secs(one.parse().unwrap_or(0)));
            Ok("slept".to_owned())
        }
        "recurse" => Ok(recurse(0).to_string()),
        "exit" => std::process::exit(0),
        "answer" => Ok("x".repeat(one.parse().unwrap_or(0))),
        verb => hoard::outcome(verb, one.parse().unwrap_or(0)),
    }
}

fn read(path: &str) -> std::io::Result<usize> {
    fs::File::open(path)?.read(&mut [0; 64])
}

fn fetch(context: &Context, request: HttpRequest) -> Outcome {
    said(context.http(request), |response| {
        format!("{}", response.status)
    })
}

/// Does something a number of times, up to the first failure.
fn repeated<T>(count: &str, mut deed: impl FnMut(u32) -> Result<T, Error>) -> Outcome {
    for number in 0..count.parse().unwrap_or(0) {
        if let Err(error) = deed(number) {
            return Err(format!("after {number}: {error}"));
        }
    }
    Ok("done".to_owned())
}

/// Too deep for any stack, without a tail call to turn into a loop.
#[expect(unconditional_recursion, reason = "the deed is to overflow")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    recurse(depth + 1) + black_box(frame).iter().sum::<u64>()
}
