//! Settings for traces and logs by OTLP.

use std::fmt;

use url::Url;

use super::ResponseHeader;

/// Traces and logs for a collector of OpenTelemetry: none without an endpoint.
#[derive(Clone, clap::Args)]
pub struct Otlp {
    /// Send traces and logs to this collector of OpenTelemetry, by OTLP over HTTP, such as
    /// `http://127.0.0.1:4318`.
    #[arg(
        id = "otlp_endpoint",
        long = "otlp-endpoint",
        env = "MORTISE_OTLP_ENDPOINT",
        value_name = "URL",
        value_parser = endpoint,
        help_heading = "OpenTelemetry"
    )]
    pub endpoint: Option<Url>,

    /// Header to send to the collector, such as `Authorization: Bearer ...`; may be
    /// repeated. Other users of this machine can read flags: prefer the variable, with
    /// one header on each line, or the file.
    #[arg(
        id = "otlp_headers",
        long = "otlp-header",
        env = "MORTISE_OTLP_HEADERS",
        hide_env_values = true,
        value_name = "NAME: VALUE",
        value_delimiter = '\n',
        help_heading = "OpenTelemetry"
    )]
    pub headers: Vec<ResponseHeader>,

    /// Name of this server in traces and logs.
    #[arg(
        id = "otlp_service_name",
        long = "otlp-service-name",
        env = "MORTISE_OTLP_SERVICE_NAME",
        value_name = "NAME",
        default_value = "mortise",
        help_heading = "OpenTelemetry"
    )]
    pub service_name: String,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            endpoint: None,
            headers: Vec::new(),
            service_name: "mortise".to_owned(),
        }
    }
}

/// Without the headers' values, which may be secrets.
impl fmt::Debug for Otlp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Otlp")
            .field(
                "endpoint",
                &self.endpoint.as_ref().map(crate::client::origin),
            )
            .field("service_name", &self.service_name)
            .finish_non_exhaustive()
    }
}

fn endpoint(text: &str) -> Result<Url, String> {
    let wrong = || format!("`{text}` is no address: write one as http://127.0.0.1:4318");
    let url: Url = text.parse().map_err(|_| wrong())?;
    let plain = url.query().is_none() && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && plain)
        .then_some(url)
        .ok_or_else(wrong)
}
