//! `mortise check`, beside a running server and on a damaged database.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{mortise, text};

#[test]
fn a_database_is_checked_while_its_server_runs_and_faults_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = text(folder.path());
    let check = |more: &[&str]| {
        let output = mortise(&[&["check", "--data-dir", data_dir], more].concat());
        let said = String::from_utf8(output.stdout).unwrap();
        (
            output.status.code(),
            said,
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let json = || {
        let (code, said, _) = check(&["--json"]);
        (code, serde_json::from_str::<Value>(&said).unwrap())
    };
    let (code, _, error) = check(&[]);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("it has no mortise.db; name it with --data-dir"),
        "{error}"
    );

    let mut server = Command::new(env!("CARGO_BIN_EXE_mortise"))
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--json",
            "--data-dir",
            data_dir,
        ])
        .env("RUST_LOG", "off")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let beside = (check(&[]), json());
    server.kill().unwrap();
    server.wait().unwrap();
    let database = folder.path().join("mortise.db");
    let ((code, said, error), (json_code, answer)) = beside;
    assert_eq!(said, format!("ok {}\n", database.display()), "{error}");
    assert_eq!((code, json_code), (Some(0), Some(0)));
    assert_eq!(
        answer,
        json!({ "ok": true, "database": database, "faults": [] })
    );

    // Without the log of the killed server, which would mend the file.
    std::fs::remove_file(folder.path().join("mortise.db-wal")).unwrap();
    std::fs::write(&database, "not a database".repeat(1000)).unwrap();
    let (code, said, _) = check(&[]);
    assert_eq!(code, Some(1));
    for word in [
        "damaged ",
        "  fault  file is not a database",
        "mortise restore",
    ] {
        assert!(said.contains(word), "{said}");
    }
    let (code, answer) = json();
    assert_eq!((code, &answer["ok"]), (Some(1), &json!(false)), "{answer}");
    assert_eq!(answer["faults"], json!(["file is not a database"]));
}
