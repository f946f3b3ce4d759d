//! Other people's Gotify clients, as they come from their registries, send and
//! read through a server whose messages pass a filter. `cargo xtask test`
//! installs them and says where they are.

use std::{io::Write as _, path::PathBuf, process::Stdio, time::Duration};

use futures_util::StreamExt as _;
use mortise_tests::server::{Data, Server};
use reqwest::Method;
use serde_json::Value;
use tokio::process::Command;
use tokio_tungstenite::tungstenite::Message;

/// The filter's rules for all messages of the tests.
const RULES: &str = r#"
rules:
  - name: mark
    when:
      body: "^ERROR: "
    then:
      prefix_title: "[error] "
      priority: 8
      replace:
        - pattern: "^ERROR: "
          with: ""
"#;

/// Returns the path of a client that `cargo xtask test` installed.
pub(crate) fn client(variable: &str) -> PathBuf {
    std::env::var_os(variable).map(PathBuf::from).unwrap_or_else(|| {
        panic!("{variable} is not set: run `cargo xtask test`, which installs the client and sets it")
    })
}

/// A server with the filter, in which an application's message may be sent.
struct Set {
    server: Server,
    app_token: String,
    client_token: String,
    // Behind the server, which uses it.
    _data: Data,
}

impl Set {
    async fn up() -> Self {
        let data = Data::new();
        let rules = std::fs::read(mortise_tests::guests::example("rules")).unwrap();
        data.plugin("rules.wasm", &rules);
        let server = data.serve().await;
        server.enable("io.mortise.rules", Some(RULES)).await;
        Self {
            app_token: server.application("backup").await,
            client_token: server.client("phone").await,
            server,
            _data: data,
        }
    }

    /// The number of open streams, from the metrics.
    async fn streams(&self) -> String {
        let answer = self.server.admin(Method::GET, "/metrics").send().await;
        let text = answer.unwrap().text().await.unwrap();
        let mut lines = text.lines();
        let number = lines.find_map(|line| line.strip_prefix("mortise_streams "));
        number.unwrap().to_owned()
    }

    /// Host and port.
    fn authority(&self) -> &str {
        self.server.url().strip_prefix("http://").unwrap()
    }

    /// Runs a client, and checks that its message passed the filter, for
    /// readers of the REST API and of `/stream`.
    async fn assert_filtered(&self, command: &mut Command) {
        let url = format!(
            "ws://{}/stream?token={}",
            self.authority(),
            self.client_token
        );
        let (mut stream, _) = tokio_tungstenite::connect_async(url).await.unwrap();

        run(command).await;

        let streamed = loop {
            let message = tokio::time::timeout(Duration::from_secs(10), stream.next());
            match message.await.expect("nothing on /stream").unwrap().unwrap() {
                Message::Text(text) => break serde_json::from_str::<Value>(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        };
        let stored = self.server.messages().await;
        assert_eq!(stored.len(), 1, "{stored:?}");
        assert_eq!(stored[0]["title"], "[error] nightly");
        assert_eq!(stored[0]["message"], "disk full");
        assert_eq!(stored[0]["priority"], 8);
        assert_eq!(streamed, stored[0]);
    }
}

/// Runs a client to its end and returns its output.
async fn run(command: &mut Command) -> String {
    run_fed(command.stdin(Stdio::null())).await
}

/// As [`run`], with the standard input of the command.
async fn run_fed(command: &mut Command) -> String {
    // Nothing here is to go through a proxy.
    command
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1");
    command.kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(60), command.output());
    let output = output.await.expect("the client does not end").unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}:\n{printed}\n{complained}",
        output.status
    );
    printed
}

#[tokio::test]
async fn apprise_sends_through_a_filter() {
    let set = Set::up().await;
    let apprise = client("MORTISE_TEST_PYTHON").with_file_name("apprise");
    let url = format!("gotify://{}/{}", set.authority(), set.app_token);
    let arguments = ["-t", "nightly", "-b", "ERROR: disk full", &url];
    set.assert_filtered(Command::new(apprise).args(arguments))
        .await;
}

#[tokio::test]
async fn the_python_client_sends_through_a_filter() {
    let set = Set::up().await;
    let script = "
import sys
from gotify import Gotify
url, token = sys.argv[1:]
sent = Gotify(base_url=url, app_token=token).create_message('ERROR: disk full', title='nightly', priority=1)
assert sent['message'] == 'disk full', sent
";
    let python = client("MORTISE_TEST_PYTHON");
    let arguments = ["-c", script, set.server.url(), &set.app_token];
    set.assert_filtered(Command::new(python).args(arguments))
        .await;
}

/// It sends `null` for a title that it was not given.
#[tokio::test]
async fn gotify_message_sends_through_a_filter() {
    let set = Set::up().await;
    let script = "
import sys
from gotify_message import GotifyNotification
url, token = sys.argv[1:]
assert GotifyNotification(url, token, title='nightly', message='ERROR: disk full').send()
assert GotifyNotification(url, token, message='no title').send()
";
    let python = client("MORTISE_TEST_PYTHON");
    let arguments = ["-c", script, set.server.url(), &set.app_token];
    run(Command::new(python).args(arguments)).await;
    let messages = set.server.messages().await;
    let shown: Vec<_> = messages
        .iter()
        .map(|message| (message["title"].as_str(), message["message"].as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (Some("backup"), Some("no title")),
            (Some("[error] nightly"), Some("disk full")),
        ]
    );
}

/// It sends `null` for a description that it was not given.
#[tokio::test]
async fn gotipy_sends_through_a_filter() {
    let set = Set::up().await;
    let script = "
import sys
from gotipy import Gotify
url, token = sys.argv[1:]
sent = Gotify(url + '/', token).push('nightly', 'ERROR: disk full')
assert sent['message'] == 'disk full', sent
";
    let python = client("MORTISE_TEST_PYTHON");
    let arguments = ["-c", script, set.server.url(), &set.app_token];
    set.assert_filtered(Command::new(python).args(arguments))
        .await;
}

/// A handler of Python's module `logging`.
#[tokio::test]
async fn gotify_handler_sends_through_a_filter() {
    let set = Set::up().await;
    let script = "
import logging, sys
from gotify_handler import GotifyHandler
url, token = sys.argv[1:]
log = logging.getLogger('nightly')
log.addHandler(GotifyHandler(url, token))
log.error('ERROR: %s full', 'disk')
";
    let python = client("MORTISE_TEST_PYTHON");
    let arguments = ["-c", script, set.server.url(), &set.app_token];
    run(Command::new(python).args(arguments)).await;
    let messages = set.server.messages().await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0]["title"], "[error] ERROR:nightly");
    assert_eq!(messages[0]["message"], "disk full");
    assert_eq!(messages[0]["priority"], 8);
}

/// A command that runs a script beside the clients from npm.
fn node(script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("node");
    command
        .current_dir(client("MORTISE_TEST_SENDERS"))
        .args(["--input-type=module", "--eval", script, "--"])
        .args(arguments);
    command
}

#[tokio::test]
async fn the_npm_client_gotify_sends_through_a_filter() {
    let set = Set::up().await;
    // A title and a priority that are not given are left out.
    let script = "
import client from 'gotify';
const [server, app] = process.argv.slice(1);
const sent = await client.gotify({ server, app, title: 'nightly', message: 'ERROR: disk full' });
if (sent.message !== 'disk full') throw new Error(JSON.stringify(sent));
";
    let arguments = [set.server.url(), &set.app_token];
    set.assert_filtered(&mut node(script, &arguments)).await;
}

#[tokio::test]
async fn the_npm_client_gotify_client_sends_through_a_filter() {
    let set = Set::up().await;
    let script = "
import { GotifyClient } from 'gotify-client';
const [url, app] = process.argv.slice(1);
const client = new GotifyClient(url, { app });
const sent = await client.message.createMessage({ title: 'nightly', message: 'ERROR: disk full' });
if (sent.message !== 'disk full') throw new Error(JSON.stringify(sent));
";
    let arguments = [set.server.url(), &set.app_token];
    set.assert_filtered(&mut node(script, &arguments)).await;
}

/// It names a type also for requests without a body.
#[tokio::test]
async fn the_npm_client_gotify_client_reads_and_changes() {
    let set = Set::up().await;
    let script = "
import { GotifyClient } from 'gotify-client';
const [url, app, token] = process.argv.slice(1);
const client = new GotifyClient(url + '/', { app, client: token });
for (const message of ['one', 'two']) await client.message.createMessage({ message });
const page = await client.message.getMessages({ limit: 1 });
const { since, limit } = page.paging;
const rest = await client.message.getMessages({ limit, since });
console.log('pages', page.messages[0].message, rest.messages[0].message);
const made = await client.application.createApp({ name: 'made', description: 'd' });
const changed = await client.application.updateApplication(made.id, { name: 'changed' });
const image = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const file = new Blob([image], { type: 'image/png' });
const shown = await client.application.uploadAppImage(made.id, { file });
console.log('application', changed.name, shown.image.endsWith('.png'));
await client.application.removeAppImage(made.id);
const phone = await client.client.createClient({ name: 'tablet' });
const renamed = await client.client.updateClient(phone.id, { name: 'renamed' });
console.log('client', renamed.name, (await client.client.getClients()).length);
console.log('user', (await client.current.currentUser()).name);
console.log('health', (await client.health.getHealth()).health);
console.log('version', typeof (await client.version.getVersion()).version);
console.log('plugins', (await client.plugin.getPlugins()).length);
await client.message.deleteMessage(rest.messages[0].id);
await client.application.deleteAppMessages(page.messages[0].appid);
console.log('left', (await client.message.getMessages()).messages.length);
";
    let arguments = [set.server.url(), &set.app_token, &set.client_token];
    let printed = run(&mut node(script, &arguments)).await;
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(
        lines,
        [
            "pages two one",
            "application changed true",
            "client renamed 2",
            "user admin",
            "health green",
            "version string",
            "plugins 1",
            "left 0",
        ]
    );
}

#[tokio::test]
async fn the_python_client_reads_and_listens() {
    let set = Set::up().await;
    let script = "
import asyncio, sys
from gotify import AsyncGotify, Gotify
url, app_token, client_token = sys.argv[1:]

async def main():
    sender = AsyncGotify(base_url=url, app_token=app_token)
    listener = AsyncGotify(base_url=url, client_token=client_token)
    async def send():
        # The test writes a line when the listener is connected.
        await asyncio.to_thread(sys.stdin.readline)
        await sender.create_message('ERROR: disk full', title='nightly')
    sending = asyncio.create_task(send())
    async for message in listener.stream():
        print('pushed', message['title'], message['message'])
        break
    await sending

asyncio.run(main())
reader = Gotify(base_url=url, client_token=client_token)
for message in reader.get_messages()['messages']:
    print('stored', message['title'], message['message'])
print('applications', [one['name'] for one in reader.get_applications()])
print('health', reader.get_health()['health'])
";
    let python = client("MORTISE_TEST_PYTHON");
    let arguments = [
        "-c",
        script,
        set.server.url(),
        &set.app_token,
        &set.client_token,
    ];
    let (line, mut go_on) = std::io::pipe().unwrap();
    let connected = async {
        mortise_wait::until("the client listens", async || set.streams().await == "1").await;
        go_on.write_all(b"\n").unwrap();
    };
    let mut client = Command::new(python);
    client.args(arguments).stdin(line);
    let (printed, ()) = tokio::join!(run_fed(&mut client), connected);
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(
        lines,
        [
            "pushed [error] nightly disk full",
            "stored [error] nightly disk full",
            "applications ['backup']",
            "health green",
        ]
    );
}

#[tokio::test]
async fn shoutrrr_sends_through_a_filter() {
    let set = Set::up().await;
    // The token's form is checked by the client: 15 characters, `A` first.
    let url = format!(
        "gotify://{}/{}?disabletls=yes",
        set.authority(),
        set.app_token
    );
    let arguments = [
        "send",
        "--title",
        "nightly",
        "--message",
        "ERROR: disk full",
        "--url",
        &url,
    ];
    set.assert_filtered(Command::new(client("MORTISE_TEST_SHOUTRRR")).args(arguments))
        .await;
}

/// `gotify/cli` is published as binaries, and through the Go module proxy in
/// some places only. With it, this test can run.
#[tokio::test]
#[ignore = "needs gotify/cli: set MORTISE_TEST_GOTIFY_CLI to its binary"]
async fn gotify_cli_sends_through_a_filter() {
    let set = Set::up().await;
    let arguments = ["push", "--url", set.server.url(), "--token", &set.app_token];
    let message = ["--title", "nightly", "--priority", "1", "ERROR: disk full"];
    set.assert_filtered(
        Command::new(client("MORTISE_TEST_GOTIFY_CLI"))
            .args(arguments)
            .args(message),
    )
    .await;
}
