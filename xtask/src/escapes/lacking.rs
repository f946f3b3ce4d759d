//! A kernel that lacks something: a filter of system calls has the kernel deny it,
//! as an old kernel or a container does, before the server is executed. The server
//! is the same program in all settings.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt as _,
    process::Command,
};

use anyhow::{Context as _, Result, anyhow};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Compare,
    SeccompCondition, SeccompFilter, SeccompRule, apply_filter,
};

use super::setting::Part;

/// The hidden subcommand.
pub(crate) const LACKING: &str = "__lacking";

/// Executes a program on a kernel that lacks these parts.
#[derive(Debug, clap::Args)]
pub(crate) struct Lacking {
    /// Names of parts, with commas between them.
    parts: String,
    program: OsString,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Lacking {
    /// Does not return unless it fails.
    pub(crate) fn exec(&self) -> Result<()> {
        let mut parts = Vec::new();
        for name in self.parts.split(',').filter(|name| !name.is_empty()) {
            let part = Part::EACH.into_iter().find(|part| part.name() == name);
            parts.push(part.with_context(|| format!("`{name}` is no part of the sandbox"))?);
        }
        // Last the one after which no filter can be made.
        parts.sort();
        let hides = parts.contains(&Part::ControlGroups);
        for part in parts
            .into_iter()
            .filter(|part| *part != Part::ControlGroups)
        {
            deny(part)?;
        }
        let mut command = if hides {
            without_groups(&self.program)
        } else {
            Command::new(&self.program)
        };
        let error = command.args(&self.arguments).exec();
        Err(error).with_context(|| format!("{} cannot be started", self.program.display()))
    }
}

/// A command that executes a program where the machine's control groups are not
/// mounted.
fn without_groups(program: &OsStr) -> Command {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let hidden = "mount -t tmpfs none /sys/fs/cgroup && exec \"$0\" \"$@\"";
    command.args(["sh", "-c", hidden]).arg(program);
    command
}

fn deny(part: Part) -> Result<()> {
    let always = Vec::new;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    let error = match part {
        Part::Landlock => {
            rules.insert(libc::SYS_landlock_create_ruleset, always());
            rules.insert(libc::SYS_landlock_add_rule, always());
            rules.insert(libc::SYS_landlock_restrict_self, always());
            libc::ENOSYS
        }
        Part::Namespaces => {
            let mut each = Vec::new();
            for flag in [
                libc::CLONE_NEWUSER,
                libc::CLONE_NEWNS,
                libc::CLONE_NEWPID,
                libc::CLONE_NEWIPC,
            ] {
                let flag = u64::from(flag.unsigned_abs());
                let made = SeccompCondition::new(0, Width::Dword, Compare::MaskedEq(flag), flag)?;
                each.push(SeccompRule::new(vec![made])?);
            }
            rules.insert(libc::SYS_clone, each.clone());
            rules.insert(libc::SYS_unshare, each);
            libc::EPERM
        }
        // They are hidden, which no filter does.
        Part::ControlGroups => return Ok(()),
        Part::SystemCalls => {
            rules.insert(libc::SYS_seccomp, always());
            libc::ENOSYS
        }
    };
    let architecture = std::env::consts::ARCH
        .try_into()
        .map_err(|_| anyhow!("this architecture has no filters of system calls"))?;
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(error.unsigned_abs()),
        architecture,
    )?;
    let program: BpfProgram = filter.try_into()?;
    apply_filter(&program).context("a filter of system calls cannot be applied")
}
