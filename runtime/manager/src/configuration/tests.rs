use serde_json::{Value, json};

use super::{Format, Texts};

fn texts(schema: Value, defaults: &str) -> Texts {
    Texts {
        schema: Some(schema.to_string()),
        defaults: defaults.to_owned(),
    }
}

fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["name"],
        "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "maxLength": 5 },
            "port": { "type": "integer", "minimum": 1, "maximum": 65535 },
            "loud": { "type": "boolean" },
            "key": { "type": "string", "writeOnly": true, "minLength": 8 },
            "proxy": { "anyOf": [{ "$ref": "#/$defs/proxy" }, { "type": "null" }] },
            "users": { "type": "array", "items": { "$ref": "#/$defs/user" } },
        },
        "$defs": {
            "proxy": { "type": "object", "properties": { "port": { "type": "integer" } } },
            "user": {
                "type": "object",
                "properties": {
                    "name": { "type": "string" },
                    "password": { "type": "string", "format": "password" },
                },
            },
        },
    })
}

/// Path, line and column of each problem, and its text.
fn found(text: &str) -> Vec<(String, u64, u64, String)> {
    let problems = texts(schema(), "name: a\n").form(text).problems.into_iter();
    problems
        .map(|problem| (problem.path, problem.line, problem.column, problem.text))
        .collect()
}

#[test]
fn a_good_text_has_no_problems_whatever_its_form() {
    for text in [
        "# mine\nname: ada   # of all\nport: 80\n",
        r#"{"name": "ada", "users": [{"name": "b"}]}"#,
        "name: &n ada\nusers:\n- name: *n\n",
        "name: 5\nloud: yes\nproxy:\n",
        "name: ada\nproxy:\n  port: 1\n",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn problems_name_path_line_and_column() {
    let text = "# a comment\nname: too long a name\nport: 99999\nwhat: 1\nproxy:\n  port: x\n\
                users:\n- name: a\n- name: [1]\n";
    let mut places: Vec<_> = found(text)
        .into_iter()
        .map(|(path, line, column, _)| (path, line, column))
        .collect();
    places.sort();
    let expected = [
        ("/name", 2, 1),
        ("/port", 3, 1),
        ("/proxy/port", 6, 3),
        ("/users/1/name", 9, 3),
        ("/what", 4, 1),
    ];
    let expected = expected.map(|(path, line, column)| (path.to_owned(), line, column));
    assert_eq!(places, expected);
}

#[test]
fn what_is_missing_is_told_where_it_belongs() {
    let [(path, line, column, text)] = &found("port: 1\n")[..] else {
        panic!("one problem is expected");
    };
    assert_eq!((path.as_str(), *line, *column), ("/name", 1, 1));
    assert_eq!(text, "`name` is required");
}

#[test]
fn a_fault_of_the_syntax_has_its_place() {
    let [(path, line, _, text)] = &found("name: a\nport: [1\nkey: x\n")[..] else {
        panic!("one problem is expected");
    };
    assert_eq!(path, "");
    assert!((2..=4).contains(line), "{line}");
    assert!(text.starts_with("it is no YAML"), "{text}");
}

#[test]
fn secrets_are_neither_shown_nor_repeated() {
    let text = "name: ada\nkey: hunter2\nusers:\n- {name: b, password: swordfish}\n- {name: c}\n";
    let form = texts(schema(), "").form(text);
    assert_eq!(form.secrets, ["/key", "/users/0/password"]);
    let values = form.values.clone().unwrap();
    assert_eq!(
        values,
        json!({ "name": "ada", "users": [{ "name": "b" }, { "name": "c" }] })
    );
    assert_eq!(form.problems[0].path, "/key", "{form:?}");
    let shown = serde_json::to_string(&form).unwrap();
    assert!(
        !shown.contains("hunter2") && !shown.contains("swordfish"),
        "{shown}"
    );
}

#[test]
fn a_secret_of_another_type_or_branch_is_one() {
    let schema = json!({
        "properties": {
            "a": { "oneOf": [{ "type": "string" }, { "type": "object", "writeOnly": true }] },
            "b": { "type": "array", "items": { "allOf": [{ "format": "password" }] } },
            "c": { "if": { "type": "string" }, "then": { "$ref": "#/$defs/~1x" } },
        },
        "additionalProperties": { "writeOnly": true },
        "$defs": { "/x": { "format": "password" } },
    });
    let text = "a: { x: 1 }\nb: [1, 2]\nc: x\nd/e: y\n";
    let form = texts(schema, "").form(text);
    assert_eq!(form.secrets, ["/a", "/b/0", "/b/1", "/c", "/d~1e"]);
    assert_eq!(form.values.unwrap(), json!({ "b": [null, null] }));
}

#[test]
fn what_is_no_yaml_by_its_defaults_is_left_to_the_plugin() {
    let toml = texts(schema(), "# defaults\nname = \"a\"\n[proxy]\nport = 1\n");
    let form = toml.form("name = 1\n");
    assert_eq!((form.format, form.problems), (Format::Text, vec![]));
    // Where the defaults say nothing, the text does.
    let open = texts(schema(), "# name: who\n");
    assert_eq!(open.form("port = 1\n").format, Format::Text);
    assert_eq!(open.form("port: 1\n").problems.len(), 1);
    assert_eq!(open.form("# nothing\n").problems, []);
    let without = Texts::default();
    let form = without.form("a: [\n");
    assert_eq!((form.format, form.problems), (Format::Yaml, vec![]));
}

#[test]
fn a_schema_that_cannot_be_used_refuses_nothing() {
    let long = "x".repeat(300 << 10);
    let (mut deep, mut doubling) = (json!(true), json!({}));
    for level in 0..200 {
        deep = json!({ "not": deep });
        let next = format!("#/$defs/d{}", level + 1);
        doubling[format!("d{level}")] = json!({ "allOf": [{ "$ref": next }, { "$ref": next }] });
    }
    doubling["d200"] = json!({});
    let recursive = json!({ "$ref": "#/$defs/a", "$defs": {
        "a": { "anyOf": [{ "$ref": "#/$defs/b" }] }, "b": { "allOf": [{ "$ref": "#/$defs/a" }] } } });
    let schemas = [
        "{".to_owned(),
        "[]".to_owned(),
        long,
        deep.to_string(),
        json!({ "type": "nothing" }).to_string(),
        json!({ "$ref": "#" }).to_string(),
        json!({ "$ref": "#/$defs/none" }).to_string(),
        json!({ "$ref": "file:///etc/passwd" }).to_string(),
        json!({ "$ref": "https://example.org/schema.json" }).to_string(),
        json!({ "$schema": "https://example.org/meta.json" }).to_string(),
        json!({ "allOf": [{ "$dynamicRef": "#" }] }).to_string(),
        json!({ "properties": { "a": { "$id": "b" } } }).to_string(),
        json!({ "pattern": "(a" }).to_string(),
        json!({ "pattern": "(?=a)b" }).to_string(),
        json!({ "pattern": "(((a{100}){100}){100}){100}" }).to_string(),
        recursive.to_string(),
        json!({ "$ref": "#/$defs/d0", "$defs": doubling }).to_string(),
    ];
    for schema in schemas {
        let shown = schema.get(..60).unwrap_or(&schema).to_owned();
        let begun = std::time::Instant::now();
        let form = Texts {
            schema: Some(schema),
            defaults: "name: a\n".to_owned(),
        }
        .form("name: 1\n");
        assert!(form.schema_problem.is_some(), "{shown}: {form:?}");
        assert_eq!(form.problems, [], "{shown}");
        assert!(begun.elapsed().as_secs() < 10, "{shown}");
    }
}

#[test]
fn a_schema_that_repeats_itself_over_a_deep_text_is_bounded() {
    let both = json!({ "properties": { "a": { "$ref": "#" } } });
    let schema = json!({ "allOf": [both, both, both] });
    let text = format!("{}{}", "{a: ".repeat(18), "}".repeat(18));
    let begun = std::time::Instant::now();
    let form = texts(schema, "a: {}\n").form(&text);
    assert!(form.schema_problem.is_some(), "{form:?}");
    assert!(begun.elapsed().as_secs() < 10);
}

#[test]
fn a_text_is_bounded() {
    let bomb = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n\
                c: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\n\
                e: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\n\
                g: [*f,*f,*f,*f,*f,*f,*f,*f]\nname: a\n";
    let deep = format!("name: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    let wide = format!("name: [{}]", "1,".repeat(400_000));
    for text in [bomb, &deep, &wide] {
        let begun = std::time::Instant::now();
        let problems = found(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(begun.elapsed().as_secs() < 20);
    }
    let many: String = (0..5000).map(|n| format!("x{n}: 1\n")).collect();
    assert_eq!(found(&many).len(), super::PROBLEMS);
}
