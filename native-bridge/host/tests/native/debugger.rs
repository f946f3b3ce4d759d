//! Deadlines are suspended while a debugger is attached to a process that a person
//! started, or to any process of a host for authors.

use std::{sync::Arc, time::Duration};

use mortise_native::NativePlugin;
use mortise_runtime::{CallError, Plugin as _};

use crate::{
    attach::{by_hand, serves},
    calls::draft,
    support::{World, log, made, request, until},
};

/// A debugger that does nothing but stop a process. Its thread must not change.
struct Tracer(libc::pid_t);

impl Tracer {
    fn attach(process: u32) -> Self {
        let tracer = Self(libc::pid_t::try_from(process).unwrap());
        tracer.request(libc::PTRACE_SEIZE.into());
        tracer
    }

    /// Stops the thread that reads the host's calls.
    fn stop(&self) {
        self.request(libc::PTRACE_INTERRUPT.into());
        let mut status = 0;
        #[expect(unsafe_code, reason = "nobody wraps it")]
        // SAFETY: the pointer is to a variable that lives until the call returns.
        let stopped = unsafe { libc::waitpid(self.0, &raw mut status, libc::__WALL) };
        assert_eq!(stopped, self.0);
        assert!(libc::WIFSTOPPED(status), "{status:x}");
    }

    /// Lets it run again, without a debugger.
    fn detach(self) {
        self.request(libc::PTRACE_DETACH.into());
    }

    fn request(&self, request: i64) {
        let process = i64::from(self.0);
        #[expect(unsafe_code, reason = "nobody wraps it")]
        // SAFETY: these requests read and write no memory of this process.
        let done = unsafe { libc::syscall(libc::SYS_ptrace, request, process, 0_i64, 0_i64) };
        let error = std::io::Error::last_os_error();
        assert_eq!(done, 0, "ptrace {request:x}: {error}");
    }
}

/// The number of entries of the plugin's own log with this text.
fn count(plugin: &NativePlugin, text: &str) -> usize {
    let entries = log(plugin).since(0);
    entries
        .iter()
        .filter(|entry| entry.text.contains(text))
        .count()
}

const SUSPENDED: &str = "a debugger is attached: deadlines are suspended";
const AGAIN: &str = "deadlines run again";

#[tokio::test]
async fn a_stopped_process_keeps_its_calls_and_holds_no_message() {
    let world = World::with(|settings| {
        settings.patience.ping_after = Duration::from_millis(100);
        settings.patience.ping_deadline = Duration::from_millis(200);
    });
    let plugin = world.plugin("good").await;
    let ann = made(&plugin, "ann").await;
    ann.instance.start().await.unwrap();
    let attachment = plugin.attach().unwrap();
    let process = by_hand("good", &attachment);
    until("the attached process", async || {
        serves(&ann, &process).await
    })
    .await;
    ann.regrant(|rights| rights.limits.call_ms = 300).await;

    let tracer = Tracer::attach(process.id().unwrap());
    tracer.stop();
    until("the suspension", async || count(&plugin, SUSPENDED) > 0).await;
    // A message goes on at the filter's deadline.
    let kept = draft("keep");
    let filtered = ann.instance.filter(&kept, Duration::from_millis(200));
    let error = filtered.await.unwrap_err();
    assert!(
        matches!(error, CallError::DeadlineExceeded { .. }),
        "{error}"
    );
    // Any other call waits: past its deadline, the time in which the filter's call had to be
    // given back, and that for a ping.
    let instance = Arc::clone(&ann.instance);
    let mut call = tokio::spawn(async move { instance.webhook(request("pid", "")).await });
    let patience = Duration::from_millis(1500);
    let early = tokio::time::timeout(patience, &mut call).await;
    assert!(early.is_err(), "{early:?}");
    // Nor does a message wait for the end of that call.
    let filtered = ann.instance.filter(&kept, Duration::from_millis(200));
    let error = filtered.await.unwrap_err();
    assert!(matches!(error, CallError::Busy { .. }), "{error}");
    assert_eq!(count(&plugin, AGAIN), 0);

    tracer.detach();
    let answer = call.await.unwrap().unwrap();
    let served = String::from_utf8(answer.body).unwrap();
    assert_eq!(Some(served), process.id().map(|id| id.to_string()));
    until("the deadlines", async || count(&plugin, AGAIN) > 0).await;
    let error = ann
        .instance
        .webhook(request("sleep", "60000"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallError::DeadlineExceeded { .. }),
        "{error}"
    );
    assert!(serves(&ann, &process).await);
    assert_eq!(count(&plugin, SUSPENDED), 1);
    assert_eq!(count(&plugin, AGAIN), 1);
}

#[tokio::test]
async fn a_debugger_inside_the_process_is_reported() {
    for (debugging, own, suspends) in [
        (false, true, false),
        (true, true, true),
        (false, false, true),
    ] {
        let world = World::with(|settings| settings.debugging = debugging);
        let plugin = world.plugin("good").await;
        let ann = made(&plugin, "ann").await;
        ann.instance.start().await.unwrap();
        let process = (!own).then(|| by_hand("good", &plugin.attach().unwrap()));
        if let Some(process) = &process {
            until("the attached process", async || serves(&ann, process).await).await;
        }
        ann.regrant(|rights| rights.limits.call_ms = 300).await;
        assert_eq!(ann.deed("debugged", "true").await.0, 200);
        let slept = ann.instance.webhook(request("sleep", "1000")).await;
        assert_eq!(slept.is_ok(), suspends, "{debugging} {own} {slept:?}");
        assert_eq!(ann.deed("debugged", "false").await.0, 200);
        let slept = ann.instance.webhook(request("sleep", "60000")).await;
        assert!(
            matches!(slept, Err(CallError::DeadlineExceeded { .. })),
            "{debugging} {own} {slept:?}"
        );
        let logged = usize::from(suspends);
        assert_eq!(count(&plugin, SUSPENDED), logged, "{debugging} {own}");
        assert_eq!(count(&plugin, AGAIN), logged, "{debugging} {own}");
        drop(process);
    }
}
