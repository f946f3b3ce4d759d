//! The metrics of plugins. Their labels are ids of installed plugins, functions of
//! the contract and outcomes: no set of labels grows with the traffic.

use mortise_manager::measured::{BOUNDS, CallsOf};

use super::Text;
use crate::{
    api::ApiError,
    plugins::{PluginState, Status},
    state::AppState,
};

/// Writes the metrics of all plugins.
pub(super) async fn write(state: &AppState, text: &mut Text) -> Result<(), ApiError> {
    filters(state, text);
    let statuses = state.plugins.list();
    processes(text, &statuses);
    calls(state, text, &statuses);
    memory(state, text, &statuses).await;
    users(state, text, &statuses).await
}

fn filters(state: &AppState, text: &mut Text) {
    let all = state.seen.all_filters();
    for (name, help, seconds) in [
        (
            "mortise_filter_calls_total",
            "Messages that a filter was given.",
            false,
        ),
        (
            "mortise_filter_seconds_total",
            "The time of a filter for these messages.",
            true,
        ),
    ] {
        text.describe(name, "counter", help);
        for ((plugin, outcome), times) in &all {
            let labels = [("plugin", plugin.as_str()), ("outcome", outcome.as_str())];
            if seconds {
                text.value(name, &labels, times.time.as_secs_f64());
            } else {
                text.value(name, &labels, times.count);
            }
        }
    }
}

fn processes(text: &mut Text, statuses: &[Status]) {
    let up = |status: &Status| {
        u8::from(!matches!(
            status.state,
            PluginState::Missing
                | PluginState::Broken { .. }
                | PluginState::Pausing { .. }
                | PluginState::GivenUp { .. }
        ))
    };
    let crashes = |status: &Status| match status.state {
        PluginState::Pausing { crashes, .. } | PluginState::GivenUp { crashes, .. } => crashes,
        _ => 0,
    };
    text.describe(
        "mortise_plugin_up",
        "gauge",
        "1 if the plugin can serve its users.",
    );
    for status in statuses {
        let labels = [("plugin", &*status.id), ("version", &*status.version)];
        text.value("mortise_plugin_up", &labels, up(status));
    }
    let name = "mortise_plugin_crashes";
    text.describe(name, "gauge", "Crashes of the plugin's process in a row.");
    for status in statuses {
        text.value(name, &[("plugin", &status.id)], crashes(status));
    }
    let name = "mortise_plugin_starts_total";
    text.describe(name, "counter", "Starts of the plugin's process.");
    for status in statuses {
        if let Some(mortise_runtime::process::State::Up { generation, .. }) = status.process {
            text.value(name, &[("plugin", &status.id)], generation);
        }
    }
}

/// The calls into each plugin, and their times.
fn calls(state: &AppState, text: &mut Text, statuses: &[Status]) {
    let all: Vec<(&str, Vec<CallsOf>)> = statuses
        .iter()
        .filter_map(|status| Some((&*status.id, state.plugins.calls(&status.id)?.list())))
        .collect();
    let each = || {
        all.iter()
            .flat_map(|(id, list)| list.iter().map(move |of| (*id, of)))
    };
    let name = "mortise_plugin_calls_total";
    text.describe(name, "counter", "Calls into the plugin by their outcome.");
    for (plugin, of) in each() {
        for (outcome, count) in &of.outcomes {
            let labels = [
                ("plugin", plugin),
                ("export", of.export),
                ("outcome", *outcome),
            ];
            text.value(name, &labels, count);
        }
    }
    let name = "mortise_plugin_call_seconds";
    text.describe(name, "histogram", "The times of calls into the plugin.");
    for (plugin, of) in each() {
        let labels = [("plugin", plugin), ("export", of.export)];
        let bounds = BOUNDS.iter().map(ToString::to_string);
        let within = bounds.zip(of.within);
        for (bound, count) in within.chain([("+Inf".to_owned(), of.count)]) {
            let [plugin, export] = labels;
            let labels = [plugin, export, ("le", bound.as_str())];
            text.value("mortise_plugin_call_seconds_bucket", &labels, count);
        }
        text.value("mortise_plugin_call_seconds_sum", &labels, of.seconds);
        text.value("mortise_plugin_call_seconds_count", &labels, of.count);
    }
}

async fn memory(state: &AppState, text: &mut Text, statuses: &[Status]) {
    let name = "mortise_plugin_memory_bytes";
    text.describe(
        name,
        "gauge",
        "The memory of the plugin's processes, or of its users' components.",
    );
    for status in statuses {
        if let Some(bytes) = state.plugins.memory_of(&status.id).await {
            text.value(name, &[("plugin", &status.id)], bytes);
        }
    }
}

/// The sums over each plugin's users.
async fn users(state: &AppState, text: &mut Text, statuses: &[Status]) -> Result<(), ApiError> {
    let mut lines: [Vec<(&str, u64)>; 6] = Default::default();
    for status in statuses {
        let usage = state.store.plugin_usage(&status.id).await?;
        let slots = state.plugins.slots_of(&status.id);
        let enabled = usage.iter().filter(|row| row.enabled).count() as u64;
        let stored = usage
            .iter()
            .map(|row| row.storage_bytes.unsigned_abs())
            .sum();
        let denials = slots.iter().map(|slot| {
            let denials = slot.denials();
            denials.iter().map(|denial| denial.count).sum::<u64>()
        });
        let reached = slots.iter().flat_map(|slot| slot.reached());
        let mut queue = 0;
        for instance in state.plugins.fed(&status.id) {
            queue += state.store.plugin_queue(instance).await?;
        }
        let values = [
            enabled,
            stored,
            denials.sum(),
            reached.map(|reached| reached.count).sum(),
            state.store.plugin_dead_letters(&status.id).await?,
            queue,
        ];
        for (line, value) in lines.iter_mut().zip(values) {
            line.push((&status.id, value));
        }
    }
    let names = [
        (
            "mortise_plugin_enabled_users",
            "gauge",
            "Users who enabled the plugin.",
        ),
        (
            "mortise_plugin_storage_bytes",
            "gauge",
            "Bytes that the plugin stores.",
        ),
        (
            "mortise_plugin_denials_total",
            "counter",
            "Attempts that a permission was lacking for.",
        ),
        (
            "mortise_plugin_limits_reached_total",
            "counter",
            "Times that a limit was reached.",
        ),
        (
            "mortise_plugin_dead_letters",
            "gauge",
            "Messages on which the plugin's listeners failed again and again.",
        ),
        (
            "mortise_plugin_queue_messages",
            "gauge",
            "Messages that wait for the plugin's listeners.",
        ),
    ];
    for ((name, kind, help), line) in names.into_iter().zip(lines) {
        text.describe(name, kind, help);
        for (plugin, value) in line {
            text.value(name, &[("plugin", plugin)], value);
        }
    }
    Ok(())
}
