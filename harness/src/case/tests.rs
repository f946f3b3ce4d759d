//! Reading cases: errors report their line.

use std::path::Path;

use mortise_runtime::types::Application;

use super::{Case, Variables, step::Action};

fn parse(text: &str) -> Result<Vec<Case>, String> {
    Case::parse(Path::new("cases/a.yaml"), text).map_err(|error| error.to_string())
}

#[test]
fn documents_are_cases_and_know_their_lines() {
    let text = "# A comment.\n\nname: one\nsteps:\n- start\n---\n# Another.\n---\nname: two\n---\n";
    let cases = parse(text).unwrap();
    let known: Vec<_> = cases
        .iter()
        .map(|case| (case.name(), case.line()))
        .collect();
    assert_eq!(known, [("one", 3), ("two", 9)]);
    let plan = cases[0].plan(&Variables::placeholders()).unwrap();
    assert_eq!(plan.steps[0].referenced.line(), 5);
}

#[test]
fn a_message_for_the_filter_may_have_a_time_of_its_own() {
    let text = "name: a\nsteps:\n- filter: { received_ms: 5 }\n- filter: {}\n";
    let plan = parse(text).unwrap()[0]
        .plan(&Variables::placeholders())
        .unwrap();
    let times = plan.steps.iter().map(|step| {
        let Action::Filter(spec) = &step.value.action else {
            panic!("it is a filter")
        };
        let application = Application {
            id: 1,
            name: "a".to_owned(),
        };
        spec.draft(application, 9).received_ms
    });
    assert_eq!(times.collect::<Vec<_>>(), [5, 9]);
}

#[test]
fn a_step_is_a_name_or_a_map() {
    let cases = parse(
        "name: a
steps:
- describe
- idle:
- stop: shutting_down
- display:
  expect: { text: x }
- webhook: { body: { repeat: { text: ab, times: 3 } } }
- messages: { title: one }
- messages: [{ title: one }, { title: two }]
- advance: 1h 30m
- filter: { title: t }
  expect: keep
",
    )
    .unwrap();
    let plan = cases[0].plan(&Variables::placeholders()).unwrap();
    let names: Vec<_> = plan
        .steps
        .iter()
        .map(|step| step.value.action.name())
        .collect();
    assert_eq!(
        names,
        [
            "describe", "idle", "stop", "display", "webhook", "messages", "messages", "advance",
            "filter"
        ]
    );
    let Action::Webhook(webhook) = &plan.steps[4].value.action else {
        panic!("it is a webhook")
    };
    assert_eq!(webhook.request().body, b"ababab");
    let Action::Messages(messages) = &plan.steps[6].value.action else {
        panic!("they are messages")
    };
    assert_eq!(messages.len(), 2);
}

#[test]
fn what_is_wrong_is_told_with_file_and_line() {
    for (text, line, what) in [
        ("nam: a\n", 1, "nam"),
        ("name: ''\n", 1, "empty name"),
        ("name: a\nstep: []\n", 2, "step"),
        (
            "name: a\nsteps:\n- start\n- strat\n",
            4,
            "`strat` alone is not a step",
        ),
        (
            "name: a\nsteps:\n- start:\n  idle:\n",
            3,
            "`start` and `idle`",
        ),
        (
            "name: a\nsteps:\n- expect: { status: 200 }\n",
            3,
            "does none",
        ),
        (
            "name: a\nsteps:\n- filter: {}\n  expect: { status: 200 }\n",
            3,
            "`status` cannot be expected of `filter`",
        ),
        (
            "name: a\nsteps:\n- webhook: { body: x, bdy: y }\n",
            3,
            "bdy",
        ),
        (
            "name: a\nsteps:\n- webhook\n- webhook:\n  expect: { body: { contain: x } }\n",
            5,
            "contain",
        ),
        (
            "name: a\nsteps:\n- webhook:\n  expect: { body: 1.10 }\n",
            4,
            "put it in quotes",
        ),
        (
            "name: a\nsteps:\n- webhook:\n  expect: { body: { matches: '(' } }\n",
            4,
            "unclosed group",
        ),
        (
            "name: a\nsteps:\n- start:\n  expect: { timers: { a: { every_ms: 1, zon: UTC } } }\n",
            4,
            "zon",
        ),
        (
            "name: a\nsteps:\n- start:\n  expect: { timers: { a: { zone: UTC } } }\n",
            4,
            "one schedule",
        ),
        ("name: a\nsteps:\n- advance: 5 parsecs\n", 3, "`5 parsecs`"),
        ("name: a\nnow: yesterday\n", 2, "`yesterday`"),
        ("name: a\nwithout: everything\n", 2, "everything"),
        ("name: a\ngrants: { htttp: [a] }\n", 2, "htttp"),
        (
            "name: a\nhttp:\n- { request: /x, respond: {} }\n",
            3,
            "`/x`",
        ),
        ("name: a\nfiles: { ../b: x }\n", 1, "`../b`"),
        ("name: a\nconfig: ${htp}\n", 2, "http-host"),
        ("name: a\n---\nname: b\nsteps: 3\n", 4, ""),
        (
            "name: a\nexpect: { status: 200 }\n",
            1,
            "`status` cannot be expected",
        ),
    ] {
        let error = parse(text).unwrap_err();
        let place = format!("cases/a.yaml:{line}: ");
        assert!(error.starts_with(&place), "{text}: {error}");
        assert!(error.contains(what), "{text}: {error}");
    }
}

#[test]
fn folders_are_read_in_order_and_names_are_unique() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    assert!(
        Case::load(folder.path())
            .unwrap_err()
            .to_string()
            .contains("no cases")
    );
    write("b.yaml", "name: two\n");
    write("a.yml", "name: one\n");
    write("notes.md", "not a case");
    let cases = Case::load(folder.path()).unwrap();
    let names: Vec<_> = cases.iter().map(Case::name).collect();
    assert_eq!(names, ["one", "two"]);
    write("c.yaml", "\nname: one\n");
    let error = Case::load(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("c.yaml:2") && error.contains("a.yml:1"),
        "{error}"
    );
    assert!(Case::load(&folder.path().join("none")).is_err());
}
