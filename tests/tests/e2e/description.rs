//! Requests that schemathesis makes from the server's description of its API: none is
//! the server's failure, and each answer is as described.

use std::{process::Stdio, time::Duration};

use mortise_tests::server::{Data, PASSWORD, USER};
use tokio::process::Command;

use crate::clients::client;

/// Streams have no end, and the others would take the administrator's login away.
const LEFT_OUT: &str = "^/(stream|events|user|current/user/password|auth)";

#[tokio::test]
async fn answers_are_as_described() {
    let data = Data::new();
    let server = data.serve().await;
    let schemathesis = client("MORTISE_TEST_PYTHON").with_file_name("st");
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(schemathesis);
    command
        .args(["run", &format!("{}/openapi.json", server.url())])
        .args(["--auth", &format!("{USER}:{PASSWORD}")])
        .args(["--exclude-path-regex", LEFT_OUT])
        .args([
            "--checks",
            "not_a_server_error,content_type_conformance,response_schema_conformance",
        ])
        .args(["--max-examples", "5", "--max-time", "40"])
        .args(["--request-timeout", "20"])
        .args(["--generation-deterministic", "--no-color"])
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(180), command.output());
    let output = output.await.expect("schemathesis does not end").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}:\n{said}", output.status);
    assert!(said.contains("generated"), "{said}");
    server.assert_healthy().await;
    server.stop().await;
}
