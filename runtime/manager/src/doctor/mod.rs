//! The problems of a plugin, and their fixes: each condition that a
//! plugin can be in becomes a finding in words. Looks only; it loads nothing,
//! calls nothing and changes nothing.
//!
//! - this module: where to look, and what users' instances have to be told of.
//! - `status`: the same of the plugin's file and process.
//! - `limits`: the same of the limits that an instance has reached.
//! - `remedy`: the command that mends a finding, where one does.
//! - `finding`: the conditions, and their form.

mod finding;
mod limits;
mod remedy;
mod status;

use mortise_runtime::{
    Capability, Plugin as _, grants::UserGrants, guard::SOCKETS, log::Source, process,
    types::Permission,
};
use serde::Serialize;

pub use self::{
    finding::{Condition, Finding, Severity},
    remedy::Call,
};
use self::{
    limits::{Used, of_limits},
    status::{of_protection, of_status},
};
use super::{
    Plugins, Slot, Status,
    control::was_refused,
    embedder::{EmbedderError, Selection, UserPlugin},
    grants::grant_command,
    installed::Entry,
    time::{now_ms, rfc3339},
};

/// All that there is to say about a plugin.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Diagnosis {
    /// The subject: a plugin's id, or a file in the plugins folder.
    pub id: String,
    /// Its status; none if it is not installed.
    pub status: Option<Status>,
    /// True if no finding is a problem.
    pub well: bool,
    /// The findings; empty if there are none.
    pub findings: Vec<Finding>,
}

/// The age in milliseconds after which an event is no longer a problem.
const RECENT_MS: i64 = 60 * 60 * 1000;

/// Returns true if an event at this time may still be a problem.
fn is_recent(time_ms: i64) -> bool {
    now_ms().saturating_sub(time_ms) < RECENT_MS
}

impl Plugins {
    /// Returns a plugin's findings for an administrator. The plugin is named by
    /// its id or by a file in the plugins folder.
    ///
    /// # Errors
    ///
    /// [`EmbedderError`].
    pub async fn diagnose(&self, id: &str, reader: i64) -> Result<Diagnosis, EmbedderError> {
        let entry = self.installed.get(id).or_else(|| {
            let id = self.installed.at(&self.settings.folder.join(id))?;
            self.installed.get(&id)
        });
        let mut findings = Vec::new();
        if let Some(problem) = self.grants_problem() {
            findings.push(Condition::GrantsBroken.finding(
                problem,
                "correct the file; until then the previous grants stay in force",
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
                if let Some(now) = &now {
                    self.add_remedies(&mut findings, now, reader).await?;
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

    /// Names the command that mends a finding. A finding about another user is
    /// that user's to mend.
    async fn add_remedies(
        &self,
        findings: &mut [Finding],
        status: &Status,
        reader: i64,
    ) -> Result<(), EmbedderError> {
        let rows = self
            .catalogue
            .user_plugins(Selection::OfUser(reader))
            .await?;
        let own = rows.iter().find(|row| row.plugin == status.id);
        let own = own.map(|row| row.id);
        let name = self.users.get(reader).await?.map(|user| user.name);
        for finding in findings {
            let concerns_reader = finding.user.is_none() || finding.user == name;
            remedy::add(finding, status, own.filter(|_| concerns_reader));
        }
        Ok(())
    }

    /// Returns the findings for a plugin that is not installed or a file that
    /// does not load. A broken file has no known id, so all broken files are
    /// named.
    fn not_installed(&self, id: &str) -> Vec<Finding> {
        let reports: Vec<_> = self.installed.failed_files();
        let file = self.settings.folder.join(id);
        if let Some((_, _, report)) = reports.iter().find(|(failed, ..)| *failed == file) {
            return vec![Condition::of(report).report(report)];
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
                .map(|(.., report)| Condition::of(report).report(report)),
        );
        findings
    }

    /// Returns the findings about missing grants.
    fn of_grants(&self, entry: &Entry) -> Vec<Finding> {
        let manifest = entry.current.manifest();
        let file = self.grants();
        let granted = self.grants_in_force(&manifest.id);
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
        if has_timer && !granted.grants.timers {
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
        for request in granted
            .with_consent(manifest, &UserGrants::as_asked(manifest))
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

    async fn of_instances(&self, id: &str, reader: i64) -> Result<Vec<Finding>, EmbedderError> {
        let rows = self.catalogue.user_plugins(Selection::OfPlugin(id)).await?;
        let mut findings = Vec::new();
        if !rows.iter().any(|row| row.enabled) {
            findings.push(Condition::NotEnabled.finding(
                "no user has it enabled",
                format!("each user decides for themselves; for yours: mortise plugin enable {id}"),
            ));
        } else if rows.iter().any(|row| row.user_id == reader && !row.enabled) {
            findings.push(Condition::NotEnabled.finding(
                "others have it enabled, and you have not",
                format!("if it should work for you: mortise plugin enable {id}"),
            ));
        }
        for row in rows {
            let user = self.users.get(row.user_id).await?;
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

    async fn of_enabled(&self, slot: &Slot, id: &str) -> Result<Vec<Finding>, EmbedderError> {
        let mut findings = Vec::new();
        let error = slot.state().last_error;
        if slot.is_down() {
            findings.push(Condition::Down.finding(
                format!(
                    "it is enabled and does not start: {}",
                    error.unwrap_or_default()
                ),
                "correct that; the server retries at least once a minute",
            ));
        } else if let Some(error) = error {
            let when = slot.log.last(Source::Host, 1);
            let when = when.first().map_or(0, |entry| entry.time_ms);
            let when = i64::try_from(when).unwrap_or(0);
            let finding = Condition::CallsFail.finding(
                format!("a call failed, the last time at {}: {error}", rfc3339(when)),
                format!(
                    "read what it says: mortise plugin logs {id}; if a new version is at fault: \
                     mortise plugin rollback {id}; if it needs more time or memory: mortise plugin \
                     grant {id} --limit call-ms=NUMBER"
                ),
            );
            findings.push(if is_recent(when) {
                finding
            } else {
                finding.into_notice()
            });
        }
        let wants = UserGrants::as_asked(slot.plugin().manifest());
        if slot.consented().and(&wants) != wants {
            findings.push(Condition::ConsentMissing.finding(
                "this version asks its user for more than they consented to, and runs without it",
                format!("its user consents to that by: mortise plugin enable {id}"),
            ));
        }
        let letters = self.catalogue.dead_letters(slot.id).await?;
        if let Some(last) = letters.first() {
            findings.push(Condition::DeadLetters.finding(
                format!(
                    "dead letters: {}, on which it failed again and again; the last one is message \
                     {}, with: {}",
                    letters.len(),
                    last.message,
                    last.error
                ),
                format!("correct the plugin, then: mortise plugin dead-letters {id} --retry"),
            ));
        }
        for denial in slot.denials() {
            findings.push(Condition::Denied.finding(
                format!(
                    "{} was denied without `{}`: {} times, the last at {}",
                    denial.what,
                    denial.permission,
                    denial.count,
                    rfc3339(i64::try_from(denial.last_ms).unwrap_or(0))
                ),
                if denial.permission == SOCKETS {
                    "correct the plugin: a component reaches the network by the HTTP client of \
                     Mortise's SDK, with the permission `http`"
                        .to_owned()
                } else {
                    format!(
                    "nothing, if that is right; else grant it: mortise plugin grant {id} (--help \
                     lists how)"
                    )
                },
            ));
        }
        let used = Used {
            stored: self.catalogue.storage_bytes(slot.id).await?,
            lines_gone: slot.log.dropped(),
            reached: &slot.reached(),
        };
        findings.extend(of_limits(id, &self.grants().of(id).limits, &used));
        Ok(findings)
    }
}

/// Of an instance that its user has not enabled, or that the server disabled.
fn of_disabled(row: &UserPlugin, id: &str) -> Vec<Finding> {
    let Some(error) = &row.last_error else {
        return Vec::new();
    };
    let finding = if row.config.as_deref().is_some_and(was_refused) {
        Condition::ConfigurationRejected.finding(
            format!("it was disabled, for it refused its configuration: {error}"),
            format!(
                "the old one is kept as comments above the defaults: correct it, save it, and: \
                 mortise plugin enable {id}"
            ),
        )
    } else {
        Condition::StartFailed.finding(
            format!("it does not start: {error}"),
            format!("correct that, then run: mortise plugin enable {id}"),
        )
    };
    vec![finding]
}
