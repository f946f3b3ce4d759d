//! A deed: something that a plugin may not do without a grant, as data.

use serde::Serialize;

/// The plugins that do deeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Actor {
    Component,
    Go,
    Python,
}

impl Actor {
    pub(super) const ALL: [Self; 3] = [Self::Component, Self::Go, Self::Python];
    /// The two kinds of processes.
    pub(super) const PROCESSES: &'static [Self] = &[Self::Go, Self::Python];

    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Component => "test.deeds.component",
            Self::Go => "test.deeds.go",
            Self::Python => "test.deeds.python",
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Go => "go",
            Self::Python => "python",
        }
    }
}

/// An argument. Texts have placeholders in braces, which `super::place` fills in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Number(i64),
    /// A number by the name of its placeholder.
    Named(&'static str),
    Text(&'static str),
    /// Bytes, in hexadecimal digits.
    Bytes(&'static str),
}

/// The expected outcome without a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Expected {
    /// It fails for want of a permission, or because its target does not exist
    /// for the plugin.
    Denied,
    /// It fails at a bound, or the plugin is ended; nothing else is affected.
    Contained,
    /// It succeeds, as the documents say.
    Open,
}

/// Something to be tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed {
    pub(super) name: &'static str,
    pub(super) actors: &'static [Actor],
    pub(super) verb: &'static str,
    pub(super) values: &'static [Value],
    pub(super) expected: Expected,
    /// The grant with which it is done; none if no grant gives it.
    pub(super) grant: Option<&'static str>,
    /// The protection, where it is not found out by leaving out others.
    pub(super) stopped_by: Option<&'static str>,
    /// Fails outside a sandbox too, for this reason.
    pub(super) fails_unconfined: Option<&'static str>,
    /// Outside a sandbox it needs a server that runs as root.
    pub(super) root: bool,
    /// Takes long, and so is not tried in every setting.
    pub(super) heavy: bool,
}

impl Deed {
    /// A deed of processes, denied by all means.
    pub(super) const fn new(
        name: &'static str,
        verb: &'static str,
        values: &'static [Value],
    ) -> Self {
        Self {
            name,
            actors: Actor::PROCESSES,
            verb,
            values,
            expected: Expected::Denied,
            grant: None,
            stopped_by: None,
            fails_unconfined: None,
            root: false,
            heavy: false,
        }
    }

    /// A system call. The first value is its number.
    pub(super) const fn call(name: &'static str, values: &'static [Value]) -> Self {
        Self::new(name, "call", values)
    }

    /// A deed of a component.
    pub(super) const fn component(
        name: &'static str,
        verb: &'static str,
        values: &'static [Value],
    ) -> Self {
        let mut deed = Self::new(name, verb, values);
        deed.actors = &[Actor::Component];
        deed.stopped_by = Some("the server's check of grants");
        deed
    }

    /// A deed of all plugins that the server itself prevents.
    pub(super) const fn of_all(
        name: &'static str,
        verb: &'static str,
        values: &'static [Value],
    ) -> Self {
        let mut deed = Self::component(name, verb, values);
        deed.actors = &Actor::ALL;
        deed.fails_unconfined = Some("the server itself");
        deed
    }

    pub(super) const fn granted_by(mut self, grant: &'static str) -> Self {
        self.grant = Some(grant);
        self
    }

    pub(super) const fn by(mut self, protection: &'static str) -> Self {
        self.stopped_by = Some(protection);
        self
    }

    pub(super) const fn needs_root(mut self) -> Self {
        self.root = true;
        self
    }

    pub(super) const fn fails_anyway(mut self, reason: &'static str) -> Self {
        self.fails_unconfined = Some(reason);
        self
    }

    pub(super) const fn contained(mut self) -> Self {
        self.expected = Expected::Contained;
        self
    }

    pub(super) const fn heavy(mut self) -> Self {
        self.heavy = true;
        self
    }
}
