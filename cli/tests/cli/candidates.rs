//! Names that stand for no plugin, or for several: the error lists the candidates.

use std::io::{BufRead as _, BufReader};

use mortise_fixtures::components;

use super::{
    mortise,
    serve::{Binary, serve},
    text,
};

/// Commands about an installed plugin, for an administrator and for a user.
const COMMANDS: [&str; 14] = [
    "status",
    "reload",
    "denials",
    "logs",
    "enable",
    "disable",
    "config",
    "display",
    "timers",
    "listener",
    "dead-letters",
    "trace",
    "replay",
    "uninstall",
];

#[test]
fn an_error_about_a_plugin_s_name_lists_the_candidates() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = text(directory.path());
    let mut server = Binary(serve(directory.path()).arg("--json").spawn().unwrap());
    let mut ready = String::new();
    BufReader::new(server.0.stdout.take().unwrap())
        .read_line(&mut ready)
        .unwrap();
    let plugin = |arguments: &[&str]| {
        let all = [&["plugin"][..], arguments, &["--data-dir", data_dir][..]].concat();
        mortise(&all)
    };
    let refused = |arguments: &[&str]| {
        let output = plugin(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    };

    for command in COMMANDS {
        let said = refused(&[command, "snow"]);
        assert!(said.contains("no plugin `snow` is installed"), "{said}");
        assert!(said.contains("mortise plugin install --help"), "{said}");
    }
    let ids = ["org.example.rain", "org.example.wind"];
    for id in ids {
        let file = directory.path().join(format!("{id}.wasm"));
        std::fs::write(&file, components::plugin(id, "", "").unwrap()).unwrap();
        let output = plugin(&["install", text(&file)]);
        assert!(output.status.success(), "{output:?}");
    }
    let lists = |said: &str, begin: &str| {
        assert!(said.contains(begin), "{said}");
        assert!(ids.iter().all(|id| said.contains(id)), "{said}");
    };
    for command in COMMANDS {
        lists(&refused(&[command, "snow"]), "installed: ");
        lists(&refused(&[command, "example"]), "is a part of 2 ids: ");
    }
    lists(&refused(&["try", "snow", "a message"]), "installed: ");
    let said = refused(&["filters", "--order", "snow"]);
    assert!(said.contains("no installed plugin is a filter"), "{said}");
}
