//! Registering routes. A route is registered by the method that names what it
//! asks of its caller, so none can be without; its description says the same.

use axum::{Json, Router, middleware::from_fn_with_state, routing::get};
use utoipa::{
    OpenApi,
    openapi::{
        SecurityRequirement,
        path::Operation,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt as _};

use super::error;
use crate::{
    auth::{Access, authorize},
    state::AppState,
};

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

    fn add(mut self, access: Access, (schemas, mut paths, methods): Methods) -> Self {
        for item in paths.paths.values_mut() {
            for operation in operations(item) {
                operation.security = Some(security(access));
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
        let (router, description) = self.router.split_for_parts();
        router
            .route("/openapi.json", get(async move || Json(description)))
            .fallback(error::elsewhere)
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
fn security(access: Access) -> Vec<SecurityRequirement> {
    let scope = match access {
        Access::Public => return Vec::new(),
        Access::Sender => "sender",
        Access::Client => "client",
        Access::Elevated => "elevated",
        Access::Admin => "admin",
    };
    ["tokenHeader", "tokenQuery", "tokenBearer", "basicAuth"]
        .map(|scheme| SecurityRequirement::new(scheme, [scope]))
        .to_vec()
}

fn operations(item: &mut utoipa::openapi::PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.options,
        &mut item.head,
        &mut item.patch,
        &mut item.trace,
    ]
    .into_iter()
    .flatten()
}
