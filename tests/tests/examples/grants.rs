//! Rights that change while a component runs: each deed fails before its grant,
//! succeeds at the next call after it, and fails again after its revocation,
//! which also closes open requests.

use std::{path::Path, sync::Arc};

use mortise_runtime::{
    CallError, Grants,
    grants::Applications,
    types::{Directory, Permission},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::oneshot,
};

use mortise_tests::web;

use crate::{Running, SOON, draft, tell};

/// Creates a fixture that may only receive commands.
async fn bare() -> Running {
    let running = Running::with("everything", "", |grants| {
        *grants = Grants::of(&[Permission::FilterMessages]).unwrap();
    })
    .await;
    running.instance.start().await.unwrap();
    running
}

/// A command fails, succeeds once this is granted, and fails again when it is
/// not any more.
async fn only_with(running: &Running, command: &str, grant: impl FnOnce(&mut Grants)) {
    let error = tell(running, command).await.unwrap_err();
    assert!(!error.contains("crashed"), "{command}: {error}");
    let before = running.instance.guard().in_force().grants.clone();
    running.regrant(|rights| grant(&mut rights.grants)).await;
    let answer = tell(running, command).await;
    assert!(answer.is_ok(), "{command}: {answer:?}");
    running.regrant(|rights| rights.grants = before).await;
    assert!(tell(running, command).await.is_err(), "{command}");
}

fn directory(path: &Path, writable: bool) -> Directory {
    Directory {
        path: path.to_str().unwrap().to_owned(),
        writable,
    }
}

#[tokio::test]
async fn what_the_contract_grants_is_given_and_taken_back() {
    let running = bare().await;
    only_with(&running, "send x", |grants| {
        grants.user.send_messages = true
    })
    .await;
    only_with(&running, "received", |grants| {
        grants.user.read_messages = Applications::All;
    })
    .await;
    let denials = running.instance.guard().denials();
    let counted = |permission: &str| {
        let of = denials
            .iter()
            .filter(|denial| denial.permission == permission);
        of.map(|denial| denial.count).sum::<u64>()
    };
    // A grant ends the denials before it; those after the revocation count.
    assert_eq!((counted("send-messages"), counted("read-messages")), (1, 1));
    // Being called is granted and taken back alike.
    for _ in 0..2 {
        let denied = running.instance.on_timer("say x").await;
        assert!(
            matches!(denied, Err(CallError::Denied { .. })),
            "{denied:?}"
        );
        running
            .regrant(|rights| rights.grants.host.timers = true)
            .await;
        running.instance.on_timer("say x").await.unwrap();
        running
            .regrant(|rights| rights.grants.host.timers = false)
            .await;
    }
    // Nothing of it cost the code behind the instance its life.
    assert_eq!(tell(&running, "calls").await.unwrap(), "9");
}

#[tokio::test]
async fn no_way_leads_to_files_that_are_not_granted() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir(&inside).unwrap();
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(inside.join("own"), "own").unwrap();
    std::fs::write(outside.join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink("../out/secret", inside.join("near")).unwrap();
    std::os::unix::fs::symlink(outside.join("secret"), inside.join("far")).unwrap();
    std::os::unix::fs::symlink(&outside, inside.join("folder")).unwrap();
    let (shown, secret) = (inside.display(), outside.join("secret"));
    let running = bare().await;

    only_with(&running, &format!("read-file {shown}/own"), |grants| {
        grants.host.files.insert(directory(&inside, false));
    })
    .await;
    running
        .regrant(|rights| {
            rights.grants.host.files.insert(directory(&inside, true));
        })
        .await;
    let own = tell(&running, &format!("read-file {shown}/own")).await;
    assert_eq!(own.unwrap(), "own");
    for way in ["../out/secret", "near", "far", "folder/secret"] {
        let read = tell(&running, &format!("read-file {shown}/{way}")).await;
        assert!(read.is_err(), "{way}: {read:?}");
    }
    let link = format!("hard-link {} {shown}/linked", secret.display());
    for way in [
        &link,
        &format!("hard-link {shown}/../out/secret {shown}/linked"),
    ] {
        assert!(tell(&running, way).await.is_err(), "{way}");
        assert!(!inside.join("linked").exists(), "{way}");
    }
    // The same file, by its own name, once that is granted.
    only_with(
        &running,
        &format!("read-file {}", secret.display()),
        |grants| {
            grants.host.files.insert(directory(&outside, false));
        },
    )
    .await;
    only_with(&running, "read-file /proc/version", |grants| {
        grants
            .host
            .files
            .insert(directory(Path::new("/proc"), false));
    })
    .await;
    // To read is not to write.
    let write = format!("write-file {shown}/new x");
    running
        .regrant(|rights| rights.grants.host.files = [directory(&inside, false)].into())
        .await;
    assert!(tell(&running, &write).await.is_err());
    running
        .regrant(|rights| rights.grants.host.files = [directory(&inside, true)].into())
        .await;
    // An empty answer is no message.
    let written = tell(&running, &write).await.unwrap_err();
    assert!(written.contains("an empty body"), "{written}");
    assert!(inside.join("new").exists());
}

#[tokio::test]
async fn the_environment_is_what_is_granted() {
    let variable = "CARGO_MANIFEST_DIR";
    let running = bare().await;
    let command = format!("env {variable}");
    for _ in 0..2 {
        assert_eq!(tell(&running, &command).await.unwrap(), "(none)");
        running
            .regrant(|rights| rights.grants.host.environment = [variable.to_owned()].into())
            .await;
        assert_eq!(
            tell(&running, &command).await.unwrap(),
            env!("CARGO_MANIFEST_DIR")
        );
        running
            .regrant(|rights| rights.grants.host.environment.clear())
            .await;
    }
}

#[tokio::test]
async fn a_host_a_port_and_where_it_redirects_to_are_granted_each() {
    let private = web::serving(vec![web::file(b"private")]);
    let public = web::serving(vec![web::redirect(&format!("{private}/0"))]);
    let address = |url: &str| url.replace("http://", "");
    let running = bare().await;
    let get = format!("http {private}/0");
    only_with(&running, &get, |grants| {
        grants.host.http.insert(address(&private).parse().unwrap());
    })
    .await;
    // Neither another port nor another name of that address will do.
    let elsewhere = address(&private).replace("127.0.0.1", "localhost");
    running
        .regrant(|rights| {
            rights.grants.host.http = [
                address(&public).parse().unwrap(),
                elsewhere.parse().unwrap(),
            ]
            .into();
        })
        .await;
    assert!(tell(&running, &get).await.is_err());
    let followed = format!("http {public}/0");
    let error = tell(&running, &followed).await.unwrap_err();
    assert!(error.contains("denied"), "{error}");
    only_with(&running, &followed, |grants| {
        grants.host.http.insert(address(&private).parse().unwrap());
    })
    .await;
    let sockets = format!("tcp {}", address(&private));
    assert!(tell(&running, &sockets).await.is_err());
}

#[tokio::test]
async fn a_request_under_way_ends_with_its_grant() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nso far"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, was_asked) = oneshot::channel();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 16];
            stream.read_exact(&mut head).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            asked.send(()).unwrap();
            // Until the other side is gone.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        });
        let running = Arc::new(bare().await);
        let pattern = address.to_string();
        running
            .regrant(|rights| {
                rights.grants.host.http.insert(pattern.parse().unwrap());
            })
            .await;
        let asking = {
            let running = Arc::clone(&running);
            tokio::spawn(async move { tell(&running, &format!("http http://{pattern}/")).await })
        };
        was_asked.await.unwrap();
        running
            .regrant(|rights| rights.grants.host.http.clear())
            .await;
        let ended = tokio::time::timeout(SOON / 2, asking).await;
        let error = ended.unwrap().unwrap().unwrap_err();
        assert!(!error.contains("did not answer"), "{error}");
        tokio::time::timeout(SOON, server).await.unwrap().unwrap();
        // The code behind the instance went on.
        assert_eq!(tell(&running, "calls").await.unwrap(), "2");
    }
}

#[tokio::test]
async fn a_call_that_holds_a_directory_ends_with_its_grant() {
    let folder = tempfile::tempdir().unwrap();
    let running = Arc::new(bare().await);
    running
        .regrant(|rights| {
            rights
                .grants
                .host
                .files
                .insert(directory(folder.path(), true));
        })
        .await;
    assert_eq!(tell(&running, "calls").await.unwrap(), "1");
    let (started, has_started) = oneshot::channel();
    let sleeping = {
        let running = Arc::clone(&running);
        tokio::spawn(async move {
            let draft = draft("sleep-ms 60000", "b");
            let call = running.instance.filter(&draft, SOON);
            let mut call = std::pin::pin!(call);
            let first = futures_util::poll!(&mut call);
            assert!(first.is_pending());
            started.send(()).unwrap();
            call.await
        })
    };
    has_started.await.unwrap();
    running
        .regrant(|rights| rights.grants.host.files.clear())
        .await;
    let ended = tokio::time::timeout(SOON / 2, sleeping).await;
    let ended = ended.unwrap().unwrap();
    assert!(
        matches!(ended, Err(CallError::TakenBack { .. })),
        "{ended:?}"
    );
    // The next call has another one.
    assert_eq!(tell(&running, "calls").await.unwrap(), "1");
    let list = format!("list-dir {}", folder.path().display());
    assert!(tell(&running, &list).await.is_err());
}
