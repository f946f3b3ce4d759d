//! Registries that lie, break off, redirect, or have something else. After each
//! the server answers, and nothing is installed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{http::StatusCode as Status, response::IntoResponse as _};
use mortise_runtime::Digest;
use mortise_tests::{
    components,
    registry::{LOGIN, Registry},
    server::{Data, Server, body},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::fake::{Fake, Version, broken, described, endless, from, redirect};

pub(super) const ID: &str = "test.registry";

/// A plugin that does nothing, of about this many bytes.
pub(super) fn plugin(bytes: usize) -> Vec<u8> {
    let text = "x".repeat(bytes);
    // Behind what the fixture has in its memory.
    let data = format!("(data (i32.const 66000) \"{text}\")");
    components::plugin(ID, "", &data).unwrap()
}

pub(super) fn manifest() -> Value {
    json!({ "id": ID, "name": "test.registry", "version": "1.0.0" })
}

/// Installs from an address. Returns the status and the answer.
pub(super) async fn install(server: &Server, url: &str) -> (u16, Value) {
    let answer = server
        .admin(Method::POST, "/admin/plugins")
        .json(&json!({ "url": url }))
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Installs from an address, which must fail with all these words and change
/// nothing.
pub(super) async fn refused(server: &Server, url: &str, status: u16, words: &[&str]) -> String {
    let (found, answer) = install(server, url).await;
    let text = answer["errorDescription"].as_str().unwrap_or_default();
    assert_eq!(found, status, "{answer}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    let list = server.admin(Method::GET, "/admin/plugins").send().await;
    let list = body(list.unwrap()).await;
    assert_eq!(list["plugins"], json!([]), "{list}");
    server.assert_healthy().await;
    text.to_owned()
}

#[tokio::test]
async fn a_registry_that_lies_about_digests_and_sizes_is_found_out() {
    let data = Data::new();
    let server = data.serve().await;
    let good = Version::of(&plugin(10));
    let digest = good.digest();

    // Another manifest than the address names.
    let other = Version::of(&plugin(20));
    let text = other.manifest.to_string();
    let lying = Fake::with(good.clone(), move |seen| {
        let is_it = seen.path.contains("/manifests/");
        is_it.then(|| text.clone().into_response())
    });
    let lying = lying.await;
    let url = format!("{}@{digest}", lying.reference());
    let found = other.digest().to_string();
    let words = ["a manifest", &digest.to_string(), &found, "do not trust"];
    refused(&server, &url, 422, &words).await;

    // A tag whose header names another digest than the body has.
    let text = other.manifest.to_string();
    let told = digest.to_string();
    let lying = Fake::with(good.clone(), move |seen| {
        let head = [("docker-content-digest", told.clone())];
        let is_it = seen.path.contains("/manifests/");
        is_it.then(|| (head, text.clone()).into_response())
    });
    let lying = lying.await;
    refused(&server, &lying.reference(), 422, &["a manifest", &found]).await;

    // Another file of the same size.
    let (blob, mut file) = (good.blob(), good.file.clone());
    *file.last_mut().unwrap() ^= 1;
    let found = Digest::of(&file).to_string();
    let lying = Fake::with(good.clone(), move |seen| {
        (seen.path == blob).then(|| file.clone().into_response())
    });
    let lying = lying.await;
    let words = ["a file", &found, "nothing changed"];
    refused(&server, &lying.reference(), 422, &words).await;

    // Another configuration.
    let lying = Fake::with(good.clone(), move |seen| {
        let is_config = seen.path.ends_with(&Digest::of(b"{}").to_string());
        is_config.then(|| "[]".into_response())
    });
    let lying = lying.await;
    refused(&server, &lying.reference(), 422, &["a configuration"]).await;

    // A file that is longer, and one that is shorter, than the manifest says.
    for (size, word) in [
        (good.file.len() - 5, "bytes"),
        (good.file.len() + 5, "bytes"),
    ] {
        let mut version = good.clone();
        version.manifest["layers"][0]["size"] = size.into();
        let lying = Fake::of(version).await;
        let named = format!("{size} that its manifest names");
        refused(&server, &lying.reference(), 422, &["a file", word, &named]).await;
    }

    // The same registry without a lie.
    let honest = Fake::of(good).await;
    let (status, answer) = install(&server, &format!("{}@{digest}", honest.reference())).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["source"]["digest"], digest.to_string());
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_was() {
    let data = Data::new();
    let server = data.serve().await;
    let version = Version::of(&plugin(60_000));
    let (blob, file) = (version.blob(), version.file.clone());
    let middle = file.len() / 2;
    let breaks = Fake::with(version.clone(), move |seen| {
        let is_first = seen.path == blob && from(&seen.headers) == 0;
        is_first.then(|| broken(&file, 0, middle))
    });
    let breaks = breaks.await;
    let (status, answer) = install(&server, &breaks.reference()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["digest"], Digest::of(&version.file).to_string());
    let ranges: Vec<_> = breaks
        .seen(&version.blob())
        .iter()
        .map(|seen| from(&seen.headers))
        .collect();
    assert_eq!(ranges.len(), 2, "{ranges:?}");
    assert!(
        ranges[0] == 0 && (1..=middle).contains(&ranges[1]),
        "{ranges:?}"
    );
}

#[tokio::test]
async fn a_download_that_always_breaks_off_ends_with_a_report_and_is_continued_later() {
    let data = Data::new();
    let mut command = data.command();
    command.env("MORTISE_DOWNLOAD_RETRY", "1s");
    let server = data.serve_with(command).await;
    let version = Version::of(&plugin(60_000));
    let (blob, file) = (version.blob(), version.file.clone());
    let is_mended = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&is_mended);
    let breaks = Fake::with(version.clone(), move |seen| {
        let at = from(&seen.headers);
        let breaks = seen.path == blob && !mended.load(Ordering::Relaxed);
        breaks.then(|| broken(&file, at, at.max(1000)))
    });
    let breaks = breaks.await;
    let words = ["broke off at 1000 of", "times in a row", "try again later"];
    refused(&server, &breaks.reference(), 502, &words).await;
    let before = breaks.seen(&version.blob()).len();
    assert!(before < 10);

    is_mended.store(true, Ordering::Relaxed);
    let (status, answer) = install(&server, &breaks.reference()).await;
    assert_eq!(status, 200, "{answer}");
    let later = &breaks.seen(&version.blob())[before..];
    assert_eq!(
        later
            .iter()
            .map(|seen| from(&seen.headers))
            .collect::<Vec<_>>(),
        [1000]
    );
}

#[tokio::test]
async fn a_registry_that_wants_a_pause_gets_it_within_bounds() {
    let data = Data::new();
    let mut command = data.command();
    command.env("MORTISE_DOWNLOAD_RETRY", "5s");
    let server = data.serve_with(command).await;
    let version = Version::of(&plugin(10));
    for (status, wait, works) in [(429, "1", true), (503, "1", true), (503, "3600", false)] {
        let status = Status::from_u16(status).unwrap();
        let (blob, asked) = (version.blob(), AtomicBool::new(false));
        let busy = Fake::with(version.clone(), move |seen| {
            let is_first = seen.path == blob && !asked.swap(true, Ordering::Relaxed);
            is_first.then(|| (status, [("retry-after", wait)]).into_response())
        });
        let busy = busy.await;
        if works {
            let (found, answer) = install(&server, &busy.reference()).await;
            assert_eq!(found, 200, "{answer}");
            let gone = server.admin(Method::DELETE, &format!("/admin/plugins/{ID}"));
            assert_eq!(gone.send().await.unwrap().status(), 200);
        } else {
            let words = ["it asks to wait for 3600s", "try again later"];
            refused(&server, &busy.reference(), 502, &words).await;
        }
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_gets_no_credentials_and_a_loop_ends() {
    let data = Data::new();
    let version = Version::of(&plugin(10));
    let store = Fake::of(version.clone()).await;
    let (blob, elsewhere) = (version.blob(), format!("http://{}", store.host()));
    let front = Fake::with(version.clone(), move |seen| {
        if !seen.headers.contains_key("authorization") {
            let head = [("www-authenticate", "Basic realm=\"tests\"")];
            return Some((Status::UNAUTHORIZED, head).into_response());
        }
        (seen.path == blob).then(|| redirect(&format!("{elsewhere}{blob}")))
    });
    let front = front.await;
    let docker = tempfile::tempdir().unwrap();
    // ada:secret
    let config = json!({ "auths": { front.host(): { "auth": "YWRhOnNlY3JldA==" } } });
    std::fs::write(docker.path().join("config.json"), config.to_string()).unwrap();
    let mut command = data.command();
    command.env("DOCKER_CONFIG", docker.path());
    let server = data.serve_with(command).await;

    // A store that wants credentials itself, with a token server of its own.
    let (blob, greedy) = (
        version.blob(),
        Fake::with(version.clone(), |seen| {
            let host = seen.headers["host"].to_str().unwrap();
            let challenge = format!("Bearer realm=\"http://{host}/token\"");
            Some((Status::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response())
        }),
    );
    let greedy = greedy.await;
    let to = format!("http://{}{blob}", greedy.host());
    let sends = Fake::with(version.clone(), move |seen| {
        (seen.path == blob).then(|| redirect(&to))
    });
    let sends = sends.await;
    let words = ["401", "after a redirect to"];
    refused(&server, &sends.reference(), 502, &words).await;
    assert_eq!(greedy.seen("/token").len(), 0);

    let blob = version.blob();
    let circle = Fake::with(version, move |seen| {
        (seen.path == blob).then(|| redirect(&blob))
    });
    let circle = circle.await;
    refused(
        &server,
        &circle.reference(),
        502,
        &["more than 5 redirects"],
    )
    .await;

    let (status, answer) = install(&server, &front.reference()).await;
    assert_eq!(status, 200, "{answer}");
    let taken = store.seen("/blobs/");
    assert_eq!(taken.len(), 1);
    assert!(!taken[0].headers.contains_key("authorization"), "{taken:?}");
    assert!(!server.log().contains("YWRhOnNlY3JldA=="));
    assert!(!server.log().contains("secret"), "{}", server.log());
}

#[tokio::test]
async fn a_registry_that_wants_other_credentials_says_so() {
    let registry = Registry::closed();
    let url = registry.reference("closed:1");
    let data = Data::new();
    let mut command = data.command();
    command.env("DOCKER_CONFIG", data.path().join("none"));
    let server = data.serve_with(command).await;
    let login = format!("docker login {}", registry.host());
    refused(&server, &url, 502, &["wants credentials", &login]).await;
    drop(server);

    let mut command = data.command();
    command.env("DOCKER_CONFIG", registry.docker_config(("ada", "wrong")));
    let server = data.serve_with(command).await;
    refused(&server, &url, 502, &["rejects the credentials", &login]).await;
    drop(server);

    let mut command = data.command();
    command.env("DOCKER_CONFIG", registry.docker_config(LOGIN));
    let server = data.serve_with(command).await;
    refused(&server, &url, 422, &["closed:1 is not in the registry"]).await;

    let forbidden = Fake::with(Version::of(&plugin(10)), |_| {
        Some(Status::FORBIDDEN.into_response())
    });
    let forbidden = forbidden.await;
    refused(
        &server,
        &forbidden.reference(),
        502,
        &["does not allow", "access"],
    )
    .await;
}

#[tokio::test]
async fn a_token_server_gives_the_token_that_a_registry_wants() {
    let data = Data::new();
    let server = data.serve().await;
    let token = json!({ "token": "t0k" }).to_string();
    let closed = Fake::with(Version::of(&plugin(10)), move |seen| {
        if seen.path == "/token" {
            return Some(token.clone().into_response());
        }
        let known = seen.headers.get("authorization");
        if known.is_some_and(|known| known == "Bearer t0k") {
            return None;
        }
        let host = seen.headers["host"].to_str().unwrap();
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"tests\"");
        Some((Status::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response())
    });
    let closed = closed.await;
    let (status, answer) = install(&server, &closed.reference()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(closed.seen("/token").len(), 1);
    assert!(!server.log().contains("t0k"));

    // A token server without encryption elsewhere gets nothing.
    let elsewhere = Fake::with(Version::of(&plugin(10)), |_| {
        let challenge = "Bearer realm=\"http://token.example/\"";
        Some((Status::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response())
    });
    let elsewhere = elsewhere.await;
    let (status, answer) = install(&server, &elsewhere.reference()).await;
    assert_eq!(status, 502, "{answer}");
    let text = answer["errorDescription"].as_str().unwrap();
    assert!(
        text.contains("not encrypted: no credentials were sent"),
        "{text}"
    );
}

#[tokio::test]
async fn content_that_is_no_plugin_for_this_machine_is_not_downloaded() {
    let data = Data::new();
    let server = data.serve().await;
    let good = Version::of(&plugin(10));
    let index = |platforms: &[(&str, &str)]| {
        let manifests: Vec<_> = platforms
            .iter()
            .map(|(os, architecture)| {
                let mut entry = described("application/vnd.oci.image.manifest.v1+json", b"x");
                entry["platform"] = json!({ "os": os, "architecture": architecture });
                entry
            })
            .collect();
        let kind = "application/vnd.oci.image.index.v1+json";
        json!({ "schemaVersion": 2, "mediaType": kind, "manifests": manifests })
    };
    let image = {
        let mut image = good.manifest.clone();
        let kind = "application/vnd.oci.image.layer.v1.tar+gzip";
        image["layers"] = json!([described(kind, b"a container")]);
        image["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
        image
    };
    let large = {
        let mut large = good.manifest.clone();
        large["layers"][0]["size"] = (2_u64 << 30).into();
        large
    };
    let twice = {
        let mut twice = good.manifest.clone();
        twice["layers"] = json!([twice["layers"][0], twice["layers"][0]]);
        twice
    };
    let mime = "application/vnd.oci.image.manifest.v1+json";
    for (manifest, status, words) in [
        (
            index(&[("plan9", "mips"), ("linux", "s390x")]),
            422,
            vec!["no build for", "plan9/mips, linux/s390x", "ask its author"],
        ),
        (index(&[]), 422, vec!["no platform at all"]),
        (index(&[("\u{1b}[31m", "x")]), 422, vec!["\u{fffd}[31m/x"]),
        (
            image,
            422,
            vec!["not a plugin", "image.config.v1+json", "check the name"],
        ),
        (large, 413, vec!["2147483648 bytes", "was not downloaded"]),
        (twice, 422, vec!["several layers"]),
        (json!({ "mediaType": mime }), 422, vec!["has no layers"]),
        (
            json!({ "mediaType": mime, "layers": 3 }),
            422,
            vec!["not understood"],
        ),
    ] {
        let mut version = good.clone();
        version.manifest = manifest;
        let fake = Fake::of(version).await;
        refused(&server, &fake.reference(), status, &words).await;
        assert_eq!(fake.seen(&good.blob()).len(), 0);
    }
    let fake = Fake::of(good).await;
    let other = format!("oci://{}/test:2", fake.host());
    refused(
        &server,
        &other,
        422,
        &["test:2 is not in the registry", "check the name"],
    )
    .await;
}

#[tokio::test]
async fn a_layer_without_an_end_is_cut_at_its_declared_size() {
    let data = Data::new();
    let server = data.serve().await;
    let version = Version::of(&plugin(10));
    let (blob, asked) = (version.blob(), Arc::new(AtomicBool::new(false)));
    let sent = Arc::clone(&asked);
    let fake = Fake::with(version, move |seen| {
        (seen.path == blob).then(|| endless(Arc::clone(&sent)))
    });
    let fake = fake.await;
    refused(
        &server,
        &fake.reference(),
        422,
        &["a file", "that its manifest names"],
    )
    .await;
    assert!(asked.load(Ordering::Relaxed));

    // A manifest without an end.
    let sent = Arc::new(AtomicBool::new(false));
    let fake = Fake::with(Version::of(&plugin(10)), move |_| {
        Some(endless(Arc::clone(&sent)))
    });
    let fake = fake.await;
    refused(
        &server,
        &fake.reference(),
        502,
        &["more than 4194304 bytes"],
    )
    .await;
}

#[tokio::test]
async fn an_address_that_is_no_registry_says_why() {
    let data = Data::new();
    let server = data.serve().await;
    let fake = Fake::of(Version::of(&plugin(10))).await;
    let free = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    for (url, status, words) in [
        (
            "oci://registry.invalid/test:1".to_owned(),
            502,
            vec!["registry.invalid cannot be reached", "check the host"],
        ),
        (
            format!("oci+https://{}/test:1", fake.host()),
            502,
            vec!["does not speak TLS", "oci+http://"],
        ),
        (
            format!("oci://{free}/test:1"),
            502,
            vec!["cannot be reached", "whether the registry runs"],
        ),
        (
            "oci://test:1".to_owned(),
            400,
            vec!["no host", "oci://HOST/NAME:TAG"],
        ),
        (
            format!("oci://u:p@{}/test:1", fake.host()),
            400,
            vec!["not an address in a registry", "docker login"],
        ),
    ] {
        refused(&server, &url, status, &words).await;
    }
    let page = Fake::with(Version::of(&plugin(10)), |_| {
        Some("<h1>a page</h1>".into_response())
    });
    let page = page.await;
    refused(
        &server,
        &page.reference(),
        422,
        &["not a plugin", "not understood"],
    )
    .await;
}
