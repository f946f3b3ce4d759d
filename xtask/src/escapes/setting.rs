//! The settings in which deeds are tried: with all protections of processes, with
//! none, and with some of them left out.

use serde::Serialize;

/// A part of the sandbox that a kernel can lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Part {
    Landlock,
    Namespaces,
    SystemCalls,
    /// Bounds of all processes of a plugin together. It denies no deed.
    ControlGroups,
}

impl Part {
    /// Those that deny deeds.
    pub(super) const ALL: [Self; 3] = [Self::Landlock, Self::Namespaces, Self::SystemCalls];

    /// Those that are left out one by one.
    pub(super) const EACH: [Self; 4] = [
        Self::Landlock,
        Self::Namespaces,
        Self::SystemCalls,
        Self::ControlGroups,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ControlGroups => "cgroups",
            Self::Landlock => "landlock",
            Self::Namespaces => "namespaces",
            Self::SystemCalls => "seccomp",
        }
    }

    /// A word of the server's report that it is missing.
    pub(super) const fn reported_as(self) -> &'static str {
        match self {
            Self::ControlGroups => "a control group",
            Self::Landlock => "Landlock",
            Self::Namespaces => "namespaces of its own",
            Self::SystemCalls => "the filter of system calls",
        }
    }
}

/// A server's surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Setting {
    /// Every protection, required.
    Full,
    /// The kernel lacks one part.
    Without(Part),
    /// The kernel has but one of the three parts.
    Only(Part),
    /// The kernel has none of them: what remains are resource limits, dropped
    /// capabilities and a new environment.
    Bare,
    /// The server applies nothing.
    Off,
}

impl Setting {
    /// Those in which each deed is tried.
    pub(super) fn all() -> Vec<Self> {
        let without = Part::EACH.map(Self::Without);
        let only = Part::ALL.map(Self::Only);
        let mut all = vec![Self::Full];
        all.extend(without);
        all.extend(only);
        all.extend([Self::Bare, Self::Off]);
        all
    }

    /// Those of the short form.
    pub(super) const SHORT: [Self; 2] = [Self::Full, Self::Off];

    pub(super) fn lacking(self) -> Vec<Part> {
        let kept = |part: Part| match self {
            Self::Full | Self::Off => true,
            Self::Without(one) => part != one,
            Self::Only(one) => part == one,
            Self::Bare => false,
        };
        let groups = (self == Self::Without(Part::ControlGroups)).then_some(Part::ControlGroups);
        let parts = Part::ALL.into_iter().filter(|part| !kept(*part));
        parts.chain(groups).collect()
    }

    /// The value of `--native-sandbox`.
    pub(super) const fn mode(self) -> &'static str {
        match self {
            Self::Full => "strict",
            Self::Off => "off",
            Self::Without(_) | Self::Only(_) | Self::Bare => "best-effort",
        }
    }

    /// True if deeds that take long are tried too.
    pub(super) const fn has_heavy(self) -> bool {
        matches!(self, Self::Full | Self::Off)
    }

    pub(super) fn name(self) -> String {
        match self {
            Self::Full => "every protection".to_owned(),
            Self::Without(part) => format!("without {}", part.name()),
            Self::Only(part) => format!("only {}", part.name()),
            Self::Bare => "without all three".to_owned(),
            Self::Off => "unconfined".to_owned(),
        }
    }
}
