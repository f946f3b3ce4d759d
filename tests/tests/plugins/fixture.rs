//! Plugins in WebAssembly text, each with just the behaviour a test needs.
//! Every function logs or answers something that a test can see.

use std::time::Duration;

use mortise_tests::components::{ZEROS, component};

/// A permission that a fixture asks for, by its place in the contract's
/// variant, with the names it holds.
pub(crate) type Want = (u8, Option<&'static [&'static str]>);

pub(crate) const SEND: Want = (0, None);
pub(crate) const READ_ALL: Want = (1, Some(&["*"]));
pub(crate) const READ_BACKUP: Want = (1, Some(&["backup"]));
pub(crate) const FILTER: Want = (2, None);
pub(crate) const WEBHOOK: Want = (3, None);
pub(crate) const TIMERS: Want = (8, None);

/// One behaviour: its additions to the world, and its functions.
pub(crate) struct Part {
    world: &'static str,
    functions: String,
}

/// A component with this id and name that asks for these permissions.
pub(crate) fn plugin(id: &str, wants: &[Want], parts: &[Part]) -> Vec<u8> {
    let mut data = Data::default();
    let manifest = data.manifest(id, wants);
    let mut world = String::from("export mortise:plugin/manifest@0.2.0;");
    let mut imports = String::new();
    let mut functions = String::new();
    for part in parts {
        for item in part.world.split_inclusive(';') {
            if !world.contains(item.trim()) {
                world.push_str(item);
            }
        }
        for line in part.functions.lines() {
            let line = line.trim();
            let into = if line.starts_with("(import") {
                &mut imports
            } else {
                &mut functions
            };
            if !(line.starts_with("(import") && into.contains(line)) {
                into.push_str(line);
                into.push('\n');
            }
        }
    }
    let module = format!(
        r#"(module
        {imports}
        (memory (export "memory") 2)
        (global $free (mut i32) (i32.const 65536))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
            (global.set $free (i32.add (local.get $at) (local.get 3)))
            (block $fits
                (br_if $fits (i32.le_u (global.get $free)
                    (i32.mul (memory.size) (i32.const 65536))))
                (drop (memory.grow
                    (i32.add (i32.div_u (local.get 3) (i32.const 65536)) (i32.const 1)))))
            (local.get $at))
        (func (export "mortise:plugin/manifest@0.2.0#describe") (result i32)
            (i32.const {manifest}))
        {data}
        {functions}
        )"#,
        data = data.segment(DATA),
    );
    component(&world, &module).unwrap_or_else(|error| panic!("{error:#}\n{module}"))
}

/// The address of a fixture's constants.
const DATA: u32 = 1024;
/// The address of the parts' texts, 256 bytes each.
const TEXTS: u32 = 16384;
/// The address of the functions' results, 64 bytes each.
const ANSWERS: u32 = 24576;

#[derive(Default)]
struct Data(Vec<u8>);

impl Data {
    fn put(&mut self, bytes: &[u8]) -> u32 {
        while !self.0.len().is_multiple_of(8) {
            self.0.push(0);
        }
        let at = DATA + u32::try_from(self.0.len()).unwrap();
        self.0.extend(bytes);
        at
    }

    /// Pointer and length of a text.
    fn text(&mut self, text: &str) -> [u32; 2] {
        [
            self.put(text.as_bytes()),
            u32::try_from(text.len()).unwrap(),
        ]
    }

    fn words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(&bytes)
    }

    fn manifest(&mut self, id: &str, wants: &[Want]) -> u32 {
        let mut requests = Vec::new();
        for (tag, names) in wants {
            let list = match names {
                None => [0, 0],
                Some(names) => {
                    let texts: Vec<u32> = names.iter().flat_map(|name| self.text(name)).collect();
                    [self.words(&texts), u32::try_from(names.len()).unwrap()]
                }
            };
            let reason = self.text("so that the test can see it");
            requests.extend([u32::from(*tag), list[0], list[1], reason[0], reason[1]]);
        }
        let list = self.words(&requests);
        let mut record = Vec::new();
        for text in [id, id, "1.0.0", "a fixture", "tests", "MIT", ""] {
            record.extend(self.text(text));
        }
        record.extend([list, u32::try_from(wants.len()).unwrap()]);
        self.words(&record)
    }

    fn segment(&self, at: u32) -> String {
        segment(at, &self.0)
    }
}

fn segment(at: u32, bytes: &[u8]) -> String {
    let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!("(data (i32.const {at}) \"{escaped}\")")
}

/// A `result<_, string>` that is an error, as a constant in the part's own
/// place: its address and the segment.
fn refusal(place: u32, text: &str) -> (u32, String) {
    let at = TEXTS + place * 256;
    let mut bytes = Vec::new();
    for word in [1, at + 12, u32::try_from(text.len()).unwrap()] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(text.as_bytes());
    (at, segment(at, &bytes))
}

const LOG: &str = r#"(import "mortise:plugin/log@0.2.0" "write" (func $log (param i32 i32 i32)))"#;

/// A filter with this body; it may use `$body` and `$length` of the message,
/// and `$answer`, which is a `keep`.
fn filter(body: &str) -> Part {
    Part {
        world: "export mortise:plugin/filter@0.2.0;",
        functions: format!(
            r#"(func (export "mortise:plugin/filter@0.2.0#filter")
            (param i64 i32 i32) (param $title i32) (param $title_length i32)
            (param $body i32) (param $length i32) (param $priority i32)
            (param i32 i32 i32) (param i64) (result i32)
            {body})"#
        ),
    }
}

/// A filter that puts its own text in place of the title.
pub(crate) fn titling(title: &str) -> Part {
    titling_after(title, "")
}

/// The same, but it logs `asked` first, and then takes this long.
pub(crate) fn titling_slowly(title: &str, takes: Duration) -> Part {
    let word = TEXTS + 8 * 256;
    let mut part = titling_after(
        title,
        &format!(
            "(local $end i64)
            (call $log (i32.const 2) (i32.const {word}) (i32.const 5))
            (local.set $end (i64.add (call $now) (i64.const {nanos})))
            (loop $spin (br_if $spin (i64.lt_u (call $now) (local.get $end))))",
            nanos = takes.as_nanos(),
        ),
    );
    part.world = "import mortise:plugin/log@0.2.0; import wasi:clocks/monotonic-clock@0.2.0; \
                  export mortise:plugin/filter@0.2.0;";
    part.functions = format!(
        r#"{LOG}
        (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
        {}
        {}"#,
        segment(word, b"asked"),
        part.functions
    );
    part
}

fn titling_after(title: &str, before: &str) -> Part {
    let (text, answer) = (TEXTS, ANSWERS);
    let mut part = filter(&format!(
        "{before}
        (i32.store (i32.const {answer}) (i32.const 0))
        (i32.store (i32.const {verdict}) (i32.const 1))
        (i32.store (i32.const {content}) (i32.const {text}))
        (i32.store offset=4 (i32.const {content}) (i32.const {length}))
        (i32.store offset=8 (i32.const {content}) (local.get $body))
        (i32.store offset=12 (i32.const {content}) (local.get $length))
        (i32.store offset=16 (i32.const {content}) (local.get $priority))
        (i32.store offset=20 (i32.const {content}) (i32.const 0))
        (i32.const {answer})",
        verdict = answer + 4,
        content = answer + 8,
        length = title.len(),
    ));
    part.functions.push('\n');
    part.functions.push_str(&segment(text, title.as_bytes()));
    part
}

/// A filter that drops every message as `unwanted`.
pub(crate) fn dropping() -> Part {
    let mut bytes = Vec::new();
    for word in [0, 2, TEXTS + 16, 8] {
        bytes.extend(u32::to_le_bytes(word));
    }
    bytes.extend(b"unwanted");
    let mut part = filter(&format!("(i32.const {TEXTS})"));
    part.functions.push('\n');
    part.functions.push_str(&segment(TEXTS, &bytes));
    part
}

/// A filter that keeps every message.
pub(crate) fn keeping() -> Part {
    filter(&format!("(i32.const {ZEROS})"))
}

/// A filter that traps.
pub(crate) fn trapping() -> Part {
    filter("unreachable")
}

/// A filter that never answers.
pub(crate) fn looping() -> Part {
    filter(&format!("(loop (br 0)) (i32.const {ZEROS})"))
}

/// A listener that logs the text of each message, and fails on one that begins
/// with this character.
pub(crate) fn listening(poison: char) -> Part {
    let (error, data) = refusal(1, "poison");
    Part {
        world: "import mortise:plugin/log@0.2.0; export mortise:plugin/listener@0.2.0;",
        functions: format!(
            r#"{LOG}
            {data}
            (func (export "mortise:plugin/listener@0.2.0#on-messages")
            (param $at i32) (param $count i32) (result i32)
            (block $done (loop $next
            (br_if $done (i32.eqz (local.get $count)))
            (if (i32.eq (i32.load8_u (i32.load offset=32 (local.get $at))) (i32.const {poison}))
            (then (return (i32.const {error}))))
            (call $log (i32.const 2)
            (i32.load offset=32 (local.get $at)) (i32.load offset=36 (local.get $at)))
            (local.set $at (i32.add (local.get $at) (i32.const 64)))
            (local.set $count (i32.sub (local.get $count) (i32.const 1)))
            (br $next)))
            (i32.const {ZEROS}))"#,
            poison = u32::from(poison),
        ),
    }
}

/// A lifecycle that answers its start and its stop so; none is success.
pub(crate) fn living(start: Option<&str>, stop: Option<&str>) -> Part {
    let answer = |place, text: Option<&str>| match text {
        Some(text) => refusal(place, text),
        None => (ZEROS, String::new()),
    };
    let ((start, start_data), (stop, stop_data)) = (answer(2, start), answer(3, stop));
    Part {
        world: "export mortise:plugin/lifecycle@0.2.0;",
        functions: format!(
            r#"{start_data}
            {stop_data}
            (func (export "mortise:plugin/lifecycle@0.2.0#start") (param i64 i32 i32 i32) (result i32)
            (i32.const {start}))
            (func (export "mortise:plugin/lifecycle@0.2.0#stop") (param i32) (result i32)
            (i32.const {stop}))"#
        ),
    }
}

/// A lifecycle that logs this name when it starts, and `no more` when it stops.
pub(crate) fn telling(name: &str) -> Part {
    let (up, down) = (TEXTS + 9 * 256, TEXTS + 10 * 256);
    Part {
        world: "import mortise:plugin/log@0.2.0; export mortise:plugin/lifecycle@0.2.0;",
        functions: format!(
            r#"{LOG}
            {}
            {}
            (func (export "mortise:plugin/lifecycle@0.2.0#start") (param i64 i32 i32 i32) (result i32)
            (call $log (i32.const 2) (i32.const {up}) (i32.const {length}))
            (i32.const {ZEROS}))
            (func (export "mortise:plugin/lifecycle@0.2.0#stop") (param i32) (result i32)
            (call $log (i32.const 2) (i32.const {down}) (i32.const 7))
            (i32.const {ZEROS}))"#,
            segment(up, name.as_bytes()),
            segment(down, b"no more"),
            length = name.len(),
        ),
    }
}

/// Logs the name of each timer that comes due, and sets a timer `tick` each
/// time it starts: the place of a variant of `schedule`, and its number.
pub(crate) fn ticking(schedule: Option<(u32, u64)>) -> Part {
    let (name, result) = (TEXTS + 4 * 256, ANSWERS + 64);
    let set = schedule.map_or_else(String::new, |(case, number)| {
        format!(
            "(call $set (i32.const {name}) (i32.const 4)
            (i32.const {case}) (i64.const {number}) (i32.const 0) (i32.const {result}))
            (if (i32.load8_u (i32.const {result})) (then unreachable))"
        )
    });
    Part {
        world: "import mortise:plugin/log@0.2.0; import mortise:plugin/timers@0.2.0; \
                export mortise:plugin/lifecycle@0.2.0; export mortise:plugin/timer@0.2.0;",
        functions: format!(
            r#"{LOG}
            (import "mortise:plugin/timers@0.2.0" "set" (func $set (param i32 i32 i32 i64 i32 i32)))
            {data}
            (func (export "mortise:plugin/lifecycle@0.2.0#start") (param i64 i32 i32 i32) (result i32)
            {set}
            (i32.const {ZEROS}))
            (func (export "mortise:plugin/lifecycle@0.2.0#stop") (param i32) (result i32)
            (i32.const {ZEROS}))
            (func (export "mortise:plugin/timer@0.2.0#on-timer") (param i32 i32) (result i32)
            (call $log (i32.const 2) (local.get 0) (local.get 1))
            (i32.const {ZEROS}))"#,
            data = segment(name, b"tick"),
        ),
    }
}

/// A webhook that answers with the part of the request that the first letter of
/// the path names: the client, host, scheme, method, base path, path, query, or
/// else the body.
pub(crate) fn echoing() -> Part {
    let (answer, header) = (ANSWERS + 128, TEXTS + 5 * 256);
    let mut bytes = Vec::new();
    for word in [header + 16, 9, header + 32, 3] {
        bytes.extend(u32::to_le_bytes(word));
    }
    bytes.extend(b"x-fixture\0\0\0\0\0\0\0yes");
    let fields = [
        ('c', 44),
        ('h', 60),
        ('s', 52),
        ('m', 0),
        ('b', 68),
        ('p', 8),
        ('q', 20),
    ];
    let choices: String = fields
        .iter()
        .map(|(letter, offset)| {
            format!(
                "(if (i32.eq (local.get $letter) (i32.const {}))
                (then (local.set $field (i32.add (local.get 0) (i32.const {offset})))))\n",
                u32::from(*letter)
            )
        })
        .collect();
    Part {
        world: "export mortise:plugin/webhook@0.2.0;",
        functions: format!(
            r#"{data}
            (func (export "mortise:plugin/webhook@0.2.0#handle") (param i32) (result i32)
            (local $letter i32) (local $field i32)
            (local.set $field (i32.add (local.get 0) (i32.const 36)))
            (if (i32.load offset=12 (local.get 0))
            (then (local.set $letter (i32.load8_u (i32.load offset=8 (local.get 0))))))
            {choices}
            (i32.store (i32.const {answer}) (i32.const 200))
            (i32.store offset=4 (i32.const {answer}) (i32.const {header}))
            (i32.store offset=8 (i32.const {answer}) (i32.const 1))
            (i32.store offset=12 (i32.const {answer}) (i32.load (local.get $field)))
            (i32.store offset=16 (i32.const {answer}) (i32.load offset=4 (local.get $field)))
            (i32.const {answer}))"#,
            data = segment(header, &bytes),
        ),
    }
}

/// A webhook that sends the request's body to its user, as the application
/// that the path names, and answers with the host's error, if any, and 500.
pub(crate) fn sending() -> Part {
    let (answer, result) = (ANSWERS + 192, ANSWERS + 256);
    Part {
        world: "import mortise:plugin/messages@0.2.0; export mortise:plugin/webhook@0.2.0;",
        functions: format!(
            r#"(import "mortise:plugin/messages@0.2.0" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
            (func (export "mortise:plugin/webhook@0.2.0#handle") (param i32) (result i32)
            (call $send
            (i32.ne (i32.load offset=12 (local.get 0)) (i32.const 0))
            (i32.load offset=8 (local.get 0)) (i32.load offset=12 (local.get 0))
            (i32.const 0) (i32.const 0)
            (i32.load offset=36 (local.get 0)) (i32.load offset=40 (local.get 0))
            (i32.const 5)
            (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const {result}))
            (i32.store (i32.const {answer}) (i32.const 200))
            (i64.store offset=4 (i32.const {answer}) (i64.const 0))
            (i64.store offset=12 (i32.const {answer}) (i64.const 0))
            (if (i32.load8_u (i32.const {result}))
            (then
            (i32.store (i32.const {answer}) (i32.const 500))
            (i32.store offset=12 (i32.const {answer}) (i32.load offset=12 (i32.const {result})))
            (i32.store offset=16 (i32.const {answer}) (i32.load offset=16 (i32.const {result})))))
            (i32.const {answer}))"#
        ),
    }
}

/// A configuration whose default is `level: 1`, refused where it begins with
/// this character.
pub(crate) fn configured(refused: char) -> Part {
    configured_by(refused, "level: 1\n", None)
}

/// The same with this default, of at most 200 bytes, and this schema, of at most
/// 4 KiB.
pub(crate) fn configured_by(refused: char, default: &str, schema: Option<&str>) -> Part {
    let (defaults, text) = (TEXTS + 6 * 256, default.as_bytes());
    let mut bytes = Vec::new();
    for word in [defaults + 8, u32::try_from(text.len()).unwrap()] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(text);
    // A list of one problem, whose two texts follow it.
    let error = TEXTS + 7 * 256;
    let mut problem = Vec::new();
    for word in [1, error + 12, 1, error + 28, 5, error + 33, 8] {
        problem.extend(u32::to_le_bytes(word));
    }
    problem.extend(b"leveltoo loud");
    let (shape, shape_data) = match schema {
        None => (ZEROS, String::new()),
        Some(schema) => {
            let at = TEXTS + 12 * 256;
            let length = u32::try_from(schema.len()).unwrap();
            let words = [1, at + 12, length].into_iter().flat_map(u32::to_le_bytes);
            (
                at,
                segment(at, &words.chain(schema.bytes()).collect::<Vec<u8>>()),
            )
        }
    };
    Part {
        world: "export mortise:plugin/configurer@0.2.0;",
        functions: format!(
            r#"{}
            {}
            (func (export "mortise:plugin/configurer@0.2.0#defaults") (result i32)
            (i32.const {defaults}))
            {shape_data}
            (func (export "mortise:plugin/configurer@0.2.0#schema") (result i32)
            (i32.const {shape}))
            (func (export "mortise:plugin/configurer@0.2.0#apply") (param i32 i32) (result i32)
            (if (i32.eqz (local.get 1)) (then (return (i32.const {ZEROS}))))
            (if (i32.eq (i32.load8_u (local.get 0)) (i32.const {refused}))
            (then (return (i32.const {error}))))
            (i32.const {ZEROS}))"#,
            segment(defaults, &bytes),
            segment(error, &problem),
            refused = u32::from(refused),
        ),
    }
}

/// Shows the server's address that it received.
pub(crate) fn showing() -> Part {
    let answer = ANSWERS + 320;
    Part {
        world: "export mortise:plugin/displayer@0.2.0;",
        functions: format!(
            r#"(func (export "mortise:plugin/displayer@0.2.0#display") (param i32 i32 i32) (result i32)
            (i32.store (i32.const {answer}) (local.get 1))
            (i32.store offset=4 (i32.const {answer}) (local.get 2))
            (i32.const {answer}))"#
        ),
    }
}
