//! A push-notification server that speaks Gotify's API and hosts plugins. Its
//! database is `mortise-store`, the only place with SQL.
//!
//! - [`config`]: the settings, from flags and environment.
//! - [`upstream`]: in front of a Gotify that stays as it is.
//! - [`settings`]: settings from all their sources, with a file's among them.
//! - [`server`]: starts and stops the whole; what tests and embedders use.
//! - `acme`: certificates from an authority.
//! - `listen`: connections, and HTTP on them; `sockets`, [`tls`], and the `redirect` to it.
//! - [`client`]: HTTP requests that the program makes itself.
//! - [`local`]: the administrator's way in from the same machine.
//! - [`state`]: what every request handler shares.
//! - [`api`]: the REST and WebSocket surface, one module per resource.
//! - [`oci`]: plugins in registries.
//! - [`otlp`]: traces and logs for a collector of OpenTelemetry.
//! - [`origin`]: the address that a request comes from.
//! - [`auth`]: who is asking, and whether they may. The only place that decides.
//! - [`pipeline`]: the one way a message enters, for senders and plugins alike.
//! - [`stream`]: who is connected, and handing them new messages.
//! - [`seen`]: numbers of requests and filters, for metrics.
//! - [`time`]: the server's clock.
//! - [`backup`]: copies of a data directory.
//! - `house`: what the server does by itself from time to time; `leftovers`, at its
//!   start.
//! - [`import`]: the data of a Gotify server, moved in.
//! - [`events`]: live events, and noticing what has changed.
//! - [`plugins`]: the plugins of this server's users (`mortise-manager`).
//! - [`hosting`]: the server as the embedder of plugins.

mod acme;
pub mod api;
pub mod auth;
pub mod backup;
mod changes;
pub mod client;
pub mod config;
pub mod events;
pub mod hosting;
mod house;
mod images;
pub mod import;
mod leftovers;
mod listen;
pub mod local;
pub mod oci;
mod oidc;
pub mod origin;
pub mod otlp;
mod page;
pub mod pipeline;
mod private;
mod rate;
mod redirect;
pub mod seen;
pub mod server;
pub mod settings;
mod sockets;
pub mod state;
pub mod stream;
pub mod time;
pub mod tls;
pub mod upstream;

pub use config::Config;
pub use house::{remove_old_traces, retain};
pub use mortise_manager as plugins;
pub use plugins::configuration;
pub use server::{Server, StartError};
