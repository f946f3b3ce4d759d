//! OpenTelemetry's own variables, as settings of this server.

use super::{ConvertedSetting, variable::variable};

/// The variables that have a setting, and its name.
const NAMES: [(&str, &str); 3] = [
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp-endpoint"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "otlp-header"),
    ("OTEL_SERVICE_NAME", "otlp-service-name"),
];

/// The settings of the environment, and remarks on variables that have no effect.
///
/// # Errors
///
/// A file that a variable `..._FILE` names cannot be read.
pub(super) fn from_environment() -> std::io::Result<(Vec<ConvertedSetting>, Vec<String>)> {
    let mut given = Vec::new();
    for (name, _) in NAMES.iter().chain(&[(DISABLED, ""), (PROTOCOL, "")]) {
        if let Some(value) = variable(name)?.filter(|value| !value.is_empty()) {
            given.push(((*name).to_owned(), value));
        }
    }
    Ok(converted(&given))
}

const DISABLED: &str = "OTEL_SDK_DISABLED";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";

fn converted(given: &[(String, String)]) -> (Vec<ConvertedSetting>, Vec<String>) {
    let value = |name: &str| {
        let found = given.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    };
    if value(DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return (Vec::new(), Vec::new());
    }
    let mut notes = Vec::new();
    if let Some(protocol) = value(PROTOCOL).filter(|value| *value != "http/json") {
        notes.push(format!(
            "{PROTOCOL} is `{protocol}`: this server speaks http/json, which collectors take at \
             the same port as http/protobuf, usually 4318"
        ));
    }
    let settings = NAMES.iter().filter_map(|(name, setting)| {
        let value = value(name)?;
        Some(ConvertedSetting {
            name: setting,
            values: match *setting {
                "otlp-header" => value.split(',').map(header).collect(),
                _ => vec![value.to_owned()],
            },
            variable: (*name).to_owned(),
        })
    });
    (settings.collect(), notes)
}

/// `name=value`, where the value is percent-encoded, as a header's line.
fn header(text: &str) -> String {
    match text.split_once('=') {
        Some((name, value)) => {
            let value = url::form_urlencoded::parse(
                format!("v={}", value.trim().replace('+', "%2B").replace('&', "%26")).as_bytes(),
            )
            .next()
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default();
            format!("{}: {value}", name.trim())
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::converted;

    fn settings(given: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let given: Vec<_> = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let (settings, notes) = converted(&given);
        let settings = settings.into_iter();
        let settings = settings.map(|one| format!("{}={}", one.name, one.values.join("|")));
        (settings.collect(), notes)
    }

    #[test]
    fn the_standard_variables_are_settings() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b+c&d, x = d");
        assert_eq!(
            settings(&[endpoint, headers, ("OTEL_SERVICE_NAME", "push")]).0,
            [
                "otlp-endpoint=http://127.0.0.1:4318",
                "otlp-header=api-key: a b+c&d|x: d",
                "otlp-service-name=push"
            ]
        );
        assert_eq!(
            settings(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")]).0.len(),
            0
        );
        let grpc = settings(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
        assert!(grpc.1[0].contains("`grpc`"));
        assert_eq!(
            settings(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")])
                .1
                .len(),
            0
        );
    }
}
