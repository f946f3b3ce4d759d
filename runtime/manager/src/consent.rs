//! A user's consent: the plugin's permissions on the user's messages. The user
//! gives it by enabling the plugin, for the requests of that version. It is
//! stored with the user's row. A later version that asks for more does not get
//! it before the user consents again: consent never grows by itself.

use mortise_runtime::{Grants, grants::Applications, types::Manifest};
use serde::{Deserialize, Serialize};

/// A user's consent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Consent {
    /// Messages sent to them.
    pub send_messages: bool,
    /// Their messages read, of these applications.
    pub read_messages: Applications,
    /// Their messages changed and dropped before they are stored.
    pub filter_messages: bool,
}

impl Consent {
    /// To all that a manifest asks of its user.
    pub fn to(manifest: &Manifest) -> Self {
        let mut grants = Grants::default();
        for request in &manifest.wants {
            if request.permission.is_for_user() {
                // Only the administrator's permissions hold patterns that can
                // fail to parse.
                let _: Result<(), _> = grants.add(&request.permission);
            }
        }
        Self {
            send_messages: grants.send_messages,
            read_messages: grants.read_messages,
            filter_messages: grants.filter_messages,
        }
    }

    /// As it is stored.
    pub(super) fn to_json(&self) -> String {
        // Plain data always serializes.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Returns the part that both have.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            send_messages: self.send_messages && other.send_messages,
            read_messages: self.read_messages.and(&other.read_messages),
            filter_messages: self.filter_messages && other.filter_messages,
        }
    }
}
