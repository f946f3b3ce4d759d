//! The handshake: the plugin's hello, the host's welcome or reject, and the
//! negotiated values. Always JSON, in frames of at most [`LEAST_MAX_FRAME`]
//! bytes.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{
    LEAST_MAX_FRAME, MOST_MAX_FRAME, NAME, VERSIONS, Violation,
    codec::{Codec, EncodeError},
};

/// The streaming of webhook answers.
pub const WEBHOOK_STREAM: &str = "webhook-stream";

/// A plugin's first message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`NAME`].
    pub protocol: String,
    /// Versions of the protocol it speaks.
    pub versions: Vec<u32>,
    /// Versions of the contract it was written for.
    pub contracts: Vec<String>,
    /// Codecs it speaks.
    pub codecs: Vec<String>,
    /// Optional parts it supports.
    #[serde(default)]
    pub features: Vec<String>,
    /// The longest frame it takes, in bytes.
    pub max_frame: u64,
    /// The secret that proves its identity.
    #[serde(default)]
    pub secret: String,
    /// Name and version of its SDK, for people.
    #[serde(default)]
    pub sdk: String,
}

/// The host's answer to a hello it agrees with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`NAME`].
    pub protocol: String,
    /// The version of the protocol from here on.
    pub version: u32,
    /// The version of the contract from here on.
    pub contract: String,
    /// The codec from the next frame on.
    pub codec: String,
    /// Optional parts that both sides support.
    #[serde(default)]
    pub features: Vec<String>,
    /// The longest frame the host takes, in bytes.
    pub max_frame: u64,
    /// Calls that the plugin may have open at a time.
    pub max_calls: u64,
    /// The time in which a cancelled call must be answered, in milliseconds.
    pub cancel_grace_ms: u64,
    /// Name and version of the host, for people.
    #[serde(default)]
    pub host: String,
}

/// The host's answer to a hello it cannot go on with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct Reject {
    /// The reason and the next step.
    pub text: String,
}

/// A frame of the handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Handshake {
    /// The plugin's.
    Hello(Hello),
    /// The host's, when it goes on.
    Welcome(Welcome),
    /// The host's, when it does not.
    Reject(Reject),
}

impl Handshake {
    /// Appends it as a frame.
    ///
    /// # Errors
    ///
    /// A handshake longer than [`LEAST_MAX_FRAME`].
    pub fn put(&self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Codec::Json.put(buffer, LEAST_MAX_FRAME, self)
    }

    /// Reads a frame's content.
    ///
    /// # Errors
    ///
    /// Content that is no handshake.
    pub fn read(content: &[u8]) -> Result<Self, Violation> {
        #[derive(Deserialize)]
        struct Type<'a> {
            #[serde(rename = "type", borrow)]
            kind: Cow<'a, str>,
        }
        Codec::Json
            .read(content)
            .map_err(|error| match Codec::Json.read::<Type<'_>>(content) {
                Ok(other) if !matches!(&*other.kind, "hello" | "welcome" | "reject") => {
                    Violation::NoHandshake(other.kind.chars().take(64).collect())
                }
                _ => Violation::Malformed(error.to_string()),
            })
    }
}

impl Hello {
    /// Decides about the host's answer to this hello.
    ///
    /// # Errors
    ///
    /// [`Reject`]: the host's, or one that names something this side did not offer.
    pub fn agree(&self, answer: Handshake) -> Result<Agreement, Reject> {
        let welcome = match answer {
            Handshake::Welcome(welcome) => welcome,
            Handshake::Reject(reject) => return Err(reject),
            Handshake::Hello(_) => {
                let text = "the host answered the handshake with `hello`; MORTISE_SOCKET names \
                            another plugin";
                return Err(Reject { text: text.into() });
            }
        };
        let unknown = |what: &str| Reject {
            text: format!(
                "the host chose {what}, which this plugin did not offer; rebuild the plugin with \
                 a newer SDK, or update the server"
            ),
        };
        if !self.versions.contains(&welcome.version) {
            return Err(unknown(&format!(
                "version {} of the protocol",
                welcome.version
            )));
        }
        let codec = Codec::named(&welcome.codec)
            .filter(|_| self.codecs.contains(&welcome.codec))
            .ok_or_else(|| unknown(&format!("the codec `{}`", shown(&welcome.codec))))?;
        let limit = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Ok(Agreement {
            codec,
            receive_limit: limit(self.max_frame),
            send_limit: limit(welcome.max_frame),
            max_calls: usize::MAX,
            contract: welcome.contract,
            features: welcome.features,
        })
    }
}

/// A host's offer to plugins.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Versions of the contract it speaks, the newest of each track.
    pub contracts: Vec<String>,
    /// Codecs it speaks, best first.
    pub codecs: Vec<Codec>,
    /// Optional parts it supports.
    pub features: Vec<String>,
    /// The longest frame it takes, in bytes.
    pub max_frame: usize,
    /// Calls that a plugin may have open at a time.
    pub max_calls: usize,
    /// The time in which a cancelled call must be answered, in milliseconds.
    pub cancel_grace_ms: u64,
    /// Name and version of the host, for people.
    pub host: String,
}

/// The negotiated values of a connection, as this side needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The form of values.
    pub codec: Codec,
    /// The longest frame this side takes, in bytes.
    pub receive_limit: usize,
    /// The longest frame the other side takes, in bytes.
    pub send_limit: usize,
    /// Calls that the other side may have open at a time. A host has no bound.
    pub max_calls: usize,
    /// The version of the contract.
    pub contract: String,
    /// Optional parts that both sides support.
    pub features: Vec<String>,
}

impl Terms {
    /// Decides about a hello with the right secret.
    ///
    /// # Errors
    ///
    /// [`Reject`], which names the difference between the two sides.
    pub fn answer(&self, hello: &Hello) -> Result<(Welcome, Agreement), Reject> {
        let reject = |text: String| Err(Reject { text });
        if hello.protocol != NAME {
            return reject(format!(
                "the plugin speaks `{}`, this host speaks `{NAME}`; rebuild it with a Mortise SDK",
                shown(&hello.protocol)
            ));
        }
        let Some(version) = VERSIONS
            .iter()
            .find(|version| hello.versions.contains(version))
        else {
            return reject(format!(
                "the plugin speaks version {} of the protocol, this host version {}; rebuild the \
                 plugin with a newer SDK, or update the server",
                list(&hello.versions),
                list(VERSIONS)
            ));
        };
        let Some(contract) = common(&self.contracts, &hello.contracts) else {
            return reject(format!(
                "the plugin was written for contract {}, this host has {}; rebuild the plugin \
                 with a newer SDK, or update the server",
                shown(&list(&hello.contracts)),
                list(&self.contracts)
            ));
        };
        let Some(codec) = self
            .codecs
            .iter()
            .find(|codec| hello.codecs.iter().any(|name| name == codec.name()))
        else {
            return reject(format!(
                "the plugin speaks the codecs {}; `json` must be among them",
                shown(&list(&hello.codecs))
            ));
        };
        let send_limit = usize::try_from(hello.max_frame).unwrap_or(usize::MAX);
        if !(LEAST_MAX_FRAME..=MOST_MAX_FRAME).contains(&send_limit) {
            return reject(format!(
                "the plugin takes frames of {} bytes; `max_frame` must be {LEAST_MAX_FRAME} to \
                 {MOST_MAX_FRAME}",
                hello.max_frame
            ));
        }
        let features: Vec<String> = self
            .features
            .iter()
            .filter(|feature| hello.features.contains(feature))
            .cloned()
            .collect();
        let welcome = Welcome {
            protocol: NAME.to_owned(),
            version: *version,
            contract: contract.to_string(),
            codec: codec.name().to_owned(),
            features: features.clone(),
            max_frame: self.max_frame as u64,
            max_calls: self.max_calls as u64,
            cancel_grace_ms: self.cancel_grace_ms,
            host: self.host.clone(),
        };
        let agreement = Agreement {
            codec: *codec,
            receive_limit: self.max_frame,
            send_limit,
            max_calls: self.max_calls,
            contract: contract.to_string(),
            features,
        };
        Ok((welcome, agreement))
    }
}

/// A version of the contract. Those of one track only add to each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Contract(u32, u32, u32);

impl Contract {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        let version = Self(parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(version)
    }

    /// Returns the part that it shares with all compatible versions: the major
    /// number, or the minor one before the first major version.
    const fn track(self) -> (u32, u32) {
        match self {
            Self(0, minor, _) => (0, minor),
            Self(major, ..) => (major, 0),
        }
    }
}

impl std::fmt::Display for Contract {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(major, minor, patch) = self;
        write!(formatter, "{major}.{minor}.{patch}")
    }
}

/// The newest version of the contract that both sides can keep to: in a track
/// that both know, the older of the two.
fn common(ours: &[String], theirs: &[String]) -> Option<Contract> {
    let ours = || ours.iter().filter_map(|text| Contract::read(text));
    theirs
        .iter()
        .filter_map(|text| Contract::read(text))
        .flat_map(|their| {
            ours()
                .filter(move |our| our.track() == their.track())
                .map(move |our| our.min(their))
        })
        .max()
}

fn list<T: ToString>(items: &[T]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Shortens text from the other side for display.
fn shown(text: &str) -> String {
    text.chars().take(128).collect()
}

#[cfg(test)]
mod tests {
    use super::{Handshake, Hello, Reject, Terms, Welcome};
    use crate::{Violation, codec::Codec};

    fn terms() -> Terms {
        Terms {
            contracts: vec!["0.2.0".into(), "0.1.0".into()],
            codecs: vec![Codec::MsgPack, Codec::Json],
            features: vec!["webhook-stream".into(), "other".into()],
            max_frame: 1 << 20,
            max_calls: 16,
            cancel_grace_ms: 5000,
            host: "test".into(),
        }
    }

    fn hello() -> Hello {
        Hello {
            protocol: "mortise-native".into(),
            versions: vec![7, 1],
            contracts: vec!["0.3.0".into(), "0.1.0".into()],
            codecs: vec!["json".into()],
            features: vec!["webhook-stream".into(), "unknown".into()],
            max_frame: 1 << 17,
            secret: String::new(),
            sdk: String::new(),
        }
    }

    #[test]
    fn agrees_on_what_both_have() {
        let (welcome, agreement) = terms().answer(&hello()).unwrap();
        assert_eq!(welcome.version, 1);
        assert_eq!(welcome.contract, "0.1.0");
        assert_eq!(welcome.codec, "json");
        assert_eq!(welcome.features, ["webhook-stream"]);
        assert_eq!(agreement.codec, Codec::Json);
        assert_eq!(agreement.send_limit, 1 << 17);
        assert_eq!(agreement.receive_limit, 1 << 20);
    }

    #[test]
    fn agrees_on_the_newest_contract_that_both_can_keep_to() {
        for (theirs, ours, expected) in [
            (&["0.1.0"][..], &["0.1.0"][..], Some("0.1.0")),
            // A newer plugin, a newer host.
            (&["0.1.7"], &["0.1.2"], Some("0.1.2")),
            (&["0.1.2"], &["0.1.7"], Some("0.1.2")),
            (&["1.0.0"], &["1.4.1"], Some("1.0.0")),
            (&["0.1.0", "0.2.1"], &["0.2.0", "0.1.3"], Some("0.2.0")),
            (&["0.10.0", "0.9.0"], &["0.9.0", "0.10.0"], Some("0.10.0")),
            (&["0.2.0"], &["0.1.0"], None),
            (&["2.0.0"], &["1.0.0"], None),
            (
                &["1", "1.0", "v1.0.0", "1.0.0.0", "1.0.x"],
                &["1.0.0"],
                None,
            ),
            (&[], &["1.0.0"], None),
        ] {
            let owned = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect();
            let terms = Terms {
                contracts: owned(ours),
                ..terms()
            };
            let hello = Hello {
                contracts: owned(theirs),
                ..hello()
            };
            let agreed = terms
                .answer(&hello)
                .ok()
                .map(|(welcome, _)| welcome.contract);
            assert_eq!(agreed.as_deref(), expected, "{theirs:?} {ours:?}");
        }
    }

    #[test]
    fn says_what_they_do_not_have_in_common() {
        type Change = fn(&mut Hello);
        let cases: [(Change, &str); 5] = [
            (|hello| hello.protocol = "grpc".into(), "speaks `grpc`"),
            (|hello| hello.versions = vec![2, 3], "version 2, 3"),
            (|hello| hello.contracts = vec!["9.0.0".into()], "9.0.0"),
            (|hello| hello.codecs = vec!["xml".into()], "xml"),
            (|hello| hello.max_frame = 10, "10 bytes"),
        ];
        for (change, expected) in cases {
            let mut hello = hello();
            change(&mut hello);
            let reject = terms().answer(&hello).unwrap_err();
            assert!(reject.text.contains(expected), "{}", reject.text);
        }
    }

    #[test]
    fn a_plugin_agrees_to_its_own_offer_only() {
        let hello = hello();
        let (welcome, host) = terms().answer(&hello).unwrap();
        let agreement = hello.agree(Handshake::Welcome(welcome.clone())).unwrap();
        assert_eq!(agreement.codec, host.codec);
        assert_eq!(agreement.send_limit, host.receive_limit);
        assert_eq!(agreement.receive_limit, host.send_limit);
        type Change = fn(&mut Welcome);
        let changes: [(Change, &str); 3] = [
            (|welcome| welcome.version = 9, "version 9"),
            (
                |welcome| welcome.codec = "msgpack".into(),
                "the codec `msgpack`",
            ),
            (|welcome| welcome.codec = "xml".into(), "the codec `xml`"),
        ];
        for (change, expected) in changes {
            let mut welcome = welcome.clone();
            change(&mut welcome);
            let reject = hello.agree(Handshake::Welcome(welcome)).unwrap_err();
            assert!(reject.text.contains(expected), "{reject}");
        }
        let reject = Reject { text: "no".into() };
        assert_eq!(hello.agree(Handshake::Reject(reject.clone())), Err(reject));
        assert!(hello.agree(Handshake::Hello(hello.clone())).is_err());
    }

    #[test]
    fn reads_what_it_writes_and_ignores_unknown_fields() {
        let text = br#"{"type":"hello","protocol":"mortise-native","versions":[7,1],
            "contracts":["0.3.0","0.1.0"],"codecs":["json"],"max_frame":131072,"new":{"a":[1]},
            "features":["webhook-stream","unknown"]}"#;
        assert_eq!(Handshake::read(text), Ok(Handshake::Hello(hello())));
        let mut buffer = Vec::new();
        Handshake::Hello(hello()).put(&mut buffer).unwrap();
        assert_eq!(Handshake::read(&buffer[4..]), Ok(Handshake::Hello(hello())));
    }

    #[test]
    fn tells_another_message_from_garbage() {
        assert_eq!(
            Handshake::read(br#"{"type":"call","id":1}"#),
            Err(Violation::NoHandshake("call".into()))
        );
        for text in [
            &b"GET / HTTP/1.1"[..],
            b"{}",
            b"[]",
            b"{\"type\":\"hello\"}",
        ] {
            assert!(matches!(
                Handshake::read(text),
                Err(Violation::Malformed(_))
            ));
        }
    }
}
