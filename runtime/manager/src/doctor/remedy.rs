//! The remedy of a finding, where one command mends it, and the
//! call of the API that does the same.

use serde::Serialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{Condition, Finding};
use crate::{PluginState, Status};

/// A call of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Call {
    /// `POST` or `PUT`.
    pub method: &'static str,
    /// The path, encoded.
    pub path: String,
    /// The body as JSON; none for a call without.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub body: Option<Value>,
}

impl Call {
    fn post(path: String, body: Option<Value>) -> Self {
        Self {
            method: "POST",
            path,
            body,
        }
    }
}

/// Adds the remedy to a finding. `own` is the reader's instance, where the
/// finding is about the reader or about everybody.
pub(super) fn add(finding: &mut Finding, status: &Status, own: Option<i64>) {
    let id = &status.id;
    let of_administrator = |command: &str, name: &str, body: Option<Value>| {
        let encoded: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        Some((
            format!("mortise plugin {command}"),
            Call::post(format!("/admin/plugins/{encoded}/{name}"), body),
        ))
    };
    let of_own = |command: &str, name: &str| {
        own.map(|own| {
            (
                format!("mortise plugin {command} {id}"),
                Call::post(format!("/plugin/{own}/{name}"), None),
            )
        })
    };
    let given_up = matches!(status.state, PluginState::GivenUp { .. });
    let remedy = match finding.condition {
        Condition::PendingApproval => {
            of_administrator(&format!("approve {id}"), "approve", Some(json!({})))
        }
        Condition::FileChanged | Condition::ChangeRejected => {
            of_administrator(&format!("reload {id}"), "reload", None)
        }
        Condition::CrashLoop if given_up => {
            of_administrator(&format!("reload {id}"), "reload", None)
        }
        Condition::GrantMissing => of_administrator(
            &format!("grant {id} --as-asked"),
            "grant",
            Some(json!({ "asAsked": true })),
        ),
        Condition::TimersOff => of_administrator(
            &format!("grant {id} --timers"),
            "grant",
            Some(json!({ "allow": { "timers": true } })),
        ),
        Condition::NotEnabled => of_own("enable", "enable"),
        Condition::ConsentMissing => of_own("enable", "consent"),
        _ => None,
    };
    if let Some((command, call)) = remedy {
        finding.command = Some(command);
        finding.call = Some(call);
    }
}
