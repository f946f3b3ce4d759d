//! Constructors and readers of the contract's types, for plugins.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    form,
    types::{
        Content, Error, Header, Interests, Manifest, MissedRuns, Outgoing, Permission, Problem,
        Request, StopReason, TimerOptions, WebhookRequest, WebhookResponse,
    },
};

impl Manifest {
    /// Creates a manifest with this id and name and version 0.1.0 that asks for
    /// nothing. The id is unique and permanent: `org.example.name`.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            version: "0.1.0".to_owned(),
            description: String::new(),
            author: String::new(),
            license: String::new(),
            website: String::new(),
            wants: Vec::new(),
            listens: None,
        }
    }

    /// Sets the version; `env!("CARGO_PKG_VERSION")` is the crate's version.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Sets the description, a sentence or two.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Sets the author.
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = author.into();
        self
    }

    /// Sets the licence, as an SPDX expression.
    #[must_use]
    pub fn license(mut self, license: impl Into<String>) -> Self {
        self.license = license.into();
        self
    }

    /// Sets the website.
    #[must_use]
    pub fn website(mut self, website: impl Into<String>) -> Self {
        self.website = website.into();
        self
    }

    /// Asks for a permission. The reason completes "The plugin wants this …",
    /// such as "to rewrite titles".
    #[must_use]
    pub fn wants(mut self, permission: Permission, reason: impl Into<String>) -> Self {
        self.wants.push(Request {
            permission,
            reason: reason.into(),
        });
        self
    }

    /// Has the listener receive only messages of these applications and of at least
    /// this priority; no applications means all that it may read.
    #[must_use]
    pub fn listens<A: Into<String>>(
        mut self,
        applications: impl IntoIterator<Item = A>,
        min_priority: impl Into<Option<i32>>,
    ) -> Self {
        self.listens = Some(Interests {
            applications: applications.into_iter().map(Into::into).collect(),
            min_priority: min_priority.into(),
        });
        self
    }
}

impl TimerOptions {
    /// Sets the time zone of a cron expression, such as `Europe/Berlin`.
    #[must_use]
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Puts off all times by the same random duration of at most `most`.
    #[must_use]
    pub fn jitter(mut self, most: Duration) -> Self {
        self.jitter_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Has the times that it missed left out.
    #[must_use]
    pub const fn skip_missed(mut self) -> Self {
        self.missed = MissedRuns::Skip;
        self
    }
}

impl Content {
    /// Creates a message of normal priority (5).
    pub fn new(title: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            body: body.into(),
            priority: 5,
            extras: None,
        }
    }

    /// Sets the priority: 0 (silent) to 10 (urgent).
    #[must_use]
    pub const fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Sets the extras, a JSON object that Gotify's clients understand.
    #[must_use]
    pub fn extras(mut self, extras: &serde_json::Map<String, serde_json::Value>) -> Self {
        self.extras = serde_json::to_string(extras).ok();
        self
    }
}

impl Outgoing {
    /// Sends the message from this application of the plugin, which the server
    /// creates on first use.
    #[must_use]
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = Some(name.into());
        self
    }
}

impl From<Content> for Outgoing {
    fn from(content: Content) -> Self {
        Self {
            application: None,
            content,
        }
    }
}

impl Problem {
    /// Creates a problem with a path such as `rules[2].pattern`; an empty path
    /// means the whole configuration.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }
}

/// Lets `?` work where a plugin returns a text as its error.
impl From<Error> for String {
    fn from(error: Error) -> Self {
        error.to_string()
    }
}

/// Lets `?` work where a plugin returns the problems of a configuration.
impl From<Error> for Vec<Problem> {
    fn from(error: Error) -> Self {
        vec![Problem::new("", error.to_string())]
    }
}

impl Header {
    /// Creates a header. The name is converted to lower case.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_ascii_lowercase(),
            value: value.into(),
        }
    }

    /// Returns the first value of a header in a list. The name's case does not matter.
    pub fn first<'a>(headers: &'a [Self], name: &str) -> Option<&'a str> {
        headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.as_str())
    }
}

impl WebhookRequest {
    /// Returns the first value of a header. The name's case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        Header::first(&self.headers, name)
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// The mistake and its place, as a text for the sender.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(&self.body))
            .map_err(|error| match error.path().to_string().as_str() {
                "." => format!("the body has an unexpected form: {}", error.inner()),
                path => format!("`{path}` in the body: {}", error.inner()),
            })
    }

    /// Returns the body's form fields, decoded, in order; none for another
    /// content type.
    pub fn form(&self) -> Vec<(String, String)> {
        let is_form = self
            .header("content-type")
            .and_then(|value| value.split(';').next())
            .is_some_and(|mime| {
                mime.trim()
                    .eq_ignore_ascii_case("application/x-www-form-urlencoded")
            });
        if is_form {
            form::decode(&String::from_utf8_lossy(&self.body))
        } else {
            Vec::new()
        }
    }

    /// Returns the query's fields, decoded, in order.
    pub fn query(&self) -> Vec<(String, String)> {
        form::decode(self.query.as_deref().unwrap_or_default())
    }
}

impl WebhookResponse {
    /// Creates an empty response with this status.
    pub const fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Creates a response with a text and status 200.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            body: text.into().into_bytes(),
            ..Self::status(200)
        }
        .with_header("content-type", "text/plain; charset=utf-8")
    }

    /// Creates a response with a value as JSON and status 200; the status is
    /// 500 if JSON cannot express the value.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self {
                body,
                ..Self::status(200)
            }
            .with_header("content-type", "application/json"),
            Err(error) => {
                Self::text(format!("the answer has no JSON form: {error}")).with_status(500)
            }
        }
    }

    /// Sets the status: 200 to 599.
    #[must_use]
    pub const fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(Header::new(name, value));
        self
    }
}

impl StopReason {
    /// Used by generated bindings to read the contract's number.
    #[cfg(target_family = "wasm")]
    #[doc(hidden)]
    pub const fn _lift(number: u8) -> Self {
        match number {
            0 => Self::Disabled,
            1 => Self::Reloading,
            2 => Self::Idle,
            _ => Self::ShuttingDown,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::types::{Header, WebhookRequest, WebhookResponse};

    fn request(content_type: &str, body: &str) -> WebhookRequest {
        WebhookRequest {
            method: "POST".into(),
            path: String::new(),
            query: Some("a=1&b=%20".into()),
            headers: vec![Header::new("Content-Type", content_type)],
            body: body.into(),
            client: "192.0.2.1".into(),
            scheme: "https".into(),
            host: "push.example.org".into(),
            base_path: "/plugin/1/custom/token/".into(),
        }
    }

    #[test]
    fn reads_forms_by_their_type_only() {
        let form = request("application/x-www-form-urlencoded; charset=utf-8", "x=y");
        assert_eq!(form.form(), [("x".to_owned(), "y".to_owned())]);
        assert!(request("text/plain", "x=y").form().is_empty());
        assert_eq!(form.query()[1], ("b".to_owned(), " ".to_owned()));
        assert!(form.header("CONTENT-TYPE").is_some());
    }

    #[test]
    fn says_where_json_is_wrong() {
        #[derive(Debug, serde::Deserialize)]
        struct Alert {
            #[expect(dead_code, reason = "only its reading is tested")]
            level: u8,
        }
        let error = request("application/json", r#"[{"level":1},{"level":"x"}]"#)
            .json::<Vec<Alert>>()
            .unwrap_err();
        assert!(error.contains("`[1].level`"), "{error}");
    }

    #[test]
    fn answers_name_their_type() {
        let answer = WebhookResponse::json(&["a"]).with_status(201);
        assert_eq!(
            (answer.status, answer.body.as_slice()),
            (201, b"[\"a\"]".as_slice())
        );
        assert_eq!(
            answer.headers,
            [Header::new("content-type", "application/json")]
        );
    }
}
