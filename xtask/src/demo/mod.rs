//! `cargo xtask demo`: the real server with the example plugins installed,
//! granted, enabled and configured, components and processes beside each other,
//! and a message that went through them.
//!
//! All of it goes through what any user has: the `mortise` program and the
//! REST API.

mod drop;
mod native;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::native::{Answered, Native};
use crate::{
    api::{Api, Application, As, Identified, Plugin, Token},
    progress,
    run::{print, say},
    server::{self, Server},
    wasm, web,
    workspace::Workspace,
};

/// The administrator that the demo creates.
const USER: &str = "admin";

/// An example, its id, and the configuration that it gets here; none for its defaults.
struct Example {
    folder: &'static str,
    id: &'static str,
    config: Option<&'static str>,
}

const EXAMPLES: [Example; 4] = [
    Example {
        folder: "rules",
        id: "io.mortise.rules",
        config: Some(RULES),
    },
    Example {
        folder: "forward",
        id: "io.mortise.forward",
        config: None,
    },
    Example {
        folder: "alertmanager",
        id: "io.mortise.alertmanager",
        config: None,
    },
    Example {
        folder: "clock",
        id: "io.mortise.clock",
        config: None,
    },
];

const RULES: &str = r#"rules:
  - name: errors are urgent
    when:
      body: "^ERROR: "
    then:
      prefix_title: "[error] "
      priority: 8
      replace:
        - pattern: "^ERROR: "
          with: ""
"#;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask demo
  cargo xtask demo --port 0 --json")]
pub(crate) struct Arguments {
    /// Print one line of JSON on standard output when it is ready.
    #[arg(long)]
    json: bool,
    /// Port to listen on; 0 picks a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Data directory of the server; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "target/demo")]
    data_dir: PathBuf,
}

/// The login for a later run on the same data directory: the server keeps only
/// hashes.
#[derive(Debug, Serialize, Deserialize)]
struct Login {
    password: String,
    application: Option<Application>,
    client_token: Option<String>,
}

/// The results of the demo.
#[derive(Debug, Serialize)]
struct Shown {
    url: String,
    user: &'static str,
    password: String,
    app_token: String,
    client_token: String,
    /// The message as it was sent.
    before: Value,
    /// The message as it was stored.
    after: Value,
    /// The answers of the native plugins.
    native: Vec<Answered>,
    /// Files to drop on the page: a plugin, and its next version.
    drop: Vec<PathBuf>,
}

/// Builds everything, then runs the server until interrupted.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let begin = Instant::now();
    let toolchain = wasm::provide()?;
    say(format_args!("components: {}", toolchain.describe()));
    let (mortise, (compiled, natives)) = progress::together(
        |reporter| {
            // The server embeds it.
            if let Err(error) = web::build(workspace) {
                say(format_args!("without the page: {error:#}"));
            }
            server::build_beside(workspace, reporter)
        },
        |reporter| {
            let mut compiled = Vec::new();
            for example in &EXAMPLES {
                let folder = workspace.root.join("examples").join(example.folder);
                let built = wasm::compile(toolchain, workspace, &folder, wasm::QUICKLY, reporter)?;
                compiled.push(built);
            }
            Ok((compiled, native::build(workspace)))
        },
    )?;

    let data = workspace.root.join(&arguments.data_dir);
    let plugins = data.join("plugins");
    fs::create_dir_all(&plugins)
        .with_context(|| format!("{} cannot be made", plugins.display()))?;
    for built in &compiled {
        let component = wasm::component(workspace, &mortise, built)?;
        install(&component, &plugins)?;
    }
    for (_, file) in &natives {
        install(file, &plugins)?;
    }
    let natives: Vec<_> = natives.into_iter().map(|(native, _)| native).collect();

    let to_drop = drop::build(workspace, &data.join("drop")).unwrap_or_else(|error| {
        say(format_args!(
            "without a plugin to drop on the page: {error:#}"
        ));
        Vec::new()
    });

    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot be set up")?
        .block_on(serve(&mortise, &data, &natives, to_drop, arguments, begin))
}

/// Puts a plugin into the plugins folder.
fn install(plugin: &Path, plugins: &Path) -> Result<()> {
    let name = plugin.file_name().context("a plugin has no name")?;
    // Beside its place first: a server that looks must not find half a file.
    let partial = plugins.join(format!(".{}", name.display()));
    fs::copy(plugin, &partial)
        .and_then(|_| fs::rename(&partial, plugins.join(name)))
        .with_context(|| format!("{} cannot be installed", plugin.display()))
}

async fn serve(
    mortise: &Path,
    data: &Path,
    natives: &[&'static Native],
    to_drop: Vec<PathBuf>,
    arguments: &Arguments,
    begin: Instant,
) -> Result<()> {
    let mut stop = std::pin::pin!(interrupted()?);
    let login_file = data.join("demo-login.json");
    let mut login = Login::read(&login_file)?;
    // Before the server takes the password over, for it is not told twice.
    login.write(&login_file)?;
    let mut server = Server::start(mortise, data, arguments.port, &login.password).await?;
    let url = server.url.clone();
    let shown = tokio::select! {
        shown = show(&url, natives, &mut login) => shown,
        ended = server.ended() => return ended,
        () = &mut stop => return server.stop().await,
    };
    let shown = match shown {
        Ok(shown) => Shown {
            drop: to_drop,
            ..shown
        },
        Err(error) => {
            // The first error is the one to tell about.
            let _ = server.stop().await;
            return Err(error);
        }
    };
    login.write(&login_file)?;
    say(format_args!(
        "ready after {:.0} s; the machine has {} cores",
        begin.elapsed().as_secs_f64(),
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    ));
    if arguments.json {
        print(&serde_json::to_string(&shown).context("the result is no JSON")?)?;
    } else {
        print(&shown.for_a_person())?;
    }
    tokio::select! {
        ended = server.ended() => ended,
        () = &mut stop => {
            say(format_args!("stopping"));
            server.stop().await
        }
    }
}

/// Ends when a person interrupts the demo or asks it to end.
#[cfg(unix)]
fn interrupted() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("no interrupts")?;
    let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends when a person interrupts the demo.
#[cfg(not(unix))]
fn interrupted() -> Result<impl Future<Output = ()>> {
    Ok(async {
        // Without interrupts it runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}

/// Grants, enables and configures the plugins, and sends a message through them.
async fn show(url: &str, natives: &[&'static Native], login: &mut Login) -> Result<Shown> {
    let api = Api::new(url)?;
    let admin = As::User(USER, &login.password);
    if !api.accepts(admin).await? {
        bail!(
            "the data directory belongs to a server whose password the demo does not know: choose another with --data-dir"
        );
    }
    let client_token = match login.client_token.take() {
        Some(token) if api.accepts(As::Token(&token)).await? => token,
        _ => api.create::<Token>("client", "demo", admin).await?.token,
    };
    let client = As::Token(&client_token);
    let there: Vec<Identified> = api.list("application", client).await?;
    let application = match login.application.take() {
        Some(known) if there.iter().any(|one| one.id == known.id) => known,
        _ => api.create("application", "Backup", admin).await?,
    };

    let plugins: Vec<Plugin> = api.list("plugin", client).await?;
    let find = |id: &str| {
        let found = plugins.iter().find(|plugin| plugin.plugin_id == id);
        found.with_context(|| {
            format!("the server does not have the plugin {id}: see its own words above")
        })
    };
    for example in &EXAMPLES {
        let plugin = find(example.id)?;
        api.grant_as_asked(plugin, admin).await?;
        set_up(&api, plugin, example.config, client).await?;
    }
    let mut native = Vec::new();
    for example in natives {
        let plugin = find(example.id)?;
        api.grant_as_asked(plugin, admin).await?;
        set_up(&api, plugin, None, client).await?;
        native.push(example.ask(&api, plugin).await?);
    }

    let before = sample();
    let sent = api.send(&before, As::Token(&application.token)).await?;
    let after = api
        .messages(client)
        .await?
        .into_iter()
        .find(|message| message.get("id").and_then(Value::as_u64) == Some(sent.id))
        .context("the message that was sent is not among the stored ones")?;

    let app_token = application.token.clone();
    login.application = Some(application);
    login.client_token = Some(client_token.clone());
    Ok(Shown {
        url: url.to_owned(),
        user: USER,
        password: login.password.clone(),
        app_token,
        client_token,
        before,
        after,
        native,
        drop: Vec::new(),
    })
}

async fn set_up(api: &Api, plugin: &Plugin, config: Option<&str>, by: As<'_>) -> Result<()> {
    if let Some(config) = config {
        api.configure(plugin, config, by)
            .await
            .with_context(|| format!("{} did not take its configuration", plugin.name))?;
    }
    if !plugin.enabled {
        api.enable(plugin, by)
            .await
            .with_context(|| format!("{} did not start", plugin.name))?;
    }
    say(format_args!("enabled {}", plugin.name));
    Ok(())
}

/// The message that goes through the filter.
fn sample() -> Value {
    json!({
        "title": "nightly backup",
        "message": "ERROR: /srv is 98 % full",
        "priority": 3,
    })
}

impl Login {
    fn read(file: &Path) -> Result<Self> {
        match fs::read_to_string(file) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} is malformed: remove the folder", file.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut bytes = [0; 12];
                getrandom::fill(&mut bytes).context("the system has no random numbers")?;
                Ok(Self {
                    password: hex::encode(bytes),
                    application: None,
                    client_token: None,
                })
            }
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", file.display())),
        }
    }

    /// Only this user may read it.
    fn write(&self, file: &Path) -> Result<()> {
        use std::io::Write as _;

        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let text = serde_json::to_string(self).context("the login is no JSON")?;
        options
            .open(file)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("{} cannot be written", file.display()))
    }
}

impl Shown {
    fn for_a_person(&self) -> String {
        let part = |message: &Value, field: &str| match message.get(field) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let line = |message: &Value| {
            format!(
                "{}: {} (priority {})",
                part(message, "title"),
                part(message, "message"),
                part(message, "priority"),
            )
        };
        format!(
            "
Mortise runs at {url}: open it in a browser and log in

  user      {user}
  password  {password}

  sent      {before}
  stored    {after}
{native}
Send another one:

  curl '{url}/message?token={app}' -F 'title=nightly backup' -F 'message=ERROR: again' -F priority=3
{drop}
Interrupt to stop.",
            url = self.url,
            user = self.user,
            password = self.password,
            before = line(&self.before),
            after = line(&self.after),
            native = self
                .native
                .iter()
                .map(|answered| format!("\n  {answered}\n"))
                .collect::<String>(),
            app = self.app_token,
            drop = self.to_drop(),
        )
    }

    /// Tells what there is to install.
    fn to_drop(&self) -> String {
        match &*self.drop {
            [first, second] => format!(
                "
Install a plugin: open {}/administration and drop the first file there. Later, drop its next
version, which asks for more.

  {}
  {}
",
                self.url,
                first.display(),
                second.display()
            ),
            _ => String::new(),
        }
    }
}
