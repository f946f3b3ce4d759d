//! The judgement of all outcomes, and the report.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use comfy_table::{Table, presets};
use serde::Serialize;

use super::{
    deed::{Actor, Deed, Expected},
    setting::{Part, Setting},
    trial::{Key, Outcome, Tried},
};

/// Of all deeds.
pub(super) struct Verdicts {
    deeds: Vec<Deed>,
    tried: BTreeMap<Setting, Tried>,
}

/// Of one deed of one actor.
#[derive(Serialize)]
struct Verdict {
    deed: &'static str,
    actor: Actor,
    expected: Expected,
    without_grant: String,
    grant: Option<&'static str>,
    with_grants: Option<String>,
    unconfined: Option<String>,
    /// The protections of which each alone stops it.
    stopped_by: Vec<String>,
    /// The settings without a protection in which it is open.
    open: Vec<String>,
    /// The reasons why this is not as it should be.
    wrong: Vec<String>,
}

impl Verdicts {
    pub(super) const fn new(deeds: Vec<Deed>, tried: BTreeMap<Setting, Tried>) -> Self {
        Self { deeds, tried }
    }

    /// The number of deeds, counted for each actor.
    pub(super) fn count(&self) -> usize {
        self.keys().len()
    }

    fn keys(&self) -> Vec<Key> {
        let deeds = self.deeds.iter().enumerate();
        deeds
            .flat_map(|(number, deed)| deed.actors.iter().map(move |actor| (number, *actor)))
            .collect()
    }

    fn outcome(&self, setting: Setting, key: Key) -> Option<&Outcome> {
        self.tried.get(&setting)?.without_grants.get(&key)
    }

    fn all(&self) -> Vec<Verdict> {
        let keys = self.keys().into_iter();
        keys.filter_map(|key| self.verdict(key)).collect()
    }

    fn verdict(&self, key: Key) -> Option<Verdict> {
        let (number, actor) = key;
        let deed = self.deeds.get(number)?;
        let full = self.tried.get(&Setting::Full)?;
        let without = full.without_grants.get(&key)?;
        let with = full.with_grants.get(&key);
        let unconfined = self.outcome(Setting::Off, key);
        let mut wrong = Vec::new();
        if !without.holds(deed.expected) {
            wrong.push(format!(
                "without a grant: {without:?} and not {:?}",
                deed.expected
            ));
        }
        match (with, deed.grant) {
            (Some(with), Some(grant)) if !with.is_done() => {
                wrong.push(format!("granted {grant}: {with:?}"));
            }
            (Some(with), None) if !with.holds(deed.expected) => {
                wrong.push(format!("with grants for other deeds: {with:?}"));
            }
            _ => {}
        }
        let has_control =
            deed.fails_unconfined.is_none() && (!deed.root || rustix::process::geteuid().is_root());
        if let Some(outcome) = unconfined.filter(|_| has_control)
            && outcome.holds(deed.expected)
            && deed.expected != Expected::Open
            && matches!(outcome, Outcome::Failed(..))
            && !lacks(outcome)
        {
            wrong.push(format!("outside the sandbox it fails too: {outcome:?}"));
        }
        Some(Verdict {
            deed: deed.name,
            actor,
            expected: deed.expected,
            without_grant: without.short(),
            grant: deed.grant,
            with_grants: with.map(Outcome::short),
            unconfined: unconfined.map(|outcome| unconfined_text(outcome, deed)),
            stopped_by: self.stopped_by(deed, key),
            open: self.open(deed, key),
            wrong,
        })
    }

    /// The protections that stop a deed by themselves.
    fn stopped_by(&self, deed: &Deed, key: Key) -> Vec<String> {
        if let Some(protection) = deed.stopped_by {
            return vec![protection.to_owned()];
        }
        if deed.expected == Expected::Open {
            return Vec::new();
        }
        let stops = |setting| {
            let outcome = self.outcome(setting, key);
            outcome.is_some_and(|outcome| outcome.holds(deed.expected))
        };
        let mut protections = Vec::new();
        if stops(Setting::Bare) {
            protections.push("no capabilities".to_owned());
        } else {
            let parts = Part::ALL.into_iter();
            let alone = parts.filter(|part| stops(Setting::Only(*part)));
            protections.extend(alone.map(|part| part.name().to_owned()));
        }
        protections
    }

    /// The settings with a part left out in which a deed is open.
    fn open(&self, deed: &Deed, key: Key) -> Vec<String> {
        let without = Part::EACH.into_iter().map(Setting::Without);
        without
            .chain([Setting::Bare])
            .filter(|setting| {
                let outcome = self.outcome(*setting, key);
                outcome.is_some_and(|outcome| !outcome.holds(deed.expected))
            })
            .map(Setting::name)
            .collect()
    }

    /// All that went wrong, a line each.
    pub(super) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for verdict in self.all() {
            for wrong in verdict.wrong {
                let actor = verdict.actor.name();
                failures.push(format!("{actor}: {}: {wrong}", verdict.deed));
            }
        }
        for (setting, tried) in &self.tried {
            let name = setting.name();
            if let Some(harm) = &tried.harm {
                failures.push(format!("{name}: {harm}"));
            }
            for part in setting.lacking() {
                if !tried.reports.contains(part.reported_as()) {
                    failures.push(format!(
                        "{name}: the server does not report that it lacks {}: {}",
                        part.name(),
                        tried.reports
                    ));
                }
            }
        }
        failures
    }

    /// A line of JSON for each.
    pub(super) fn lines(&self) -> Result<Vec<String>> {
        let verdicts = self.all().into_iter();
        verdicts
            .map(|verdict| serde_json::to_string(&verdict).context("a verdict is no JSON"))
            .collect()
    }

    /// A table for people.
    pub(super) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header([
            "",
            "by",
            "deed",
            "without",
            "with",
            "unconfined",
            "stopped by",
            "open",
        ]);
        let all = self.all();
        for verdict in &all {
            let with = match (&verdict.with_grants, verdict.grant) {
                (Some(with), Some(grant)) => format!("{with} ({grant})"),
                (_, _) => String::new(),
            };
            table.add_row([
                if verdict.wrong.is_empty() {
                    "ok"
                } else {
                    "WRONG"
                },
                verdict.actor.name(),
                verdict.deed,
                &verdict.without_grant,
                &with,
                verdict.unconfined.as_deref().unwrap_or_default(),
                &verdict.stopped_by.join(", "),
                &verdict.open.join(", "),
            ]);
        }
        let mut text = table.trim_fmt();
        text += &format!("\n\n{} deeds\n", all.len());
        for (setting, tried) in &self.tried {
            let told = setting.lacking().into_iter().map(|part| {
                let said = tried.reports.contains(part.reported_as());
                format!(
                    "{}: {}",
                    part.name(),
                    if said { "reported" } else { "NOT REPORTED" }
                )
            });
            let groups = if tried.reports.contains("a control group") {
                "control groups: reported missing"
            } else {
                "control groups: nothing reported"
            };
            let told: Vec<_> = told.chain([groups.to_owned()]).collect();
            let outcomes = tried.without_grants.iter();
            let open = outcomes
                .filter(|((number, _), outcome)| {
                    let deed = self.deeds.get(*number);
                    deed.is_some_and(|deed| !outcome.holds(deed.expected))
                })
                .count();
            let tried = tried.without_grants.len();
            text += &format!(
                "{}: {open} of {tried} deeds open; {}\n",
                setting.name(),
                told.join(", ")
            );
        }
        text
    }
}

/// True if the kernel has no such call or protocol.
fn lacks(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(number, _) if *number == libc::ENOSYS)
}

fn unconfined_text(outcome: &Outcome, deed: &Deed) -> String {
    match (deed.fails_unconfined, outcome) {
        (Some(reason), _) => format!("- ({reason})"),
        (None, outcome) if lacks(outcome) => "not in this kernel".to_owned(),
        (None, Outcome::Failed(..)) if !outcome.is_denied() => {
            format!("reached: {}", outcome.short())
        }
        (None, outcome) => outcome.short(),
    }
}
