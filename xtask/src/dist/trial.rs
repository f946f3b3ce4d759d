//! Installs packages in a Debian root and uses them: the server starts by the unit's
//! command as the unit's user, shows its page, and runs a component and a process. It
//! is upgraded while both run, and purged. The image starts as its user.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Kind, Platform, Release, image,
    root::{Root, User},
};
use crate::{
    api::{Api, As, Plugin, Token},
    go,
    run::{output, run as run_command, say},
    server::{self, Server},
    wasm,
    workspace::Workspace,
};

const ADMIN: &str = "admin";
const PASSWORD: &str = "of-the-trial";
const UNIT: &str = "/usr/lib/systemd/system/mortise.service";
const DATA: &str = "/var/lib/mortise";
const COMPONENT: &str = "/tmp/rules.wasm";
const PROCESS: &str = "/tmp/uptime";

/// The component's configuration: a rule that a message shows.
const RULES: &str = r#"rules:
  - name: errors are urgent
    when:
      body: "^ERROR: "
    then:
      prefix_title: "[error] "
"#;

/// Plugins to try: a component and a process.
struct Plugins {
    component: PathBuf,
    process: PathBuf,
}

/// Tries the packages of a release. `lower` is the folder with the Debian root.
pub(super) fn run(release: &Release<'_>, lower: Option<&Path>) -> Result<()> {
    let development = server::build(release.workspace)?;
    let plugins = Plugins::build(release.workspace, &development)?;
    debian(release, lower.unwrap_or(Path::new("/")), &plugins)?;
    container(release, &plugins)
}

/// Makes packages of the program that is built for development and tries them in
/// this machine's own root.
pub(crate) fn run_short(workspace: &Workspace) -> Result<()> {
    let platform = Platform::new(&workspace.host()?)?;
    super::needs(&platform, false)?;
    let development = server::build(workspace)?;
    let plugins = Plugins::build(workspace, &development)?;
    let folder = workspace.target.join("dist-short");
    let mut release = Release::new(workspace, platform, &development, &folder, 1)?;
    release.quick = true;
    for kind in [Kind::Tarball, Kind::Sbom] {
        release.make(kind)?;
    }
    debian(&release, Path::new("/"), &plugins)?;
    container(&release, &plugins)
}

impl Plugins {
    fn build(workspace: &Workspace, mortise: &Path) -> Result<Self> {
        let rules = workspace.root.join("examples/rules");
        Ok(Self {
            component: wasm::build(workspace, mortise, &rules)?,
            process: go::build(workspace, "examples/native-go-uptime", ".")?,
        })
    }

    fn put(&self, root: &Root) -> Result<()> {
        for (file, inside) in [(&self.component, COMPONENT), (&self.process, PROCESS)] {
            put(root, file, inside)?;
        }
        Ok(())
    }
}

fn put(root: &Root, file: &Path, inside: &str) -> Result<()> {
    fs::copy(file, root.path(inside))
        .with_context(|| format!("{} cannot be copied", file.display()))?;
    Ok(())
}

/// Installs, upgrades and purges the Debian package.
fn debian(release: &Release<'_>, lower: &Path, plugins: &Plugins) -> Result<()> {
    say(format_args!(
        "trying the Debian package in {}",
        lower.display()
    ));
    let root = Root::new(lower, &release.work.join("root"))?;
    plugins.put(&root)?;
    put(&root, &release.make(Kind::Deb)?, "/tmp/first.deb")?;
    let next = Release {
        revision: release.revision + 1,
        program: release.program.clone(),
        platform: release.platform.clone(),
        folder: release.work.clone(),
        work: release.work.clone(),
        ..*release
    };
    put(&root, &next.make(Kind::Deb)?, "/tmp/next.deb")?;

    let dpkg = |arguments: &[&str]| run_command(root.command("dpkg").args(arguments));
    dpkg(&["--install", "/tmp/first.deb"])?;
    let user = root.user("mortise")?.context("the package made no user")?;
    let unit = Unit::read(&root)?;
    let command = |arguments: &[&str]| {
        let mut command = root.command_as("/usr/bin/mortise", user);
        command.args(arguments).env("MORTISE_DATA_DIR", DATA);
        run_command(&mut command)
    };
    runtime()?.block_on(async {
        let server = unit.start(&root, user).await?;
        command(&["health"])?;
        let tried = Tried::set_up(&server.url, &command).await?;
        tried.uses().await?;

        say(format_args!("upgrading while plugins run"));
        dpkg(&["--install", "/tmp/next.deb"])?;
        tried.uses().await?;
        // A process that starts now comes from a program whose file was replaced.
        tried.restart_process().await?;
        tried.uses().await?;
        server.stop().await?;

        let server = unit.start(&root, user).await?;
        tried.at(&server.url)?.uses().await?;
        server.stop().await
    })?;
    let version =
        output(
            root.command("dpkg-query")
                .args(["--show", "--showformat=${Version}", "mortise"]),
        )?;
    ensure!(
        version.trim().ends_with(&format!("-{}", next.revision)),
        "after the upgrade, the version is {version}"
    );

    dpkg(&["--remove", "mortise"])?;
    ensure!(
        root.path(DATA).join("mortise.db").is_file(),
        "removing the package removed the data too"
    );
    // The administrator's own file, with secrets.
    let variables = root.path("/etc/default/mortise");
    fs::write(&variables, "MORTISE_ACCESS_LOG=true\n")
        .with_context(|| format!("{} cannot be written", variables.display()))?;
    dpkg(&["--purge", "mortise"])?;
    for left in [
        DATA,
        "/etc/mortise",
        "/etc/default/mortise",
        "/usr/bin/mortise",
        UNIT,
    ] {
        ensure!(!root.path(left).exists(), "{left} is left after the purge");
    }
    ensure!(
        root.user("mortise")?.is_none(),
        "the user is left after the purge"
    );
    Ok(())
}

/// The parts of the unit that a start by hand needs.
struct Unit {
    command: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Unit {
    fn read(root: &Root) -> Result<Self> {
        let text = fs::read_to_string(root.path(UNIT)).context("the package has no unit")?;
        let lines = |name: &str| -> Vec<String> {
            let lines = text.lines();
            lines
                .filter_map(|line| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
                .collect()
        };
        ensure!(lines("User") == ["mortise"], "the unit is for another user");
        ensure!(
            root.path(DATA).is_dir() && lines("StateDirectory") == ["mortise"],
            "there is no data directory"
        );
        let command = lines("ExecStart").concat();
        Ok(Self {
            command: command.split_whitespace().map(str::to_owned).collect(),
            variables: lines("Environment")
                .iter()
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        })
    }

    async fn start(&self, root: &Root, user: User) -> Result<Server> {
        let [program, arguments @ ..] = self.command.as_slice() else {
            bail!("the unit has no command");
        };
        let mut command = root.command_as(program, user);
        command.args(arguments).envs(self.variables.iter().cloned());
        start(command).await
    }
}

/// A runtime with a thread that notices a closed connection while this one waits for a
/// command.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot be set up")
}

/// Starts a server on a free port.
async fn start(mut command: Command) -> Result<Server> {
    command
        .args(["--json", "--listen", "127.0.0.1:0"])
        .env("MORTISE_ADMIN_PASSWORD", PASSWORD)
        .env("RUST_LOG", "warn")
        .current_dir("/");
    Server::spawn(command.into()).await
}

/// A server with both plugins enabled.
struct Tried {
    api: Api,
    application: String,
}

impl Tried {
    /// Installs the plugins by the command line and enables them.
    async fn set_up(url: &str, command: &impl Fn(&[&str]) -> Result<()>) -> Result<Self> {
        let api = Api::new(url)?;
        let admin = As::User(ADMIN, PASSWORD);
        let page = api.ask(Method::GET, "/", None).await?;
        ensure!(page.contains("<title>"), "there is no page at /: {page}");
        for file in [COMPONENT, PROCESS] {
            command(&["plugin", "install", file])?;
        }
        for plugin in api.list::<Plugin>("plugin", admin).await? {
            command(&["plugin", "grant", &plugin.plugin_id, "--as-asked"])?;
            if plugin.name == "Rules" {
                api.configure(&plugin, RULES, admin).await?;
            }
            api.enable(&plugin, admin).await?;
            command(&["plugin", "doctor", &plugin.plugin_id])?;
        }
        let application: Token = api.create("application", "trial", admin).await?;
        Ok(Self {
            api,
            application: application.token,
        })
    }

    /// The same server at another address.
    fn at(&self, url: &str) -> Result<Self> {
        Ok(Self {
            api: Api::new(url)?,
            application: self.application.clone(),
        })
    }

    async fn process(&self) -> Result<Plugin> {
        let plugins: Vec<Plugin> = self.api.list("plugin", As::User(ADMIN, PASSWORD)).await?;
        let found = plugins.into_iter().find(|plugin| plugin.name == "Uptime");
        found.context("the process is not installed any more")
    }

    /// Sends a message through the component, and asks the process something.
    async fn uses(&self) -> Result<()> {
        let admin = As::User(ADMIN, PASSWORD);
        let message = json!({ "title": "disk", "message": "ERROR: full" });
        let sent = self
            .api
            .send(&message, As::Token(&self.application))
            .await?;
        let messages = self.api.messages(admin).await?;
        let stored = messages
            .iter()
            .find(|one| one.get("id").and_then(Value::as_u64) == Some(sent.id));
        let title = stored.and_then(|one| one.get("title"));
        ensure!(
            title == Some(&json!("[error] disk")),
            "the component did not change the title: {title:?}"
        );
        let process = self.process().await?;
        ensure!(process.enabled, "the process is not enabled any more");
        let address = format!("/plugin/{}/custom/{}/status", process.id, process.token);
        self.api.ask(Method::GET, &address, None).await?;
        Ok(())
    }

    async fn restart_process(&self) -> Result<()> {
        let admin = As::User(ADMIN, PASSWORD);
        let process = self.process().await?;
        self.api.disable(&process, admin).await?;
        self.api.enable(&process, admin).await
    }
}

/// Unpacks the image and runs it as its user, with its variables.
fn container(release: &Release<'_>, plugins: &Plugins) -> Result<()> {
    say(format_args!("trying the container image"));
    release.make(Kind::Image)?;
    let lower = release.work.join("container");
    if lower.exists() {
        fs::remove_dir_all(&lower)?;
    }
    fs::create_dir_all(&lower)?;
    run_command(
        Command::new("tar")
            .args([
                "--extract",
                "--same-owner",
                "--preserve-permissions",
                "--file",
            ])
            .arg(release.work.join(image::LAYER_FILE))
            .arg("--directory")
            .arg(&lower),
    )?;
    let root = Root::new(&lower, &release.work.join("root"))?;
    plugins.put(&root)?;
    let user = User {
        user: image::USER,
        group: image::USER,
    };
    let inside = |arguments: &[&str]| {
        let mut command = root.command_as("/usr/bin/mortise", user);
        command.args(arguments).env("MORTISE_DATA_DIR", image::DATA);
        command
    };
    let command = |arguments: &[&str]| run_command(&mut inside(arguments));
    runtime()?.block_on(async {
        let server = start(inside(&["serve"])).await?;
        command(&["health"])?;
        let tried = Tried::set_up(&server.url, &command).await?;
        tried.uses().await?;
        server.stop().await
    })?;
    drop(root);
    fs::remove_dir_all(&lower).with_context(|| format!("{} cannot be removed", lower.display()))
}
