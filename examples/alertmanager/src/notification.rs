//! What Alertmanager sends to webhooks (version 4 of its form). Fields that are
//! of no use here are not read, and new ones do no harm.

use std::collections::BTreeMap;

use mortise_plugin::prelude::Deserialize;

/// Names and values of labels or annotations.
pub(crate) type Pairs = BTreeMap<String, String>;

/// Alerts that belong together.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notification {
    /// All of them, those that are resolved too.
    pub(crate) alerts: Vec<Alert>,
    /// How many more there are.
    #[serde(default)]
    pub(crate) truncated_alerts: u64,
    /// The labels by which they belong together.
    #[serde(default)]
    pub(crate) group_labels: Pairs,
    /// The labels that all have.
    #[serde(default)]
    pub(crate) common_labels: Pairs,
    /// Where Alertmanager is.
    #[serde(default, rename = "externalURL")]
    pub(crate) external_url: String,
}

/// One alert.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alert {
    /// Whether it is still there.
    pub(crate) status: Status,
    /// What tells it from others.
    #[serde(default)]
    pub(crate) labels: Pairs,
    /// What people are told.
    #[serde(default)]
    pub(crate) annotations: Pairs,
    /// Where the expression behind it is shown.
    #[serde(default, rename = "generatorURL")]
    pub(crate) generator_url: String,
}

/// Whether an alert is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It is.
    Firing,
    /// It was.
    Resolved,
}

impl Notification {
    /// The alerts of one status.
    pub(crate) fn of(&self, status: Status) -> impl Iterator<Item = &Alert> {
        self.alerts
            .iter()
            .filter(move |alert| alert.status == status)
    }
}
