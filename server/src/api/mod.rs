//! The REST and WebSocket surface, as Gotify's clients know it: one module per
//! resource, each with a function `routes`. A handler reads a request into
//! types, asks the store or the pipeline, and shows the result; it decides
//! nothing about who may call it (see [`Routes`] and [`crate::auth`]).

mod admin;
mod applications;
mod authorize;
mod clients;
mod command;
mod conditional;
mod cors;
mod docs;
mod dropped;
mod error;
mod events;
mod extract;
mod images;
mod info;
mod layers;
mod messages;
mod metrics;
pub mod model;
mod oidc;
mod own_page;
mod paths;
mod pauses;
mod plugins;
mod routes;
mod session;
mod stream;
mod users;
mod webhooks;

use axum::Router;

pub(crate) use admin::{DeniedTo, LogLine};
pub use error::ApiError;
pub use extract::Origin;
pub(crate) use layers::timed;
pub(crate) use paths::collapse_slashes;
pub(crate) use plugins::{Denied, LogEntry, Problem, all_problems};
pub use routes::Routes;

use crate::state::AppState;

/// All routes, behind the layers that bound every request.
pub fn router(state: &AppState) -> Router {
    let routes = Routes::new(state)
        .merge(info::routes)
        .merge(metrics::routes)
        .merge(messages::routes)
        .merge(dropped::routes)
        .merge(stream::routes)
        .merge(events::routes)
        .merge(applications::routes)
        .merge(images::routes)
        .merge(clients::routes)
        .merge(users::routes)
        .merge(session::routes)
        .merge(oidc::routes)
        .merge(plugins::routes)
        .merge(admin::routes)
        .merge(webhooks::routes);
    layers::bound(routes.finish(), state)
}
