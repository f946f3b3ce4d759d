//! Alertmanager's format for webhooks, version 4. The plugin ignores fields
//! that it does not need, and new ones.

use std::collections::BTreeMap;

use mortise_plugin::prelude::Deserialize;

/// Names and values of labels or annotations.
pub(crate) type Pairs = BTreeMap<String, String>;

/// A group of alerts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notification {
    /// All of them, including resolved ones.
    pub(crate) alerts: Vec<Alert>,
    /// The number of alerts that are left out.
    #[serde(default)]
    pub(crate) truncated_alerts: u64,
    /// The labels that define the group.
    #[serde(default)]
    pub(crate) group_labels: Pairs,
    /// The labels that all alerts have.
    #[serde(default)]
    pub(crate) common_labels: Pairs,
    /// Alertmanager's address.
    #[serde(default, rename = "externalURL")]
    pub(crate) external_url: String,
}

/// One alert.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alert {
    /// The alert's status.
    pub(crate) status: Status,
    /// The alert's labels.
    #[serde(default)]
    pub(crate) labels: Pairs,
    /// The alert's texts for people.
    #[serde(default)]
    pub(crate) annotations: Pairs,
    /// The address of the alert's expression.
    #[serde(default, rename = "generatorURL")]
    pub(crate) generator_url: String,
}

/// The status of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It is firing.
    Firing,
    /// It is resolved.
    Resolved,
}

impl Notification {
    /// Returns the alerts with one status.
    pub(crate) fn of(&self, status: Status) -> impl Iterator<Item = &Alert> {
        self.alerts
            .iter()
            .filter(move |alert| alert.status == status)
    }
}
