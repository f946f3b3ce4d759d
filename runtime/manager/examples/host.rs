//! A program that hosts plugins with the manager, in under 100 lines: it installs a
//! filter, asks for its grants, replaces it by a new version while messages pass it,
//! rolls back, prints the doctor's findings, and removes it.
//! `cargo run -p mortise-manager --example host DIRECTORY FILE NEW_FILE`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{collections::BTreeSet, path::Path, sync::Arc};

use async_trait::async_trait;
use mortise_manager::{
    Actor, EmbedderError, Outcome, Plugins, Settings, Upload, Users, embedder::Sender,
    grants::PluginGrants, local::LocalCatalogue,
};
use mortise_runtime::{Loader, types::*};
use tokio::sync::oneshot::{Receiver, channel};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The program has one user, and prints the messages that plugins send to her.
#[derive(Debug)]
pub(crate) struct Ada;

#[async_trait]
#[rustfmt::skip] // One line each.
impl Users for Ada {
    async fn list(&self) -> std::result::Result<Vec<i64>, EmbedderError> { Ok(vec![1]) }
    async fn get(&self, id: i64) -> std::result::Result<Option<User>, EmbedderError> {
        Ok((id == 1).then(|| User { id: 1, name: "ada".into(), admin: true }))
    }
    async fn send(&self, _: i64, draft: Draft, _: Sender) -> std::result::Result<u64, Error> {
        println!("the plugin says: {}", draft.content.body);
        Ok(1)
    }
}

/// Returns the decision of ada's filters about a message.
#[rustfmt::skip] // What belongs together stays together.
async fn filtered(plugins: &Plugins) -> String {
    let content = Content { title: "Hi".into(), body: "hello".into(), priority: 5, extras: None };
    let draft = Draft { application: Application { id: 1, name: "example".into() }, content, received_ms: 0 };
    match plugins.filter_message(1, draft, Sender::Application).await.outcome {
        Outcome::Pass(draft) => format!("stored as `{}`", draft.content.title),
        Outcome::Dropped { reason, .. } | Outcome::Refused { reason, .. } => format!("not stored: {reason}"),
    }
}

/// Passes messages to the filters until `done`, and returns all decisions.
async fn keep_passing(plugins: Arc<Plugins>, mut done: Receiver<()>) -> BTreeSet<String> {
    let mut decisions = BTreeSet::new();
    while done.try_recv().is_err() {
        decisions.insert(filtered(&plugins).await);
    }
    decisions
}

/// Hosts two versions of a plugin. `allow` decides about its requests.
#[rustfmt::skip] // What belongs together stays together.
pub(crate) async fn host(directory: &Path, versions: [&Path; 2], backends: Vec<Arc<dyn Loader>>, allow: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let [first, second] = versions.map(Upload::of);
    let (by, catalogue) = (Actor::Server, LocalCatalogue::open(&directory.join("catalogue.json"))?);
    let plugins = Plugins::new(Arc::new(catalogue), Arc::new(Ada), Settings::in_directory(directory));
    plugins.start(|| Ok(backends)).await?; // From here on it watches the plugins folder.
    let id = plugins.install(first, &by).await?.id;
    let manifest = plugins.manifest(&id).ok_or("it was removed")?;
    if manifest.wants.iter().all(|request| allow(&format!("{}: {}", request.permission, request.reason))) {
        plugins.grant(&id, &PluginGrants::as_asked(&manifest)?.grants, &by).await?;
    }
    let slot = plugins.of_user(1).await?.pop().ok_or("it was removed")?;
    plugins.enable(&slot, &by).await?; // Ada consents to the requests about her messages.
    let mut lines = vec![filtered(&plugins).await];
    let (done, until) = channel();
    let passing = tokio::spawn(keep_passing(Arc::clone(&plugins), until));
    plugins.install(second, &by).await?;
    lines.push(filtered(&plugins).await);
    let _ = done.send(());
    lines.push(format!("meanwhile: {:?}", passing.await?));
    plugins.rollback(&id, &by).await?;
    lines.push(filtered(&plugins).await);
    let findings = plugins.diagnose(&id, 1).await?.findings;
    lines.extend(findings.iter().map(|finding| format!("{}; {}", finding.found, finding.fix)));
    plugins.uninstall(&id, &by).await?;
    lines.push(filtered(&plugins).await);
    plugins.stop().await;
    Ok(lines)
}

#[rustfmt::skip] // What belongs together stays together.
fn main() -> Result<()> {
    #[cfg(unix)] mortise_native::launch::intercept(); // Processes of native plugins start here.
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [directory, first, second] = &*args else { return Err("usage: host DIRECTORY FILE NEW_FILE".into()) };
    let allow = |request: &str| { println!("allow `{request}`? [y/n]"); std::io::stdin().lines().next().is_some_and(|line| line.is_ok_and(|line| line == "y")) };
    println!("{}", tokio::runtime::Runtime::new()?.block_on(async {
        let mut backends: Vec<Arc<dyn Loader>> = vec![Arc::new(mortise_wasm::WasmBackend::new(&Default::default())?)];
        #[cfg(unix)] backends.push(Arc::new(mortise_native::NativeBackend::new(Default::default())?));
        host(directory.as_ref(), [first.as_ref(), second.as_ref()], backends, allow).await
    })?.join("\n"));
    Ok(())
}
