//! Broken files in the plugins folder and in the cache.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use mortise_tests::{
    components::{component, plugin},
    server::{Data, Server, body, run},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{RULES, assert_all_well, enable_rules, install_rules};

/// A file that is no plugin, and what its report has to say.
struct Broken {
    name: &'static str,
    bytes: Vec<u8>,
    step: &'static str,
    found: &'static str,
    fix: &'static str,
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A plugin whose `manifest.describe` does this.
fn describing(code: &str) -> Vec<u8> {
    let module = format!(
        r#"(module
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func (export "mortise:plugin/manifest@0.2.0#describe") (result i32) {code}))"#
    );
    component("export mortise:plugin/manifest@0.2.0;", &module).unwrap()
}

fn broken() -> Vec<Broken> {
    let good = plugin("org.example.whole", "", "").unwrap();
    let cut = good[..good.len() / 2].to_vec();
    #[rustfmt::skip]
    let all = [
        ("README.txt", b"about these plugins\n".to_vec(), "decode", "text file", "move it out"),
        ("empty.wasm", Vec::new(), "decode", "an empty file", "move it out"),
        ("core.wasm", wat("(module)"), "decode", "a core WebAssembly module", "wasm32-wasip2"),
        ("cut.wasm", cut, "compile", "", "copy the file again"),
        ("bare.wasm", wat("(component)"), "link", "exports nothing", "wit/"),
        ("newer.wasm", wat(r#"(component (import "mortise:plugin/log@0.9.0" (instance)))"#), "link", "mortise:plugin/log@0.9.0", "update Mortise"),
        ("alien.wasm", wat(r#"(component (import "acme:db/query@1.0.0" (instance)))"#), "link", "acme:db/query@1.0.0", "remove the import"),
        ("traps.wasm", describing("unreachable"), "describe", "unreachable", "constants"),
        ("loops.wasm", describing("(loop $l (br $l)) unreachable"), "describe", "within 5s", "constants"),
        // What a language does when there is no more memory.
        ("hungry.wasm", describing("(if (i32.eq (memory.grow (i32.const 16384)) (i32.const -1)) (then unreachable)) (i32.const 0)"), "describe", "bytes of memory", "constants"),
        ("nameless.wasm", plugin("", "", "").unwrap(), "check", "nothing", "correct `id`"),
        ("upper.wasm", plugin("Org.Example", "", "").unwrap(), "check", "Org.Example", "correct `id`"),
    ];
    all.into_iter()
        .map(|(name, bytes, step, found, fix)| Broken {
            name,
            bytes,
            step,
            found,
            fix,
        })
        .collect()
}

/// Returns the report of `mortise plugin check --json` for a file that does not
/// load.
fn check(file: &Path) -> Value {
    let output = run([
        "plugin".as_ref(),
        "check".as_ref(),
        "--json".as_ref(),
        file.as_os_str(),
    ]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn says(report: &Value, part: &str, text: &str) {
    let said = report[part].as_str().unwrap();
    assert!(said.contains(text), "{part} of {report} lacks `{text}`");
}

#[test]
fn each_broken_file_has_its_report() {
    let data = Data::new();
    for broken in broken() {
        let report = check(&data.plugin(broken.name, &broken.bytes));
        assert_eq!(report["step"], broken.step, "{report}");
        says(&report, "file", broken.name);
        says(&report, "found", broken.found);
        says(&report, "fix", broken.fix);
    }
    let report = check(&data.path().join("plugins").join("absent.wasm"));
    assert_eq!(report["step"], "read", "{report}");
}

/// The reports in full, for a reader of their next change.
#[test]
fn reports_are_the_ones_on_record() {
    let data = Data::new();
    let mut reports = String::new();
    for broken in broken() {
        let file = data.plugin(broken.name, &broken.bytes);
        let output = run(["plugin".as_ref(), "check".as_ref(), file.as_os_str()]);
        let folder = file.parent().unwrap().to_str().unwrap();
        let report = String::from_utf8(output.stdout).unwrap();
        writeln!(reports, "{}", report.replace(folder, "plugins")).unwrap();
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("reports", reports);
    });
}

#[tokio::test]
async fn a_folder_full_of_broken_files_stops_neither_server_nor_plugin() {
    let data = Data::new();
    install_rules(&data);
    let mut files = vec!["second.wasm"];
    for broken in broken() {
        data.plugin(broken.name, &broken.bytes);
        files.push(broken.name);
    }
    // Comes after `rules.wasm`, so it is the one to be refused.
    data.plugin("second.wasm", &plugin(RULES, "", "").unwrap());
    std::fs::create_dir(data.path().join("plugins").join("folder")).unwrap();
    data.plugin(".hidden", b"nothing");

    let server = data.serve().await;
    let problems = server.admin(Method::GET, "/plugin/problems").send().await;
    let problems = body(problems.unwrap()).await;
    let mut reported: Vec<String> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| {
            let file = Path::new(problem["file"].as_str().unwrap());
            file.file_name().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    reported.sort();
    files.sort_unstable();
    assert_eq!(reported, files, "{problems}");
    let log = server.log();
    for file in files {
        assert!(log.contains(file), "the log does not name {file}:\n{log}");
    }
    enable_rules(&server).await;
    let token = server.application("backup").await;
    assert_all_well(&server, &token).await;
    server.stop().await;
}

#[tokio::test]
async fn cached_code_that_was_changed_is_not_run() {
    let data = Data::new();
    install_rules(&data);
    let server = data.serve().await;
    enable_rules(&server).await;
    let token = server.application("backup").await;
    server.stop().await;

    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.clear(),
        |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        },
        |bytes| *bytes = b"#!/bin/sh\n".to_vec(),
    ];
    for damage in damages {
        let entries = cache_entries(&data);
        assert!(!entries.is_empty(), "nothing was cached");
        for entry in &entries {
            let mut bytes = std::fs::read(entry).unwrap();
            damage(&mut bytes);
            std::fs::write(entry, &bytes).unwrap();
        }
        let server = data.serve().await;
        // The server serves while the plugin is compiled anew.
        let begun = std::time::Instant::now();
        while title(&server, &token).await != "marked" {
            assert!(begun.elapsed().as_secs() < 60, "the filter never came up");
        }
        assert_all_well(&server, &token).await;
        server.stop().await;
    }
}

/// Sends a message and returns the title with which it was stored.
async fn title(server: &Server, token: &str) -> String {
    let message = json!({"title": "keep", "message": "is all well?"});
    let sent = body(server.send(token, &message).await).await;
    sent["title"].as_str().unwrap().to_owned()
}

/// The files that hold compiled code.
fn cache_entries(data: &Data) -> Vec<PathBuf> {
    let mut folders = vec![data.path().join("cache")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.metadata().unwrap().len() > 4096 {
                // The key is a file too, and small.
                files.push(path);
            }
        }
    }
    files
}
