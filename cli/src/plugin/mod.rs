//! `mortise plugin`: plugins from the command line.
//!
//! - `author`: create, build, develop and release a plugin.
//! - `check`: examine a file; `test`: run its cases; both without a server.
//! - `commands`: install, reload, roll back, uninstall, enable, disable.
//! - `doctor`: a plugin's problems.
//! - `status`: the status of plugins; `read`: logs and the audit log.
//! - `grant`: grant and revoke; `asked`: requested permissions, pending
//!   versions, denials.
//! - `listener`: the messages that a listener receives next; `dead_letters`: messages on which a listener failed again and again.
//! - `trace`: the last calls of a plugin; `timers`: its coming ones.
//! - `filters`: the user's filters; `replay` and `try_filter`: their answers, without
//!   effect.
//! - `own`: a plugin's configuration and display, as its user has them.
//! - `named`: naming a plugin by a part of its id; the candidates that errors list.
//! - `registry`: versions in a registry, and updates; `push`: publish one.
//! - `progress`: the progress of an installation.
//! - `remote`: the running server.
//! - `show`: text for a terminal.
//!
//! Commands print their results to standard output, as one line of JSON on
//! request. After a failure the exit code is 1.

mod application;
mod asked;
mod author;
mod check;
mod commands;
mod dead_letters;
mod doctor;
mod filters;
mod grant;
mod keys;
mod listener;
mod named;
mod own;
mod progress;
mod push;
mod read;
mod registry;
mod remote;
mod replay;
mod show;
mod status;
mod test;
mod timers;
mod trace;
mod try_filter;

use std::process::ExitCode;

use self::remote::Refusal;
pub(super) use self::{
    named::candidates,
    remote::{Body, Remote, Which, understood},
    show::{printable, table},
    trace::Call,
};
use crate::{output::say, process::runtime};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Name a plugin by its id, or by a part of the id that no other plugin has.

Examples:
  mortise plugin new shout --lang python
  mortise plugin install rules.wasm
  mortise plugin grant rules --as-asked
  mortise plugin status rules")]
pub(super) struct Plugin {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create a plugin: a folder with source, configuration and a test.
    New(author::New),
    /// Build the plugin in a folder.
    Build(author::Build),
    /// Write the contract for a plugin in any language: its WIT, and bindings in C.
    Bindings(author::Bindings),
    /// Turn a core module into a component.
    Componentize(author::Componentize),
    /// Build and run a plugin, and repeat both whenever you save a file.
    Dev(author::Dev),
    /// Load a file as the server would, and report errors.
    #[command(after_help = "Examples:
  mortise plugin check rules.wasm
  mortise plugin check rules.wasm --json")]
    Check(check::Look),
    /// Show a plugin's description, capabilities and requested permissions.
    #[command(after_help = "Examples:
  mortise plugin inspect rules.wasm
  mortise plugin inspect rules.wasm --json")]
    Inspect(check::Look),
    /// Run a plugin's cases against a scripted host in memory.
    Test(test::Test),
    /// Run a component's cases and write a profile of its calls.
    #[command(after_help = "Examples:
  mortise plugin profile
      profiles the newest build of the plugin in the current folder
  mortise plugin profile shout.wasm --only busy --output busy.json")]
    Profile(test::Profile),
    /// Install or replace a plugin.
    Install(commands::Install),
    /// Install the newest versions of plugins that came from a registry.
    Update(registry::Update),
    /// Publish a plugin's file in a registry.
    Push(push::Push),
    /// Build a release of a plugin, and publish it in a registry.
    Publish(author::Publish),
    /// List installed plugins.
    List(status::List),
    /// Show a plugin's status and versions.
    #[command(after_help = "Examples:
  mortise plugin status io.example.weather
  mortise plugin status weather --json")]
    Status(commands::Named),
    /// List a plugin's problems and their fixes.
    #[command(after_help = "Examples:
  mortise plugin doctor io.example.weather
  mortise plugin doctor weather.wasm")]
    Doctor(commands::Named),
    /// Enable a plugin for yourself, and consent to its requests.
    #[command(after_help = "Examples:
  mortise plugin enable io.example.weather
  MORTISE_PASSWORD=... mortise plugin enable weather --url https://push.example.org --user ann")]
    Enable(commands::Named),
    /// Disable a plugin for yourself.
    #[command(after_help = "Examples:
  mortise plugin disable io.example.weather
  mortise plugin disable weather --json")]
    Disable(commands::Named),
    /// Show or change your configuration of a plugin.
    Config(own::Config),
    /// Show a plugin's text for you, and the address of its webhook.
    #[command(after_help = "Examples:
  mortise plugin display io.example.weather
  mortise plugin display weather --json")]
    Display(commands::Named),
    /// Show or change the messages that a listener receives next.
    Listener(listener::Listener),
    /// Show a listener's dead letters, and deliver them again or remove them.
    DeadLetters(dead_letters::DeadLetters),
    /// Show a plugin's timers for you, with their next times.
    #[command(after_help = "Examples:
  mortise plugin timers clock
  mortise plugin timers io.example.clock --json")]
    Timers(commands::Named),
    /// Show the last calls of your plugin: deliveries, timers and webhooks.
    Trace(trace::Trace),
    /// Show or change your filters: their order, and the messages that they see.
    Filters(filters::Filters),
    /// Show a filter's answer to a message, and send nothing.
    Try(try_filter::Try),
    /// Repeat a filter's recorded calls with a version of the plugin, without effect.
    Replay(replay::Replay),
    /// Load a plugin's file again, even if it did not change.
    #[command(after_help = "Examples:
  mortise plugin reload io.example.weather
  mortise plugin reload weather --data-dir /var/lib/mortise")]
    Reload(commands::Named),
    /// Activate a plugin's previous version.
    #[command(after_help = "Examples:
  mortise plugin rollback io.example.weather
  mortise plugin rollback weather --json")]
    Rollback(commands::Named),
    /// Remove a plugin, and keep its users' stored values.
    #[command(after_help = "Examples:
  mortise plugin uninstall io.example.weather
  mortise plugin uninstall weather --data-dir /var/lib/mortise")]
    Uninstall(commands::Named),
    /// Print the variables for running a native plugin's process by hand.
    #[command(after_help = "\
Your process replaces the plugin's own, and the sandbox does not confine it. You may stop and
start it at any time. While it is stopped, the plugin's own process runs.

Examples:
  eval \"$(mortise plugin attach io.example.native)\"
  gdb ./my-plugin
  mortise plugin attach io.example.native --lasting > my-plugin.env
  mortise plugin attach io.example.native --end")]
    Attach(commands::Attach),
    /// Print a plugin's log.
    Logs(read::Logs),
    /// Print the audit log: changes to plugins, with actor and time.
    Audit(read::Audit),
    /// Show a plugin's requested permissions and its grants.
    #[command(after_help = "Examples:
  mortise plugin grants io.example.weather
  mortise plugin grants weather --json")]
    Grants(commands::Named),
    /// Grant permissions to a plugin.
    Grant(grant::Grant),
    /// Revoke permissions of a plugin.
    Revoke(grant::Revoke),
    /// List pending versions: they ask for more and need your approval.
    Pending(asked::PendingVersions),
    /// Approve and activate a pending version.
    Approve(asked::Approve),
    /// List the trusted keys, and trust or distrust one.
    Keys(keys::Keys),
    /// Show a plugin's denied attempts.
    #[command(after_help = "Examples:
  mortise plugin denials io.example.weather
  mortise plugin denials weather --json")]
    Denials(commands::Named),
}

impl Plugin {
    pub(super) fn run(self) -> miette::Result<ExitCode> {
        let json = self.command.wants_json();
        match runtime()?.block_on(self.command.run()) {
            Ok((text, code)) => {
                say(&text);
                Ok(code)
            }
            Err(error) => refused(error, json),
        }
    }
}

impl Command {
    /// Completes the plugin's id and runs the command.
    async fn run(mut self) -> anyhow::Result<(String, ExitCode)> {
        let Some((id, which)) = self.plugin() else {
            return self.carry_out().await;
        };
        named::complete(id, which).await?;
        let (id, which) = (id.clone(), which.clone());
        let mut outcome = self.carry_out().await;
        if let Err(error) = &mut outcome
            && let Some(refusal) = error.downcast_mut::<Refusal>()
            && refusal.is_not_found()
            && let Some(others) = named::others(&id, &which).await
        {
            refusal.error_description.push_str("; ");
            refusal.error_description.push_str(&others);
        }
        outcome
    }

    /// The plugin that an installed one is named by, and its server.
    const fn plugin(&mut self) -> Option<(&mut String, &Which)> {
        match self {
            Self::Status(plugin)
            | Self::Doctor(plugin)
            | Self::Enable(plugin)
            | Self::Disable(plugin)
            | Self::Display(plugin)
            | Self::Timers(plugin)
            | Self::Config(own::Config { plugin, .. })
            | Self::DeadLetters(dead_letters::DeadLetters { plugin, .. })
            | Self::Listener(listener::Listener { plugin, .. })
            | Self::Trace(trace::Trace { plugin, .. })
            | Self::Try(try_filter::Try { plugin, .. })
            | Self::Replay(replay::Replay { plugin, .. })
            | Self::Reload(plugin)
            | Self::Rollback(plugin)
            | Self::Uninstall(plugin)
            | Self::Attach(commands::Attach { named: plugin, .. })
            | Self::Grants(plugin)
            | Self::Denials(plugin)
            | Self::Logs(read::Logs { plugin, .. })
            | Self::Approve(asked::Approve { plugin, .. }) => Some((&mut plugin.id, &plugin.which)),
            Self::Grant(grant) => Some((&mut grant.id, &grant.which)),
            Self::Revoke(revoke) => Some((&mut revoke.id, &revoke.which)),
            Self::Audit(read::Audit {
                id: Some(id),
                which,
                ..
            })
            | Self::Update(registry::Update {
                id: Some(id),
                which,
                ..
            }) => Some((id, which)),
            Self::New(_)
            | Self::Build(_)
            | Self::Bindings(_)
            | Self::Componentize(_)
            | Self::Dev(_)
            | Self::Check(_)
            | Self::Inspect(_)
            | Self::Test(_)
            | Self::Profile(_)
            | Self::Install(_)
            | Self::Update(_)
            | Self::Push(_)
            | Self::Publish(_)
            | Self::List(_)
            | Self::Audit(_)
            | Self::Filters(_)
            | Self::Keys(_)
            | Self::Pending(_) => None,
        }
    }

    async fn carry_out(self) -> anyhow::Result<(String, ExitCode)> {
        let text = match self {
            Self::New(new) => new.run()?,
            Self::Build(build) => build.run()?,
            Self::Bindings(bindings) => bindings.run()?,
            Self::Componentize(module) => module.run()?,
            Self::Dev(dev) => return Ok((String::new(), dev.run().await?)),
            Self::Check(look) => return look.check().await,
            Self::Inspect(look) => return look.inspect().await,
            Self::Doctor(plugin) => return plugin.doctor().await,
            Self::DeadLetters(letters) => return letters.run().await,
            Self::Test(test) => return test.run().await,
            Self::Profile(profile) => return profile.run().await,
            Self::Install(install) => install.run().await?,
            Self::Update(update) => return update.run().await,
            Self::Push(push) => return push.run().await,
            Self::Publish(publish) => return publish.run().await,
            Self::List(list) => list.run().await?,
            Self::Status(plugin) => plugin.status().await?,
            Self::Enable(plugin) => plugin.enable().await?,
            Self::Disable(plugin) => plugin.disable().await?,
            Self::Config(config) => config.run().await?,
            Self::Display(plugin) => plugin.display().await?,
            Self::Timers(plugin) => plugin.timers().await?,
            Self::Trace(trace) => trace.run().await?,
            Self::Listener(listener) => listener.run().await?,
            Self::Filters(filters) => filters.run().await?,
            Self::Keys(keys) => keys.run().await?,
            Self::Try(sample) => sample.run().await?,
            Self::Replay(replay) => replay.run().await?,
            Self::Reload(plugin) => plugin.reload().await?,
            Self::Rollback(plugin) => plugin.rollback().await?,
            Self::Uninstall(plugin) => plugin.uninstall().await?,
            Self::Attach(attach) => attach.run().await?,
            Self::Logs(logs) => {
                logs.run().await?;
                String::new()
            }
            Self::Audit(audit) => audit.run().await?,
            Self::Grants(plugin) => plugin.grants().await?,
            Self::Grant(grant) => grant.run().await?,
            Self::Revoke(revoke) => revoke.run().await?,
            Self::Pending(pending) => pending.run().await?,
            Self::Approve(approve) => approve.run().await?,
            Self::Denials(plugin) => plugin.denials().await?,
        };
        Ok((text, ExitCode::SUCCESS))
    }

    const fn wants_json(&self) -> bool {
        match self {
            Self::Install(install) => install.json,
            Self::Reload(plugin)
            | Self::Rollback(plugin)
            | Self::Uninstall(plugin)
            | Self::Enable(plugin)
            | Self::Disable(plugin)
            | Self::Display(plugin)
            | Self::Timers(plugin)
            | Self::Config(own::Config { plugin, .. })
            | Self::DeadLetters(dead_letters::DeadLetters { plugin, .. })
            | Self::Listener(listener::Listener { plugin, .. })
            | Self::Trace(trace::Trace { plugin, .. })
            | Self::Try(try_filter::Try { plugin, .. })
            | Self::Replay(replay::Replay { plugin, .. })
            | Self::Attach(commands::Attach { named: plugin, .. })
            | Self::Doctor(plugin)
            | Self::Grants(plugin)
            | Self::Denials(plugin)
            | Self::Status(plugin) => plugin.json,
            Self::Update(update) => update.json,
            Self::Push(push) => push.json,
            Self::Publish(publish) => publish.json,
            Self::List(list) => list.json,
            Self::Audit(audit) => audit.json,
            Self::Filters(filters) => filters.json,
            Self::Keys(keys) => keys.json,
            Self::Grant(grant) => grant.json,
            Self::Revoke(revoke) => revoke.json,
            Self::Pending(pending) => pending.json,
            Self::Approve(approve) => approve.plugin.json,
            Self::New(_)
            | Self::Build(_)
            | Self::Bindings(_)
            | Self::Componentize(_)
            | Self::Dev(_)
            | Self::Logs(_)
            | Self::Check(_)
            | Self::Inspect(_)
            | Self::Test(_)
            | Self::Profile(_) => false,
        }
    }
}

/// Reports that a server refused a command, or that there is no server. A
/// program reads it on standard output, and so does a person whose plugin does
/// not load.
pub(crate) fn refused(error: anyhow::Error, json: bool) -> miette::Result<ExitCode> {
    match error.downcast_ref::<Refusal>() {
        Some(refusal) if json => say(&format!("{}\n", refusal.json)),
        Some(Refusal {
            report: Some(report),
            ..
        }) => say(&report.text()),
        _ => return Err(miette::miette!("{error:#}")),
    };
    Ok(ExitCode::FAILURE)
}
