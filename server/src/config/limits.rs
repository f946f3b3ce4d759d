//! Bounds that an operator sets.

use std::{num::NonZeroU32, time::Duration};

use super::Size;

/// Bounds on connections, requests and streams.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Limits {
    /// Connections at a time; others wait to be accepted.
    #[arg(
        long,
        env = "MORTISE_MAX_CONNECTIONS",
        value_name = "COUNT",
        default_value = "8192",
        help_heading = "Limits"
    )]
    pub max_connections: NonZeroU32,

    /// WebSocket streams of one user at a time; 0 for any number.
    #[arg(
        long,
        env = "MORTISE_MAX_STREAMS",
        value_name = "COUNT",
        default_value = "128",
        help_heading = "Limits"
    )]
    pub max_streams: u32,

    /// Streams of live events of one user at a time; 0 for any number.
    #[arg(
        long,
        env = "MORTISE_MAX_EVENT_STREAMS",
        value_name = "COUNT",
        default_value = "16",
        help_heading = "Limits"
    )]
    pub max_event_streams: u32,

    /// Time between pings on a stream.
    #[arg(
        long,
        env = "MORTISE_STREAM_PING",
        value_name = "TIME",
        default_value = "45s",
        value_parser = time,
        help_heading = "Limits"
    )]
    pub stream_ping: Duration,

    /// Longest time for a request; plugins and streams have times of their own.
    #[arg(
        long,
        env = "MORTISE_REQUEST_TIMEOUT",
        value_name = "TIME",
        default_value = "60s",
        value_parser = time,
        help_heading = "Limits"
    )]
    pub request_timeout: Duration,

    /// Longest time for the head of a request, and for a connection without one.
    #[arg(
        long,
        env = "MORTISE_HEAD_TIMEOUT",
        value_name = "TIME",
        default_value = "30s",
        value_parser = time,
        help_heading = "Limits"
    )]
    pub head_timeout: Duration,

    /// Longest pause within the body of a request.
    #[arg(
        long,
        env = "MORTISE_BODY_TIMEOUT",
        value_name = "TIME",
        default_value = "30s",
        value_parser = time,
        help_heading = "Limits"
    )]
    pub body_timeout: Duration,

    /// Longest pause in which a client takes nothing of an answer, from 1s to 1h.
    #[arg(
        long,
        env = "MORTISE_ANSWER_TIMEOUT",
        value_name = "TIME",
        default_value = "60s",
        value_parser = answer_time,
        help_heading = "Limits"
    )]
    pub answer_timeout: Duration,

    /// Longest head of a request, from `16KiB` to `1MiB`. A connection may take this
    /// much memory.
    #[arg(
        long,
        env = "MORTISE_MAX_HEAD_SIZE",
        value_name = "SIZE",
        default_value = "128KiB",
        value_parser = head_size,
        help_heading = "Limits"
    )]
    pub max_head_size: Size,

    /// Longest body of a request, from `64KiB` to `64MiB`; messages, images and
    /// webhooks have bounds of their own.
    #[arg(
        long,
        env = "MORTISE_MAX_BODY_SIZE",
        value_name = "SIZE",
        default_value = "2MiB",
        value_parser = body_size,
        help_heading = "Limits"
    )]
    pub max_body_size: Size,

    /// Time for open requests when the server stops.
    #[arg(
        long,
        env = "MORTISE_STOP_TIMEOUT",
        value_name = "TIME",
        default_value = "10s",
        value_parser = time,
        help_heading = "Limits"
    )]
    pub stop_timeout: Duration,

    /// Time of all pauses between attempts to continue a plugin's download that brings
    /// no new data.
    #[arg(
        long,
        env = "MORTISE_DOWNLOAD_RETRY",
        value_name = "TIME",
        default_value = "60s",
        value_parser = time,
        help_heading = "Limits"
    )]
    pub download_retry: Duration,

    /// Messages of one application in a minute; more are answered with 429. 0 for
    /// any number.
    #[arg(
        long,
        env = "MORTISE_APPLICATION_RATE",
        value_name = "COUNT",
        default_value = "0",
        help_heading = "Limits"
    )]
    pub application_rate: u32,

    /// Messages from one address in a minute; more are answered with 429. 0 for any
    /// number.
    #[arg(
        long,
        env = "MORTISE_ADDRESS_RATE",
        value_name = "COUNT",
        default_value = "0",
        help_heading = "Limits"
    )]
    pub address_rate: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: NonZeroU32::MIN.saturating_add(8191),
            max_streams: 128,
            max_event_streams: 16,
            stream_ping: Duration::from_secs(45),
            request_timeout: Duration::from_secs(60),
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(60),
            max_head_size: Size::in_bytes(128 << 10),
            max_body_size: Size::mebibytes(2),
            stop_timeout: Duration::from_secs(10),
            download_retry: Duration::from_secs(60),
            application_rate: 0,
            address_rate: 0,
        }
    }
}

/// The time and number for which messages and their traces are kept.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Retention {
    /// Delete messages that are older than this, such as `90days` [default: keep
    /// them].
    #[arg(
        long,
        env = "MORTISE_KEEP_MESSAGES_FOR",
        value_name = "TIME",
        value_parser = time,
        help_heading = "Retention"
    )]
    pub keep_messages_for: Option<Duration>,

    /// Keep this many of the newest messages of each application [default: all].
    #[arg(
        long,
        env = "MORTISE_KEEP_MESSAGES",
        value_name = "COUNT",
        help_heading = "Retention"
    )]
    pub keep_messages: Option<NonZeroU32>,

    /// Remove the traces of messages that are older than this; the messages stay.
    #[arg(
        long,
        env = "MORTISE_KEEP_TRACES_FOR",
        value_name = "TIME",
        default_value = "30days",
        value_parser = time,
        help_heading = "Retention"
    )]
    pub keep_traces_for: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            keep_messages_for: None,
            keep_messages: None,
            keep_traces_for: Duration::from_secs(30 * 24 * 60 * 60),
        }
    }
}

/// A time that is not zero.
fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a time as 30s, 5m, 12h or 90days"))?;
    if time.is_zero() {
        return Err("the time must be longer than 0".to_owned());
    }
    Ok(time)
}

fn answer_time(text: &str) -> Result<Duration, String> {
    let time = time(text)?;
    let (least, most) = (Duration::from_secs(1), Duration::from_secs(60 * 60));
    if time < least || time > most {
        return Err("the time must be from 1s to 1h".to_owned());
    }
    Ok(time)
}

fn head_size(text: &str) -> Result<Size, String> {
    size(text, Size::in_bytes(16 << 10), Size::mebibytes(1))
}

fn body_size(text: &str) -> Result<Size, String> {
    size(text, Size::in_bytes(64 << 10), Size::mebibytes(64))
}

/// A size within bounds.
fn size(text: &str, least: Size, most: Size) -> Result<Size, String> {
    let size: Size = text.parse()?;
    if size < least || size > most {
        return Err(format!("the size must be from {least} to {most}"));
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{Limits, Retention};

    #[derive(clap::Parser)]
    struct Only {
        #[command(flatten)]
        limits: Limits,
        #[command(flatten)]
        retention: Retention,
    }

    #[test]
    fn the_defaults_are_those_of_the_command_line() {
        let only = Only::parse_from(["x"]);
        assert_eq!(only.limits, Limits::default());
        assert_eq!(only.retention, Retention::default());
    }

    #[test]
    fn a_time_has_a_unit_and_is_not_zero() {
        for wrong in ["0s", "5", "x"] {
            for setting in ["--stream-ping", "--keep-traces-for"] {
                assert!(Only::try_parse_from(["x", setting, wrong]).is_err());
            }
        }
    }

    #[test]
    fn sizes_and_times_have_bounds() {
        for (flag, least, most, wrong) in [
            ("--answer-timeout", "1s", "1h", ["999ms", "61m"]),
            ("--max-head-size", "16KiB", "1MiB", ["16383", "1048577"]),
            ("--max-body-size", "64KiB", "64MiB", ["65535", "65MiB"]),
        ] {
            for right in [least, most] {
                assert!(Only::try_parse_from(["x", flag, right]).is_ok(), "{flag}");
            }
            for wrong in wrong {
                let Err(error) = Only::try_parse_from(["x", flag, wrong]) else {
                    panic!("{flag} {wrong}");
                };
                let says = format!("from {least} to {most}");
                assert!(error.to_string().contains(&says), "{error}");
            }
        }
    }
}
