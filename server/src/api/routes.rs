//! Registering routes. The method that registers a route names its requirement
//! on the caller, so every route has one, and its description shows it.

use axum::{Router, middleware::from_fn_with_state};
use utoipa::{
    OpenApi,
    openapi::{
        SecurityRequirement,
        path::Operation,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt as _};

use super::{authorize::authorize, docs, error, paths::Known};
use crate::{auth::Access, state::AppState};

/// Routes as `utoipa_axum::routes!` makes them.
pub(super) type Methods = UtoipaMethodRouter<AppState>;

/// Routes with their requirements and their description.
pub struct Routes {
    state: AppState,
    router: OpenApiRouter<AppState>,
}

impl Routes {
    pub(super) fn new(state: &AppState) -> Self {
        Self {
            state: state.clone(),
            router: OpenApiRouter::with_openapi(Description::openapi()),
        }
    }

    /// Adds the routes of a module.
    pub fn merge(self, routes: impl FnOnce(Self) -> Self) -> Self {
        routes(self)
    }

    /// Anybody may call these.
    pub fn public(self, methods: Methods) -> Self {
        self.add(Access::Public, methods)
    }

    /// These take an application's token, or what [`Routes::client`] takes.
    pub fn sender(self, methods: Methods) -> Self {
        self.add(Access::Sender, methods)
    }

    /// These take a client's token or a password.
    pub fn client(self, methods: Methods) -> Self {
        self.add(Access::Client, methods)
    }

    /// These take an elevated client's token or a password.
    pub fn elevated(self, methods: Methods) -> Self {
        self.add(Access::Elevated, methods)
    }

    /// As [`Routes::elevated`], of an administrator.
    pub fn admin(self, methods: Methods) -> Self {
        self.add(Access::Admin, methods)
    }

    /// As [`Routes::admin`], or anybody where the settings say so.
    pub fn register(self, methods: Methods) -> Self {
        self.add(Access::Register, methods)
    }

    /// An administrator may call these with any client, and anybody where the
    /// settings say so.
    pub fn metrics(self, methods: Methods) -> Self {
        self.add(Access::Metrics, methods)
    }

    /// The server's parts, for routes that depend on its settings.
    pub(super) const fn state(&self) -> &AppState {
        &self.state
    }

    fn add(mut self, access: Access, (schemas, mut paths, methods): Methods) -> Self {
        for (path, item) in &mut paths.paths {
            for (method, operation) in operations(item) {
                operation.security = Some(security(access, self.state.config.registration));
                operation.operation_id = Some(operation_id(method, path));
            }
        }
        let methods: Methods = (schemas, paths, methods);
        let state = (self.state.clone(), access);
        let methods =
            methods.map(|methods| methods.route_layer(from_fn_with_state(state, authorize)));
        self.router = self.router.routes(methods);
        self
    }

    /// The finished router, with its own description, the page, and the answers
    /// for unknown addresses.
    pub(super) fn finish(self) -> Router {
        let (router, mut description) = self.router.split_for_parts();
        // The router's form of a path's rest is none in a description.
        let paths = std::mem::take(&mut description.paths.paths).into_iter();
        description.paths.paths = paths
            .map(|(path, item)| (path.replace("{*", "{"), item))
            .collect();
        let prefix = &self.state.config.path_prefix;
        if !prefix.is_empty() {
            description.servers = Some(vec![utoipa::openapi::Server::new(prefix.as_str())]);
        }
        let known = Known::of(&description, prefix);
        router
            .merge(docs::routes(&description))
            .fallback(async move |request| known.fallback(request).await)
            .method_not_allowed_fallback(error::method_not_allowed)
            .with_state(self.state)
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Mortise",
        description = "A push-notification server that speaks Gotify's API and hosts plugins.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    modifiers(&Security)
)]
struct Description;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let http = |scheme| SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
        let schemes = [
            (
                "tokenHeader",
                SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Gotify-Key"))),
            ),
            (
                "tokenQuery",
                SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::new("token"))),
            ),
            ("tokenBearer", http(HttpAuthScheme::Bearer)),
            ("basicAuth", http(HttpAuthScheme::Basic)),
        ];
        for (name, scheme) in schemes {
            components.add_security_scheme(name, scheme);
        }
    }
}

/// The requirement in the terms of the description: the scope says whose token
/// it is.
fn security(access: Access, registration: bool) -> Vec<SecurityRequirement> {
    let scope = match access {
        Access::Public => return Vec::new(),
        Access::Sender => "sender",
        Access::Client => "client",
        Access::Elevated => "elevated",
        Access::Metrics => "metrics",
        Access::Admin | Access::Register => "admin",
    };
    let mut requirements = ["tokenHeader", "tokenQuery", "tokenBearer", "basicAuth"]
        .map(|scheme| SecurityRequirement::new(scheme, [scope]))
        .to_vec();
    if access == Access::Register && registration {
        // An empty requirement makes the others optional.
        requirements.push(SecurityRequirement::default());
    }
    requirements
}

/// A name for an operation that no other has: handlers of several modules have
/// the same names.
fn operation_id(method: &str, path: &str) -> String {
    let words = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    // A path with a slash at its end is another path.
    let end = if path.ends_with('/') { "_" } else { "" };
    let id = words.fold(method.to_owned(), |id, word| format!("{id}_{word}"));
    format!("{id}{end}")
}

fn operations(
    item: &mut utoipa::openapi::PathItem,
) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
        ("options", &mut item.options),
        ("head", &mut item.head),
        ("patch", &mut item.patch),
        ("trace", &mut item.trace),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}

#[cfg(test)]
mod tests {
    use super::operation_id;

    #[test]
    fn each_operation_has_a_name_of_its_own() {
        assert_eq!(operation_id("get", "/message"), "get_message");
        assert_eq!(
            operation_id("get", "/message/{id}/trace"),
            "get_message_id_trace"
        );
        assert_ne!(
            operation_id("get", "/plugin/{id}/custom/{token}"),
            operation_id("get", "/plugin/{id}/custom/{token}/")
        );
    }
}
