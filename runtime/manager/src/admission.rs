//! Admission: the one place that decides whether a version of a plugin may run.
//!
//! Permissions without a grant are denied, so a new plugin may run: it can use
//! nothing that it asks for. A version that replaces another one waits if it
//! asks the administrator for more than the previous one did. Permissions that
//! were requested before and denied do not count as new. Permissions that
//! concern users' own messages hold no version back: each user has the
//! consented permissions only (`consent`).

use mortise_runtime::{
    Grants,
    types::{Manifest, Request},
};
use serde::Serialize;

use super::Plugins;

/// A version that loads, is checked, and would run next.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    /// The manifest of the new version.
    pub(super) new: &'a Manifest,
    /// The manifest of the version that runs or ran last; none for a plugin
    /// that was not installed before.
    pub(super) running: Option<&'a Manifest>,
}

/// Proof that a version may run. Only [`admit`] makes one, and no version becomes the
/// active one without it.
#[derive(Debug)]
pub(super) struct Admitted(());

/// The decision.
#[derive(Debug)]
pub(super) enum Admission {
    /// It runs.
    Run(Admitted),
    /// It waits for the administrator, and the active version keeps running.
    Pending(Difference),
}

/// The administrator's permissions that a version asks for beyond the answered
/// ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Difference {
    /// For a person, one line each: `+ http https://api.example.org: reason`.
    pub lines: Vec<String>,
    /// The same as the contract's data, each permission naming one thing.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub wants: Vec<Request>,
}

impl Difference {
    /// Returns the administrator's permissions that a manifest asks for beyond
    /// these.
    fn new(manifest: &Manifest, answered: &Grants) -> Self {
        let wants = manifest.wants.iter();
        let of_administrator = wants.filter(|request| !request.permission.is_for_user());
        Self::of(of_administrator, answered)
    }

    /// Returns the requests beyond what is granted.
    fn of<'a>(requests: impl Iterator<Item = &'a Request>, answered: &Grants) -> Self {
        let mut difference = Self::default();
        for request in requests {
            for permission in request.permission.parts() {
                if answered.allows(&permission) {
                    continue;
                }
                difference
                    .lines
                    .push(format!("+ {permission}: {}", request.reason));
                difference.wants.push(Request {
                    permission,
                    reason: request.reason.clone(),
                });
            }
        }
        difference
    }
}

impl Plugins {
    /// Returns the permissions that a version would ask for beyond the active
    /// one: those of the administrator without a decision, and those of the users
    /// that the active version does not ask for. For a plugin that is not
    /// installed, all that it asks for.
    pub async fn new_requests(&self, new: &Manifest) -> Difference {
        let Some(running) = self.manifest(&new.id) else {
            return Difference::of(new.wants.iter(), &Grants::default());
        };
        let candidate = Candidate {
            new,
            running: Some(&running),
        };
        let mut difference = match admit(self, candidate).await {
            Admission::Run(_) => Difference::default(),
            Admission::Pending(difference) => difference,
        };
        let mut consented = Grants::default();
        for request in &running.wants {
            // A pattern that does not parse allows nothing.
            let _: Result<(), _> = consented.add(&request.permission);
        }
        let of_users = new.wants.iter().filter(|one| one.permission.is_for_user());
        let of_users = Difference::of(of_users, &consented);
        difference.lines.extend(of_users.lines);
        difference.wants.extend(of_users.wants);
        difference
    }
}

/// Decides about a version. Called while a command about the plugin is under way,
/// so it must not give another one.
pub(super) async fn admit(plugins: &Plugins, candidate: Candidate<'_>) -> Admission {
    let Candidate { new, running } = candidate;
    let Some(running) = running else {
        return Admission::Run(Admitted(()));
    };
    let mut answered = Grants::from(plugins.grants().of(&new.id).grants);
    let asked = plugins.asked(&new.id).await;
    let before = running.wants.iter().map(|request| &request.permission);
    for permission in before.chain(&asked) {
        // A pattern that does not parse allows nothing.
        let _: Result<(), _> = answered.add(permission);
    }
    let difference = Difference::new(new, &answered);
    if difference.wants.is_empty() {
        Admission::Run(Admitted(()))
    } else {
        Admission::Pending(difference)
    }
}

#[cfg(test)]
mod tests {
    use mortise_runtime::{
        Grants,
        types::{Directory, Manifest, Permission, Request},
    };

    use super::Difference;

    fn asking(wants: Vec<Permission>) -> Manifest {
        Manifest {
            id: "a".into(),
            name: "A".into(),
            version: "1.0.0".into(),
            description: String::new(),
            author: String::new(),
            license: String::new(),
            website: String::new(),
            wants: wants
                .into_iter()
                .map(|permission| Request {
                    permission,
                    reason: "to fetch".into(),
                })
                .collect(),
            listens: None,
        }
    }

    #[test]
    fn only_what_is_more_is_a_difference() {
        let http =
            |hosts: &[&str]| Permission::Http(hosts.iter().map(|&host| host.to_owned()).collect());
        let files = |writable| {
            Permission::Files(vec![Directory {
                path: "/srv".into(),
                writable,
            }])
        };
        let before = asking(vec![http(&["*.example.org"]), files(false)]);
        let answered = Grants::as_asked(&before).unwrap();
        assert_eq!(Difference::new(&before, &answered), Difference::default());
        let new = asking(vec![
            http(&["api.example.org", "https://other.org"]),
            files(true),
            Permission::Timers,
            Permission::ReadMessages(vec!["*".into()]),
        ]);
        assert_eq!(
            Difference::new(&new, &answered).lines,
            [
                "+ http https://other.org: to fetch",
                "+ files /srv (read and write): to fetch",
                "+ timers: to fetch",
            ]
        );
    }
}
