//! Builds in a separate process, `mortise plugin build`, so that the next
//! change, or the end, can stop a build with all the tools that it started.
//! Only that command knows the details of a build.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
};

use super::event::Audience;

/// The most that is kept of what a build writes, in bytes.
const OUTPUT: usize = 1 << 20;

/// The outcome of a build.
pub(super) enum Outcome {
    Built {
        told: Told,
        took: Duration,
    },
    Failed {
        /// The output; none if it was shown while it was written.
        output: Option<String>,
        took: Duration,
    },
}

/// The output of `mortise plugin build --json`.
#[derive(Deserialize)]
pub(super) struct Told {
    pub(super) file: PathBuf,
    pub(super) bytes: u64,
    pub(super) steps: Vec<Value>,
}

/// Builds the plugin in a folder. A person sees the compiler's output as it is
/// written. Dropping the future ends the build.
///
/// # Errors
///
/// The command cannot be started, or prints no result.
pub(super) async fn build(
    folder: &Path,
    native: bool,
    audience: Audience,
) -> anyhow::Result<Outcome> {
    let begin = Instant::now();
    let this = std::env::current_exe().context("this program's own file is not known")?;
    let mut command = Command::new(this);
    command
        .args(["plugin", "build", "--json"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    if native {
        command.arg("--native");
    }
    if matches!(audience, Audience::Program) {
        command.stderr(Stdio::piped());
    }
    // An interrupt from the terminal is for this program, which ends the build.
    #[cfg(unix)]
    command.process_group(0);
    let mut group = Group(command.spawn().context("the build cannot be started")?);
    let (out, err) = (group.0.stdout.take(), group.0.stderr.take());
    let (out, err, status) = tokio::join!(written(out), written(err), group.0.wait());
    let status = status.context("the build cannot be waited for")?;
    let took = begin.elapsed();
    Ok(if status.success() {
        let told = serde_json::from_str(&out).context("the build printed no result")?;
        Outcome::Built { told, took }
    } else {
        let output = matches!(audience, Audience::Program).then_some(err);
        Outcome::Failed { output, took }
    })
}

/// All that comes, of which the end is kept.
async fn written(from: Option<impl AsyncRead + Unpin>) -> String {
    let (mut kept, mut buffer) = (Vec::new(), vec![0; 16 << 10]);
    if let Some(mut from) = from {
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            kept.extend_from_slice(buffer.get(..read).unwrap_or_default());
            if kept.len() > OUTPUT {
                kept.drain(..kept.len() - OUTPUT / 2);
            }
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// A process and those that it started, which end with this value.
struct Group(Child);

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        // None once it was waited for: its group is another's then.
        let id = self
            .0
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        if let Some(id) = id {
            // It may have ended this moment.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}
