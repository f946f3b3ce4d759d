//! Findings about the plugin's file and its process.

use std::path::Path;

use mortise_runtime::process::Protection;

use super::{Condition, Finding};
use crate::{PluginState, Signature, Status, Waiting};

/// Of the plugin's file and process.
pub(super) fn of_status(status: &Status) -> Vec<Finding> {
    let mut findings = Vec::new();
    let id = &status.id;
    let file = status.file.display();
    let name = |file: &Path| file.file_name().map(|name| name.display().to_string());
    match &status.state {
        PluginState::Missing => findings.push(Condition::FileMissing.finding(
            format!("{file} was removed: the plugin does not run, and its users' data stays"),
            format!(
                "put {} back, or forget the plugin: mortise plugin uninstall {id}",
                name(&status.file).unwrap_or_default()
            ),
        )),
        PluginState::Broken { report } => {
            findings.push(Condition::CopyBroken.report(report));
        }
        PluginState::Pausing { crashes, last } => findings.push(Condition::CrashLoop.finding(
            format!("its process crashed {crashes} times in a row, the last time: {last}"),
            format!(
                "the server restarts it after a pause; read its log: mortise plugin logs {id}"
            ),
        )),
        PluginState::GivenUp { crashes, last } => findings.push(Condition::CrashLoop.finding(
            format!(
                "its process crashed {crashes} times in a row and is not started again; the last \
                 time: {last}"
            ),
            format!(
                "read what it says: mortise plugin logs {id}; then: mortise plugin reload {id}, or: \
                 mortise plugin rollback {id}"
            ),
        )),
        PluginState::OnDemand | PluginState::Loading | PluginState::Loaded { .. } => {}
    }
    match &status.waiting {
        Some(Waiting::Failed { report }) => {
            findings.push(Condition::of(report).report(report));
        }
        Some(Waiting::Pending {
            version,
            difference,
        }) => findings.push(Condition::PendingApproval.finding(
            format!(
                "version {} waits, and {} runs: {}",
                version.version,
                status.version,
                difference.lines.join("; ")
            ),
            format!("to allow it: mortise plugin approve {id}"),
        )),
        None => {}
    }
    if status.signature == Signature::Untrusted {
        findings.push(
            Condition::SignatureUntrusted
                .finding(
                    "it is signed with a key that is not trusted, and runs, for this server \
                     requires no signatures",
                    format!(
                        "if you trust its author, add their public key to `trusted-keys` in the \
                         data directory, and: mortise plugin reload {id}"
                    ),
                )
                .into_notice(),
        );
    }
    if status.changed && status.state != PluginState::Missing {
        findings.push(
            Condition::FileChanged.finding(
                format!("{file} changed since it was installed"),
                "it is looked at when it stays as it is for a moment; to do so now: mortise plugin \
             reload "
                    .to_owned() + id,
            ),
        );
    }
    findings
}

/// Of what confines the plugin's process.
pub(super) fn of_protection(protection: &Protection) -> Option<Finding> {
    let bound = protection.unbounded.iter().map(|reason| {
        format!(
            "a control group that bounds the memory and the number of all its processes \
             together ({reason})"
        )
    });
    let missing: Vec<_> = protection.missing.iter().cloned().chain(bound).collect();
    if missing.is_empty() {
        return None;
    }
    let fix = if protection.missing.is_empty() {
        "delegate a control group to the server, with systemd by `Delegate=memory pids` in its \
         unit"
    } else {
        "use a newer kernel, or trust the plugin with the parts that are not confined"
    };
    let found = format!(
        "this machine cannot confine its process in every way; it lacks: {}",
        missing.join("; ")
    );
    Some(Condition::SandboxPartial.finding(found, fix))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use mortise_runtime::{Backend, Digest, LoadError, Step, process::Protection};

    use super::{of_protection, of_status};
    use crate::{Difference, PluginState, Status, VersionOf, Waiting, doctor::Condition};

    fn status(state: PluginState, waiting: Option<Waiting>, changed: bool) -> Status {
        Status {
            id: "a.b".to_owned(),
            name: "A".to_owned(),
            version: "1.0.0".to_owned(),
            digest: Digest::of(b""),
            backend: Backend::Native,
            contract: None,
            signature: crate::Signature::None,
            file: PathBuf::from("/plugins/a"),
            state,
            process: None,
            waiting,
            changed,
            previous: None,
            source: None,
        }
    }

    fn report() -> LoadError {
        LoadError {
            file: PathBuf::from("/plugins/a"),
            step: Step::Compile,
            expected: "a whole component".to_owned(),
            found: "half of one".to_owned(),
            fix: "copy it again".to_owned(),
        }
    }

    #[test]
    fn every_state_of_a_file_and_a_process_is_told_with_what_to_do() {
        let crashed = || ("a segmentation fault".to_owned(), 5);
        let pending = Waiting::Pending {
            version: VersionOf {
                version: "2.0.0".to_owned(),
                digest: Digest::of(b"2"),
            },
            difference: Difference {
                lines: vec!["asks for `timers`".to_owned()],
                ..Difference::default()
            },
        };
        let ((last, crashes), loaded) = (crashed(), PluginState::Loaded { instances: 1 });
        let cases = [
            (
                status(PluginState::Missing, None, true),
                Condition::FileMissing,
                "put a back",
            ),
            (
                status(PluginState::Broken { report: report() }, None, false),
                Condition::CopyBroken,
                "copy it again",
            ),
            (
                status(
                    PluginState::Pausing {
                        crashes,
                        last: last.clone(),
                    },
                    None,
                    false,
                ),
                Condition::CrashLoop,
                "plugin logs a.b",
            ),
            (
                status(PluginState::GivenUp { crashes, last }, None, false),
                Condition::CrashLoop,
                "plugin reload a.b",
            ),
            (
                status(
                    loaded.clone(),
                    Some(Waiting::Failed { report: report() }),
                    false,
                ),
                Condition::BrokenFile,
                "copy it again",
            ),
            (
                status(loaded.clone(), Some(pending), false),
                Condition::PendingApproval,
                "plugin approve a.b",
            ),
            (
                status(loaded.clone(), None, true),
                Condition::FileChanged,
                "plugin reload a.b",
            ),
        ];
        for (status, condition, fix) in cases {
            let findings = of_status(&status);
            let [finding] = findings.as_slice() else {
                panic!("{condition:?}: {findings:?}");
            };
            assert_eq!(finding.condition, condition);
            assert!(finding.fix.contains(fix), "{finding:?}");
        }
        for state in [loaded, PluginState::OnDemand, PluginState::Loading] {
            assert_eq!(of_status(&status(state, None, false)), []);
        }
    }

    #[test]
    fn what_a_machine_lacks_for_the_sandbox_is_named() {
        let whole = Protection {
            open: vec!["hosts are not confined".to_owned()],
            ..Protection::default()
        };
        assert_eq!(of_protection(&whole), None);
        let partial = Protection {
            missing: vec!["Landlock".to_owned()],
            ..whole
        };
        let finding = of_protection(&partial).unwrap();
        assert_eq!(finding.condition, Condition::SandboxPartial);
        assert!(finding.found.contains("Landlock"), "{finding:?}");
        let unbounded = Protection {
            unbounded: Some("none is delegated".to_owned()),
            ..Protection::default()
        };
        let finding = of_protection(&unbounded).unwrap();
        assert!(finding.found.contains("none is delegated"), "{finding:?}");
        assert!(finding.fix.contains("Delegate="), "{finding:?}");
    }
}
