//! The guard's checks of calls into the plugin, and of their answers.

use super::{Guard, OpenCall};
use crate::{
    CallError,
    contract::{
        Capability,
        types::{Header, Permission, Verdict, WebhookRequest, WebhookResponse},
    },
    grants::Grants,
    limits,
    text::cut,
};

impl Guard {
    /// Opens a call of a function with this capability, if it has one: some
    /// functions belong to every plugin. The call counts until the returned
    /// value is dropped.
    ///
    /// # Errors
    ///
    /// [`CallError::Denied`], which is counted too; [`CallError::TooMany`].
    pub fn open_call(
        &self,
        call: &'static str,
        capability: Option<Capability>,
    ) -> Result<OpenCall<'_>, CallError> {
        let in_force = self.in_force.load();
        if let Some(capability) = capability {
            self.allow(capability, &in_force.grants)?;
        }
        let most = match (capability, in_force.limits.concurrent_calls) {
            // Strangers make these: the rest is left for the others.
            (Some(Capability::Webhook), most) => most - most / 4,
            (_, most) => most,
        };
        OpenCall::new(&self.calls, in_force, call, most)
    }

    /// Waits until no call into the plugin is open. Calls may be opened
    /// meanwhile and afterwards; it is for its caller to see that none is.
    pub async fn drained(&self) {
        self.calls.drained().await;
    }

    /// Checks that the plugin may be called for this now.
    ///
    /// # Errors
    ///
    /// [`CallError::Denied`], which is counted too.
    pub fn may_be_called(&self, capability: Capability) -> Result<(), CallError> {
        self.allow(capability, &self.in_force.load().grants)
    }

    fn allow(&self, capability: Capability, grants: &Grants) -> Result<(), CallError> {
        let (granted, permission) = match capability {
            Capability::Webhook => (grants.host.webhook, Permission::Webhook),
            Capability::Filter => (grants.user.filter_messages, Permission::FilterMessages),
            Capability::Listener => (
                grants.user.reads_others(),
                Permission::ReadMessages(Vec::new()),
            ),
            Capability::Timer => (grants.host.timers, Permission::Timers),
            Capability::Lifecycle | Capability::Configurer | Capability::Displayer => return Ok(()),
        };
        if granted {
            return Ok(());
        }
        self.deny(&permission, &format!("being called as a {capability}"));
        Err(CallError::Denied {
            permission: permission.name(),
        })
    }

    /// Removes cookies without a grant from a request.
    pub fn webhook_request(&self, mut request: WebhookRequest) -> WebhookRequest {
        let in_force = self.in_force();
        request.headers.retain_mut(|header| {
            if !header.name.eq_ignore_ascii_case("cookie") {
                return true;
            }
            let kept: Vec<&str> = header
                .value
                .split(';')
                .map(str::trim)
                .filter(|cookie| {
                    let name = cookie.split_once('=').map_or(*cookie, |(name, _)| name);
                    in_force.grants.host.cookies.contains(name)
                })
                .collect();
            header.value = kept.join("; ");
            !header.value.is_empty()
        });
        request
    }

    /// Checks a plugin's answer to a webhook request.
    ///
    /// # Errors
    ///
    /// [`CallError::BadAnswer`].
    pub fn webhook_response(&self, answer: WebhookResponse) -> Result<WebhookResponse, CallError> {
        let bad = |what| {
            Err(CallError::BadAnswer {
                call: "webhook.handle",
                what,
            })
        };
        self.webhook_head(answer.status, &answer.headers)?;
        if answer.body.len() > limits::WEBHOOK_RESPONSE_BYTES {
            return bad(over(
                "a body",
                answer.body.len(),
                limits::WEBHOOK_RESPONSE_BYTES,
            ));
        }
        Ok(answer)
    }

    /// Checks what comes before the body of an answer to a webhook request.
    ///
    /// # Errors
    ///
    /// [`CallError::BadAnswer`].
    pub fn webhook_head(&self, status: u16, headers: &[Header]) -> Result<(), CallError> {
        let bad = |what| {
            Err(CallError::BadAnswer {
                call: "webhook.handle",
                what,
            })
        };
        if !(200..=599).contains(&status) {
            return bad(format!("status {status}, which is not 200 to 599"));
        }
        for Header { name, value } in headers {
            if http::HeaderName::try_from(name.as_str()).is_err()
                || http::HeaderValue::try_from(value.as_str()).is_err()
            {
                return bad(format!(
                    "the malformed header `{}`",
                    cut(&name.escape_debug().to_string(), 80)
                ));
            }
        }
        Ok(())
    }

    /// Checks a filter's answer.
    ///
    /// # Errors
    ///
    /// [`CallError::BadAnswer`].
    pub fn verdict(&self, verdict: Verdict) -> Result<Verdict, CallError> {
        match verdict {
            Verdict::Replace(content) => match content.check(limits::MESSAGE_BYTES) {
                Ok(()) => Ok(Verdict::Replace(content)),
                Err(error) => Err(CallError::BadAnswer {
                    call: "filter.filter",
                    what: error.to_string(),
                }),
            },
            Verdict::Drop(reason) => {
                Ok(Verdict::Drop(cut(&reason, limits::REASON_BYTES).to_owned()))
            }
            Verdict::Keep => Ok(Verdict::Keep),
        }
    }
}

fn over(what: &str, size: usize, most: usize) -> String {
    format!("{what} of {size} bytes, more than {most}")
}
