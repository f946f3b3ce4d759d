//! Replays the fuzzer's corpus in every run of the tests. See `fuzz/README.md`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

#[path = "../../fuzz/drive.rs"]
mod drive;

/// Hands every file of a target's corpus to it, and says which one it was that
/// panicked.
#[expect(clippy::print_stdout, reason = "shown when a test fails")]
fn replay(target: &str, drive: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut files = 0;
    for entry in folder.read_dir().unwrap() {
        let file = entry.unwrap().path();
        println!("{}", file.display());
        drive(&std::fs::read(&file).unwrap());
        files += 1;
    }
    assert!(files > 5, "{} is nearly empty", folder.display());
}

#[test]
fn connections_of_the_corpus_are_survived() {
    replay("connection", drive::connection);
}

#[test]
fn values_of_the_corpus_are_written_as_they_were_read() {
    replay("values", drive::values);
}
