//! What is wrong with a plugin, and what to do about it: each condition that a
//! plugin can be in becomes a finding in words. Looks only; it loads nothing,
//! calls nothing and changes nothing.

use std::path::Path;

use mortise_runtime::{
    Capability, LoadError, Plugin as _,
    log::Source,
    process::{self, Protection},
    types::Permission,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Consent, PluginState, Plugins, Slot, Status, Waiting, control::was_refused, grant_command,
    installed::Entry,
};
use crate::{
    store::{InstanceRow, StoreError},
    time::rfc3339,
};

/// All that there is to say about a plugin.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Diagnosis {
    /// What was asked about: a plugin's id, or a file in the plugins folder.
    pub id: String,
    /// How it is; none if it is not installed.
    pub status: Option<Status>,
    /// Whether no finding is a problem.
    pub well: bool,
    /// What was found; empty if nothing is to be said.
    pub findings: Vec<Finding>,
}

/// A condition that a plugin is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    /// Which one.
    pub condition: Condition,
    /// How much it matters.
    pub severity: Severity,
    /// Whose instance it is about; none if it is about the plugin.
    pub user: Option<String>,
    /// What is the case, as a sentence without a full stop.
    pub found: String,
    /// What to do, as a sentence without a full stop.
    pub fix: String,
    /// Step by step, where it is about loading.
    #[schema(value_type = Option<Object>)]
    pub report: Option<LoadError>,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something does not work.
    Problem,
    /// It may be as somebody wants it.
    Notice,
}

/// What a plugin can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// No plugin has this id.
    NotInstalled,
    /// A file in the plugins folder does not load.
    BrokenFile,
    /// The plugin's file was removed.
    FileMissing,
    /// The plugin's file changed and was not looked at yet.
    FileChanged,
    /// A version asks for more than was granted.
    PendingApproval,
    /// The server's own copy does not load.
    CopyBroken,
    /// Nobody, or not the one who asks, has it enabled.
    NotEnabled,
    /// A user's configuration was refused when it was to start.
    ConfigurationRefused,
    /// It did not start for a user.
    StartFailed,
    /// It asks its user for more than they agreed to.
    AgreementMissing,
    /// It asks the administrator for something that was not granted.
    GrantMissing,
    /// It tried what it was not granted.
    Denied,
    /// Its process crashes again and again.
    CrashLoop,
    /// A call trapped, ran out of time, or failed otherwise.
    CallsFail,
    /// Messages that its listener failed on were passed over.
    MessagesSetAside,
    /// It is to be woken by timers, and is not.
    TimersOff,
    /// This machine cannot confine its process in every way.
    SandboxPartial,
    /// It used up what a limit allows.
    LimitReached,
    /// The grants file cannot be used.
    GrantsBroken,
}

impl Condition {
    const fn severity(self) -> Severity {
        match self {
            Self::FileChanged
            | Self::NotEnabled
            | Self::AgreementMissing
            | Self::GrantMissing
            | Self::Denied
            | Self::TimersOff
            | Self::SandboxPartial => Severity::Notice,
            _ => Severity::Problem,
        }
    }

    fn finding(self, found: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            condition: self,
            severity: self.severity(),
            user: None,
            found: found.into(),
            fix: fix.into(),
            report: None,
        }
    }

    fn report(self, report: &LoadError) -> Finding {
        let found = format!(
            "{} does not load: {} failed: expected {}, found {}",
            report.file.display(),
            report.step,
            report.expected,
            report.found
        );
        Finding {
            report: Some(report.clone()),
            ..self.finding(found, report.fix.clone())
        }
    }
}

impl Finding {
    fn of(self, user: &str) -> Self {
        Self {
            user: Some(user.to_owned()),
            ..self
        }
    }
}

/// How much of its storage a plugin may use before that is told, in percent.
const NEARLY_FULL: u64 = 95;

impl Plugins {
    /// What is wrong with a plugin, named by its id or by the name of a file in
    /// the plugins folder, as an administrator is told.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn diagnose(&self, id: &str, reader: i64) -> Result<Diagnosis, StoreError> {
        let entry = self.installed.get(id).or_else(|| {
            let id = self.installed.at(&self.settings.folder.join(id))?;
            self.installed.get(&id)
        });
        let mut findings = Vec::new();
        if let Some(problem) = self.grants_problem() {
            findings.push(Condition::GrantsBroken.finding(
                problem,
                "correct the file; until then only what was granted before holds",
            ));
        }
        let mut status = None;
        match entry {
            None => findings.extend(self.not_installed(id)),
            Some(entry) => {
                let plugin = &entry.current.manifest().id;
                let now = self.status(plugin);
                findings.extend(now.iter().flat_map(of_status));
                if let Some(process) = entry.current.process()
                    && let process::State::Up { protection, .. } = process.state
                {
                    findings.extend(of_protection(&protection));
                }
                if !entry.is_missing() {
                    findings.extend(self.of_grants(&entry));
                    findings.extend(self.of_instances(plugin, reader).await?);
                }
                status = now;
            }
        }
        let well = |finding: &Finding| finding.severity != Severity::Problem;
        Ok(Diagnosis {
            id: id.to_owned(),
            status,
            well: findings.iter().all(well),
            findings,
        })
    }

    /// Of what is not installed, or is a file that does not load. What a broken
    /// file would have been cannot be told, so every one is named.
    fn not_installed(&self, id: &str) -> Vec<Finding> {
        let reports: Vec<_> = self.installed.failed_files();
        let file = self.settings.folder.join(id);
        if let Some((_, _, report)) = reports.iter().find(|(failed, ..)| *failed == file) {
            return vec![Condition::BrokenFile.report(report)];
        }
        let mut findings = vec![Condition::NotInstalled.finding(
            format!(
                "no plugin `{id}` is installed in {}",
                self.settings.folder.display()
            ),
            "look for its id with mortise plugin list, or install it: mortise plugin install FILE",
        )];
        findings.extend(
            reports
                .iter()
                .map(|(.., report)| Condition::BrokenFile.report(report)),
        );
        findings
    }

    /// What the administrator has not granted.
    fn of_grants(&self, entry: &Entry) -> Vec<Finding> {
        let manifest = entry.current.manifest();
        let file = self.grants();
        let answer = file.answer(&manifest.id);
        let command = grant_command(manifest, &file).unwrap_or_default();
        let asks_for_timers = manifest
            .wants
            .iter()
            .any(|request| request.permission == Permission::Timers);
        let has_timer = entry
            .current
            .capabilities()
            .map_or(asks_for_timers, |can| can.contains(Capability::Timer));
        let mut findings = Vec::new();
        if has_timer && !answer.timers {
            let fix = if asks_for_timers {
                format!("to wake it: {command}")
            } else {
                format!(
                    "its manifest does not ask for `timers`, so ask its author; or: mortise plugin \
                     grant {} --timers",
                    manifest.id
                )
            };
            let found = "it is made to be woken by timers, which is not granted: they do not fire";
            findings.push(Condition::TimersOff.finding(found, fix));
        }
        for request in answer
            .with_users_part(manifest, &Consent::to(manifest))
            .missing(manifest)
        {
            if has_timer && request.permission == Permission::Timers {
                continue;
            }
            let found = format!(
                "it asks for `{}`, which is not granted in full; it says why: {}",
                request.permission.name(),
                request.reason
            );
            let fix = format!("to grant all that it asks for: {command}");
            findings.push(Condition::GrantMissing.finding(found, fix));
        }
        findings
    }

    async fn of_instances(&self, id: &str, reader: i64) -> Result<Vec<Finding>, StoreError> {
        let rows = self.store.plugin_instances_of_plugin(id).await?;
        let mut findings = Vec::new();
        if !rows.iter().any(|row| row.enabled) {
            findings.push(Condition::NotEnabled.finding(
                "nobody has it enabled",
                format!("each user decides for themselves; for yours: mortise plugin enable {id}"),
            ));
        } else if rows.iter().any(|row| row.user_id == reader && !row.enabled) {
            findings.push(Condition::NotEnabled.finding(
                "others have it enabled, and you have not",
                format!("if it should work for you: mortise plugin enable {id}"),
            ));
        }
        for row in rows {
            let user = self.store.user(row.user_id).await?;
            let Some(user) = user.map(|user| user.name) else {
                continue;
            };
            let of_row = match self.slot_in_memory(row.id) {
                Some(slot) if row.enabled => self.of_enabled(&slot, id).await?,
                _ => of_disabled(&row, id),
            };
            findings.extend(of_row.into_iter().map(|finding| finding.of(&user)));
        }
        Ok(findings)
    }

    async fn of_enabled(&self, slot: &Slot, id: &str) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        if let Some(error) = slot.state().last_error {
            let when = slot.log.last(Source::Host, 1);
            let when = when.first().map_or(0, |entry| entry.time_ms);
            findings.push(Condition::CallsFail.finding(
                format!(
                    "a call failed, the last time at {}: {error}",
                    rfc3339(i64::try_from(when).unwrap_or(0))
                ),
                format!(
                    "read what it says: mortise plugin logs {id}; if a new version is at fault: \
                     mortise plugin rollback {id}"
                ),
            ));
        }
        let wants = Consent::to(slot.plugin().manifest());
        if slot.agreed().and(&wants) != wants {
            findings.push(Condition::AgreementMissing.finding(
                "this version asks its user for more than they agreed to with the one before, and \
                 goes without",
                format!("its user agrees to that by: mortise plugin enable {id}"),
            ));
        }
        let aside = self.store.messages_set_aside(slot.id).await?;
        if let Some(last) = aside.first() {
            findings.push(Condition::MessagesSetAside.finding(
                format!(
                    "{} messages were set aside, for it failed on them again and again; the last \
                     one, {}, with: {}",
                    aside.len(),
                    last.message_id,
                    last.error
                ),
                "correct the plugin; what was set aside is not given again",
            ));
        }
        for denial in slot.denials().await {
            findings.push(Condition::Denied.finding(
                format!(
                    "{} was refused for want of `{}`: {} times, the last at {}",
                    denial.what,
                    denial.permission,
                    denial.count,
                    rfc3339(i64::try_from(denial.last_ms).unwrap_or(0))
                ),
                format!(
                    "nothing, if that is right; else grant it: mortise plugin grant {id} (--help \
                     lists how)"
                ),
            ));
        }
        let quota = self.grants().answer(id).limits.storage_bytes;
        let used = self.store.plugin_storage_bytes(slot.id).await?;
        if used.saturating_mul(100) >= quota.saturating_mul(NEARLY_FULL) {
            findings.push(Condition::LimitReached.finding(
                format!("it stores {used} bytes of the {quota} it may"),
                format!("raise `storage-bytes` under [\"{id}\".limits] in grants.toml"),
            ));
        }
        Ok(findings)
    }
}

/// Of an instance that its user has not enabled, or that the server disabled.
fn of_disabled(row: &InstanceRow, id: &str) -> Vec<Finding> {
    let Some(error) = &row.last_error else {
        return Vec::new();
    };
    let finding = if row.config.as_deref().is_some_and(was_refused) {
        Condition::ConfigurationRefused.finding(
            format!("it was disabled, for it refused its configuration: {error}"),
            format!(
                "the old one is kept as comments above the defaults: correct it, save it, and: \
                 mortise plugin enable {id}"
            ),
        )
    } else {
        Condition::StartFailed.finding(
            format!("it does not start: {error}"),
            format!("do what it says, and: mortise plugin enable {id}"),
        )
    };
    vec![finding]
}

/// Of the plugin's file and process.
fn of_status(status: &Status) -> Vec<Finding> {
    let mut findings = Vec::new();
    let id = &status.id;
    let file = status.file.display();
    let name = |file: &Path| file.file_name().map(|name| name.display().to_string());
    match &status.state {
        PluginState::Missing => findings.push(Condition::FileMissing.finding(
            format!("{file} was removed: nothing of it runs, and what its users have of it waits"),
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
                "it is started again after a pause; read what it says: mortise plugin logs {id}"
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
            findings.push(Condition::BrokenFile.report(report));
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
    if status.changed && status.state != PluginState::Missing {
        findings.push(
            Condition::FileChanged.finding(
                format!("{file} is not what was installed: it changed since"),
                "it is looked at when it stays as it is for a moment; to do so now: mortise plugin \
             reload "
                    .to_owned() + id,
            ),
        );
    }
    findings
}

/// Of what confines the plugin's process.
fn of_protection(protection: &Protection) -> Option<Finding> {
    if protection.missing.is_empty() {
        return None;
    }
    Some(Condition::SandboxPartial.finding(
        format!(
            "this machine cannot confine its process in every way; it lacks: {}",
            protection.missing.join("; ")
        ),
        "use a newer kernel, or see that you trust the plugin with what is not confined",
    ))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use mortise_runtime::{Backend, Digest, LoadError, Step, process::Protection};

    use super::{Condition, PluginState, Status, Waiting, of_protection, of_status};
    use crate::plugins::{Difference, VersionOf};

    fn status(state: PluginState, waiting: Option<Waiting>, changed: bool) -> Status {
        Status {
            id: "a.b".to_owned(),
            name: "A".to_owned(),
            version: "1.0.0".to_owned(),
            digest: Digest::of(b""),
            backend: Backend::Native,
            file: PathBuf::from("/plugins/a"),
            state,
            waiting,
            changed,
            previous: None,
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
    }
}
