//! The progress of an installation, as the server streams it.

use std::{io::IsTerminal as _, time::Duration};

use http_body_util::BodyExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;

use super::remote::Remote;

/// The longest event that is kept, in bytes. The first one has all plugins.
const EVENT: usize = 16 << 20;

/// The data of an event `install`.
#[derive(Deserialize)]
struct Installation {
    step: String,
    bytes: Option<u64>,
    total: Option<u64>,
}

/// Waits for a command to a server and shows its progress, if a person looks on.
pub(super) async fn shown<T>(
    remote: &Remote,
    is_wanted: bool,
    command: impl Future<Output = T>,
) -> T {
    if !(is_wanted && std::io::stderr().is_terminal()) {
        return command.await;
    }
    let bar = ProgressBar::new_spinner().with_message("waiting for the server");
    bar.enable_steady_tick(Duration::from_millis(100));
    let done = tokio::select! {
        done = command => done,
        // It goes on for ever, also without a stream.
        never = follow(remote, &bar) => match never {},
    };
    bar.finish_and_clear();
    done
}

async fn follow(remote: &Remote, bar: &ProgressBar) -> std::convert::Infallible {
    // Without events there is no progress to show; the command counts.
    let _: Option<()> = read(remote, bar).await;
    std::future::pending().await
}

async fn read(remote: &Remote, bar: &ProgressBar) -> Option<()> {
    let mut stream = remote.events().await.ok()?;
    let mut pending = Vec::new();
    while let Some(Ok(frame)) = stream.frame().await {
        let Some(data) = frame.data_ref() else {
            continue;
        };
        pending.extend_from_slice(data);
        while let Some(end) = pending.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = pending.drain(..end + 2).collect();
            if let Some(installation) = installation(&String::from_utf8_lossy(&event)) {
                show(bar, &installation);
            }
        }
        if pending.len() > EVENT {
            return None;
        }
    }
    None
}

/// Parses an event; none if it is about something else.
fn installation(event: &str) -> Option<Installation> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
    if field("event:")?.trim() != "install" {
        return None;
    }
    serde_json::from_str(field("data:")?).ok()
}

fn show(bar: &ProgressBar, installation: &Installation) {
    if let (Some(bytes), Some(total)) = (installation.bytes, installation.total) {
        let style = "{msg} {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.set_length(total);
        bar.set_position(bytes);
    }
    let message = match installation.step.as_str() {
        "downloading" => "downloading",
        "checking" => {
            bar.set_style(ProgressStyle::default_spinner());
            "checking and loading"
        }
        _ => return,
    };
    bar.set_message(message);
}

#[cfg(test)]
mod tests {
    use super::installation;

    #[test]
    fn an_event_of_an_installation_has_its_bytes() {
        let event = "event: install\ndata: {\"order\":1,\"step\":\"downloading\",\"bytes\":5,\"total\":9}\n\n";
        let found = installation(event).unwrap();
        assert_eq!((found.bytes, found.total), (Some(5), Some(9)));
        assert!(installation("event: state\ndata: {}\n\n").is_none());
        assert!(installation(": alive\n\n").is_none());
    }
}
