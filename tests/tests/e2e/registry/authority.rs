//! Registries whose certificates are signed by a private authority.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use mortise_tests::{
    registry::Registry,
    server::{Data, Server, body, program},
};
use reqwest::Method;

use super::bad::{ID, install, plugin, refused};

const UNKNOWN: &str = "is signed by an authority that this machine does not trust";

/// The flags and variables of a command.
type Way<'a> = (&'a [&'a str], &'a [(&'a str, &'a Path)]);

/// `mortise plugin push` of a plugin to a registry, with these flags and variables.
fn push(data: &Data, to: &str, flags: &[&str], variables: &[(&str, &Path)]) -> Output {
    let file = data.path().join("pushed.wasm");
    std::fs::write(&file, plugin(10)).unwrap();
    let mut command = Command::new(program());
    command
        .args(["plugin", "push"])
        .arg(&file)
        .arg(to)
        .args(flags)
        .stdin(Stdio::null())
        .env("DOCKER_CONFIG", data.path().join("none"));
    without_trust(&mut command);
    command.envs(variables.iter().copied());
    command.output().unwrap()
}

/// Removes what the machine of the tests may have set.
fn without_trust(command: &mut Command) {
    for variable in ["MORTISE_REGISTRY_CA", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
        command.env_remove(variable);
    }
}

/// The errors of a command, which must have failed, without blanks: lines end anywhere.
fn errors(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    without_blanks(&said.replace('│', ""))
}

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Returns true if errors have these words.
fn says(errors: &str, words: &str) -> bool {
    errors.contains(&without_blanks(words))
}

async fn serve(data: &Data, variables: &[(&str, &Path)]) -> Server {
    let mut command = data.command();
    command.env("DOCKER_CONFIG", data.path().join("none"));
    without_trust(&mut command);
    command.envs(variables.iter().copied());
    data.serve_with(command).await
}

#[tokio::test]
async fn a_private_authority_is_trusted_by_the_setting_or_by_the_machine() {
    let registry = Registry::secure("127.0.0.1");
    let authority = registry.authority();
    let at = registry.reference("private");
    let data = Data::new();

    let said = errors(&push(&data, &at, &[], &[]));
    for word in [
        registry.host(),
        UNKNOWN,
        "MORTISE_REGISTRY_CA",
        "--registry-ca",
        "machine's trust store",
    ] {
        assert!(says(&said, word), "{word} is not in: {said}");
    }
    let flag = ["--registry-ca", authority.to_str().unwrap()];
    let ways: [Way<'_>; 3] = [
        (&flag[..], &[]),
        (&[], &[("MORTISE_REGISTRY_CA", &*authority)]),
        // The variable of OpenSSL for the machine's trust store.
        (&[], &[("SSL_CERT_FILE", &*authority)]),
    ];
    for (flags, variables) in ways {
        let output = push(&data, &at, flags, variables);
        assert!(output.status.success(), "{variables:?}: {output:?}");
    }

    let url = format!("{at}:1.0.0");
    let server = serve(&data, &[]).await;
    let words = [registry.host(), UNKNOWN, "registry-ca (in mortise.toml"];
    refused(&server, &url, 502, &words).await;
    // The setting counts after a signal.
    let setting = format!("registry-ca = '{}'\n", authority.display());
    std::fs::write(data.path().join("mortise.toml"), setting).unwrap();
    let asked = Command::new("kill")
        .args(["-HUP", &server.id().to_string()])
        .status();
    assert!(asked.unwrap().success());
    mortise_wait::until("the new settings", async || {
        server.log().contains("read the settings again")
    })
    .await;
    let (status, answer) = install(&server, &url).await;
    assert_eq!(status, 200, "{answer}");
    let path = format!("/admin/plugins/{ID}/update");
    let newest = server.admin(Method::GET, &path).send().await.unwrap();
    assert_eq!(body(newest).await["new"], false);
    assert!(
        !server.log().contains("the server is started again"),
        "{}",
        server.log()
    );
    server.stop().await;

    let other = Data::new();
    let server = serve(&other, &[("SSL_CERT_FILE", &*authority)]).await;
    let (status, answer) = install(&server, &url).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn a_certificate_that_is_not_the_servers_is_explained() {
    let other = Registry::secure("other.example");
    let own = Registry::secure("127.0.0.1");
    let of_authority = Registry::with_authoritys_certificate();
    for (registry, authority, words) in [
        (
            &other,
            other.authority(),
            ["is for another name", "other.example", "subjectAltName"],
        ),
        (
            &own,
            other.authority(),
            [own.host(), "the authority of the same name", "registry-ca"],
        ),
        (
            &of_authority,
            of_authority.authority(),
            ["is rejected (CaUsedAsEndEntity)", "CA:TRUE", "CA:FALSE"],
        ),
    ] {
        let at = registry.reference("private");
        let data = Data::new();
        let flags = ["--registry-ca", authority.to_str().unwrap()];
        let said = errors(&push(&data, &at, &flags, &[]));
        for word in words {
            assert!(says(&said, word), "{word} is not in: {said}");
        }
        let server = serve(&data, &[("MORTISE_REGISTRY_CA", &*authority)]).await;
        refused(&server, &format!("{at}:1"), 502, &words).await;
    }
}

#[tokio::test]
async fn a_wrong_file_of_authorities_is_named() {
    let registry = Registry::secure("127.0.0.1");
    let at = registry.reference("private");
    let data = Data::new();
    let [file, missing, huge] =
        ["ca.pem", "missing.pem", "huge.pem"].map(|name| data.path().join(name));
    std::fs::write(&file, "").unwrap();
    std::fs::File::create(&huge)
        .unwrap()
        .set_len((1 << 20) + 1)
        .unwrap();
    let text = data.path().join("text.pem");
    std::fs::write(&text, "the authority").unwrap();
    for (wrong, word) in [
        (&*file, "it is empty"),
        (&*text, "it has no line -----BEGIN CERTIFICATE-----"),
        (&*missing, "No such file"),
        (data.path(), "not a regular file"),
        (&*huge, "more than 1048576 bytes"),
    ] {
        let shown = wrong.to_str().unwrap();
        let said = errors(&push(&data, &at, &["--registry-ca", shown], &[]));
        assert!(says(&said, word) && says(&said, shown), "{said}");
        let mut command = data.command();
        command.args(["--registry-ca", shown]);
        let said = errors(&command.output().unwrap());
        assert!(says(&said, word) && says(&said, shown), "{said}");
    }

    // One that goes bad while the server runs.
    std::fs::copy(registry.authority(), &file).unwrap();
    let server = serve(&data, &[("MORTISE_REGISTRY_CA", &*file)]).await;
    std::fs::write(&file, "").unwrap();
    let words = ["certificate authorities in", "ca.pem", "it is empty"];
    refused(&server, &format!("{at}:1"), 502, &words).await;
}
