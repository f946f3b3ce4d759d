//! The behaviour of the process from its start to its handshake, and at its
//! end.

use std::{process::Command, time::Duration};

use serde_json::json;

use crate::{serve, wire::Wire};

pub(crate) fn be_born(behaviour: &str) {
    match behaviour {
        "silent" => forever(),
        "exit-at-once" => {
            eprintln!("giving up: no reason");
            std::process::exit(3);
        }
        "abort-at-once" => std::process::abort(),
        "ends-before-handshake" => drop(Wire::connect()),
        "mute" => {
            let _wire = Wire::connect();
            forever();
        }
        "garbage" => {
            Wire::connect().raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
            forever();
        }
        "half-frame" => {
            Wire::connect().raw(b"\0\0\0\x50{\"type\":");
            forever();
        }
        "oversized" => {
            Wire::connect().raw(&[0x7f, 0xff, 0xff, 0xff]);
            forever();
        }
        "call-before-handshake" => {
            Wire::connect().say(&json!({"type": "call", "id": 1, "method": "storage.get"}));
            forever();
        }
        "wrong-secret" => after_handshake(|hello| hello["secret"] = json!("0".repeat(64))),
        "wrong-version" => after_handshake(|hello| hello["versions"] = json!([99])),
        "forks" => {
            // One that stays in the group, and one that makes a session of its
            // own and outlives its parent.
            Command::new("/bin/sleep").arg("600").spawn().unwrap();
            Command::new("/bin/sh")
                .args(["-c", "setsid sleep 601 & exit 0"])
                .status()
                .unwrap();
            after_handshake(|_| {});
        }
        "ignores-term" => {
            ignore_term();
            after_handshake(|_| {});
        }
        _ => after_handshake(|_| {}),
    }
}

fn after_handshake(change: impl FnOnce(&mut serde_json::Value)) {
    let wire = Wire::connect();
    wire.handshake(change);
    serve::serve(wire);
}

pub(crate) fn forever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}

fn ignore_term() {
    #[expect(unsafe_code, reason = "there is no safe way to ignore a signal")]
    // SAFETY: it sets a disposition and runs no code.
    unsafe {
        libc::signal(libc::SIGTERM, libc::SIG_IGN);
    }
}
