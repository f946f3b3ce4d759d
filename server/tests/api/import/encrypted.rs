//! Moving in from a PostgreSQL that speaks TLS with a certificate that no browser trusts.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use mortise_server::import;

use super::{
    Quiet,
    database::{SMALL, Version},
    gotify,
    postgres::{Cluster, NOBODY, choices_at},
};

/// Users of TCP must speak TLS.
const ACCESS: &str = "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n";

fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/api/serving")
        .join(name)
}

#[tokio::test]
async fn sslmode_decides_whom_an_import_trusts() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let cluster = Cluster::start_with(port, |folder| {
        let owned = |name: &str, bytes: &[u8]| {
            let path = folder.join("data").join(name);
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            if rustix::process::geteuid().is_root() {
                std::os::unix::fs::chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        };
        owned("server.crt", &fs::read(file("one.pem")).unwrap());
        owned("server.key", &fs::read(file("one.key")).unwrap());
        owned("pg_hba.conf", ACCESS.as_bytes());
        drop(listener);
        vec![
            "-cssl=on".to_owned(),
            "-clisten_addresses=127.0.0.1".to_owned(),
        ]
    })
    .await;
    let (theirs, database) = gotify(Version::Three, SMALL).await;
    cluster.copy_of("three", &database, Version::Three).await;
    let imported = async |words: &str| {
        let here = tempfile::tempdir().unwrap();
        let words = format!("port={port} {words}");
        let chosen = choices_at(&words, "three", here.path(), theirs.path());
        let report = import::import(&chosen, &Quiet).await;
        report
            .map(|report| report.messages.added)
            .map_err(|error| error.to_string())
    };
    let (one, two) = (file("one.pem"), file("two.pem"));
    let root = |path: &Path| format!("sslrootcert='{}'", path.display());

    // Encrypted, for anybody's certificate.
    for words in [
        "host=localhost sslmode=require",
        "host=127.0.0.1 sslmode=prefer",
    ] {
        assert_eq!(imported(words).await, Ok(500), "{words}");
    }
    // For the named one alone, and its host.
    let known = format!("host=localhost sslmode=verify-full {}", root(&one));
    assert_eq!(imported(&known).await, Ok(500));
    let by_address = format!("host=127.0.0.1 sslmode=verify-ca {}", root(&one));
    assert_eq!(imported(&by_address).await, Ok(500));
    for words in [
        "host=localhost sslmode=verify-full".to_owned(),
        format!("host=localhost sslmode=verify-full {}", root(&two)),
        format!("host=localhost sslmode=verify-ca {}", root(&two)),
        format!("host=127.0.0.1 sslmode=verify-full {}", root(&one)),
    ] {
        let error = imported(&words).await.unwrap_err();
        assert!(error.contains("sslrootcert"), "{words}: {error}");
    }
    // Not at all, which this server does not accept.
    let error = imported("host=127.0.0.1 sslmode=disable")
        .await
        .unwrap_err();
    assert!(error.contains("no encryption"), "{error}");
    cluster.stop().await;
}
