//! A host in under 60 lines: loads a component that is a filter, and passes it
//! one message. `cargo run -p mortise-wasm --example embed FILE`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mortise_runtime::{
    Grants, Host, InstanceSetup, Limits, Loader as _, Log, Origin, grants::Applications,
    schedule::Timing, types::*,
};
use mortise_wasm::{Settings, WasmBackend};

/// This host's functions for plugins: sending a message, and nothing else.
struct Printer;

#[async_trait]
#[rustfmt::skip] // One line each for what this host does not offer.
impl Host for Printer {
    async fn send(&self, message: Outgoing, _origin: Origin) -> Result<u64, Error> {
        println!("the plugin says: {}", message.content.body);
        Ok(1)
    }
    async fn message(&self, _: u64, _: &Applications) -> Result<Option<Message>, Error> { absent() }
    async fn sent(&self, _: Option<u64>, _: u32) -> Result<Vec<Message>, Error> { absent() }
    async fn received(&self, _: Option<u64>, _: u32, _: &Applications) -> Result<Vec<Message>, Error> { absent() }
    async fn remove_message(&self, _: u64) -> Result<(), Error> { absent() }
    async fn load(&self, _: &str) -> Result<Option<Vec<u8>>, Error> { absent() }
    async fn store(&self, _: &str, _: Vec<u8>, _: u64) -> Result<(), Error> { absent() }
    async fn unset(&self, _: &str) -> Result<(), Error> { absent() }
    async fn keys(&self, _: &str) -> Result<Vec<String>, Error> { absent() }
    async fn set_timer(&self, _: &str, _: Timing, _: u32) -> Result<(), Error> { absent() }
    async fn cancel_timer(&self, _: &str) -> Result<(), Error> { absent() }
}

fn absent<T>() -> Result<T, Error> {
    Err(Error::Unavailable("this host has no such thing".to_owned()))
}

#[tokio::main]
#[rustfmt::skip] // What belongs together stays together.
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: embed FILE")?;
    let plugin = WasmBackend::new(&Settings::default())?.load(file.as_ref()).await?;
    println!("{} {} asks for:", plugin.manifest().name, plugin.manifest().version);
    for request in &plugin.manifest().wants { println!("- {}: {}", request.permission.name(), request.reason); }
    let user = User { id: 1, name: "ada".into(), admin: false };
    let (grants, limits) = (Grants::as_asked(plugin.manifest())?, Limits::default());
    let (host, log) = (Arc::new(Printer), Arc::new(Log::new(limits.log_bytes)));
    let setup = InstanceSetup { user, host, grants, limits, log, denials: Arc::default(), config: None, base_path: None, trial: false };
    let instance = plugin.instance(setup).await?;
    instance.start().await?;
    let content = Content { title: "Hi".into(), body: "hello".into(), priority: 5, extras: None };
    let draft = Draft { application: Application { id: 1, name: "example".into() }, content, received_ms: 0 };
    println!("{:?}", instance.filter(&draft, Duration::from_secs(1)).await?);
    Ok(())
}
