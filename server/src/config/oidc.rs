//! Settings for logins at an OpenID provider.

use std::fmt;

use url::Url;

/// The longest username claim's name and scope, in bytes.
const NAME_BYTES: usize = 256;

/// Settings for logins at an OpenID provider. There are none without an issuer.
#[derive(Clone, clap::Args)]
pub struct Oidc {
    /// Address of the OpenID provider, as its tokens name it: lets its users log in.
    #[arg(
        long = "oidc-issuer",
        env = "MORTISE_OIDC_ISSUER",
        value_name = "URL",
        value_parser = issuer,
        help_heading = "OpenID Connect"
    )]
    pub issuer: Option<String>,

    /// This server's client id at the provider; needed with an issuer.
    #[arg(
        long = "oidc-client-id",
        env = "MORTISE_OIDC_CLIENT_ID",
        value_name = "ID",
        help_heading = "OpenID Connect"
    )]
    pub client_id: Option<String>,

    /// This server's secret at the provider; none for a public client. Other users
    /// of this machine can read flags: prefer the variable or the file.
    #[arg(
        long = "oidc-client-secret",
        env = "MORTISE_OIDC_CLIENT_SECRET",
        hide_env_values = true,
        value_name = "SECRET",
        help_heading = "OpenID Connect"
    )]
    pub client_secret: Option<String>,

    /// Address to which the provider sends browsers back; it ends with
    /// `/auth/oidc/callback` [default: of the address that the browser used].
    #[arg(
        long = "oidc-redirect-url",
        env = "MORTISE_OIDC_REDIRECT_URL",
        value_name = "URL",
        value_parser = redirect,
        help_heading = "OpenID Connect"
    )]
    pub redirect_url: Option<Url>,

    /// Scope to ask for; may be repeated or separated by commas.
    #[arg(
        long = "oidc-scope",
        env = "MORTISE_OIDC_SCOPES",
        value_name = "SCOPE",
        value_delimiter = ',',
        default_value = "openid,profile,email",
        value_parser = name,
        help_heading = "OpenID Connect"
    )]
    pub scopes: Vec<String>,

    /// Claim that holds the user name.
    #[arg(
        long = "oidc-username-claim",
        env = "MORTISE_OIDC_USERNAME_CLAIM",
        value_name = "CLAIM",
        default_value = "preferred_username",
        value_parser = name,
        help_heading = "OpenID Connect"
    )]
    pub username_claim: String,

    /// Create a user at a person's first login.
    #[arg(
        long = "oidc-auto-register",
        env = "MORTISE_OIDC_AUTO_REGISTER",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "true",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new(),
        help_heading = "OpenID Connect"
    )]
    pub auto_register: bool,

    /// Let a person log in as the user of the same name here. Set this only if
    /// users cannot choose their names at the provider.
    #[arg(
        long = "oidc-link-by-username",
        env = "MORTISE_OIDC_LINK_BY_USERNAME",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new(),
        help_heading = "OpenID Connect"
    )]
    pub link_by_username: bool,
}

impl fmt::Debug for Oidc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Oidc")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("redirect_url", &self.redirect_url.as_ref().map(Url::as_str))
            .field("scopes", &self.scopes)
            .field("username_claim", &self.username_claim)
            .field("auto_register", &self.auto_register)
            .field("link_by_username", &self.link_by_username)
            .finish_non_exhaustive()
    }
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            issuer: None,
            client_id: None,
            client_secret: None,
            redirect_url: None,
            scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
            username_claim: "preferred_username".to_owned(),
            auto_register: true,
            link_by_username: false,
        }
    }
}

/// The issuer stays as it is written: tokens must name the same text.
fn issuer(text: &str) -> Result<String, String> {
    address(text)?;
    Ok(text.to_owned())
}

fn redirect(text: &str) -> Result<Url, String> {
    let url = address(text)?;
    if url.path().ends_with("/auth/oidc/callback") {
        return Ok(url);
    }
    Err(format!(
        "`{text}` does not end with /auth/oidc/callback, where the server expects browsers back"
    ))
}

fn address(text: &str) -> Result<Url, String> {
    let wrong = || format!("`{text}` is no address: write one as https://login.example.org");
    let url: Url = text.parse().map_err(|_| wrong())?;
    let plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && plain)
        .then_some(url)
        .ok_or_else(wrong)
}

fn name(text: &str) -> Result<String, String> {
    let fits = (1..=NAME_BYTES).contains(&text.len());
    if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` is no name of 1 to {NAME_BYTES} visible characters"
    ))
}

#[cfg(test)]
mod tests {
    use super::{issuer, redirect};

    #[test]
    fn addresses_of_a_provider_are_plain() {
        assert_eq!(
            issuer("https://a.example/x").unwrap(),
            "https://a.example/x"
        );
        for wrong in [
            "a.example",
            "ftp://a",
            "https://a?b",
            "https://a#b",
            "https://u:p@a",
        ] {
            assert!(issuer(wrong).unwrap_err().contains("no address"), "{wrong}");
        }
        assert!(redirect("https://a/push/auth/oidc/callback").is_ok());
        let wrong = redirect("https://a/callback").unwrap_err();
        assert!(wrong.contains("/auth/oidc/callback"), "{wrong}");
    }
}
