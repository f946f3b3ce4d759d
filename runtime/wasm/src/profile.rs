//! A profile of components' calls: their stacks at each tick of the engine, as the Firefox
//! Profiler reads them.
//!
//! Wasmtime's own profiler needs a feature that builds a library in C. The stack that it
//! records is the one of [`WasmBacktrace`], which is here anyway, with the lines of the
//! source where the component has them. A sample is taken where a guest may yield: at the
//! start of a function or at the head of a loop. Time in the host is not in the profile.

use std::{
    collections::HashMap,
    hash::Hash,
    io,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use serde_json::{Value, json};
use wasmtime::{AsContext, WasmBacktrace};

/// The interval of samples.
pub(super) const INTERVAL: Duration = Duration::from_millis(1);

/// The version of the Firefox Profiler's format. Newer profilers read older versions.
const VERSION: u32 = 54;

/// A profile that backends write to; see [`Settings::profile`](crate::Settings::profile).
#[derive(Debug)]
pub struct Profile {
    began: SystemTime,
    since: Instant,
    recorded: Mutex<Recorded>,
}

#[derive(Debug, Default)]
struct Recorded {
    texts: Table<String>,
    /// A name and a file, as texts.
    functions: Table<(usize, Option<usize>)>,
    /// A function and a line.
    frames: Table<(usize, Option<u32>)>,
    /// The stack below, and a frame.
    stacks: Table<(Option<usize>, usize)>,
    /// A time and a stack.
    samples: Vec<(Duration, Option<usize>)>,
}

/// Rows that differ from each other.
#[derive(Debug)]
struct Table<T> {
    rows: Vec<T>,
    known: HashMap<T, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            known: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    /// Returns the number of this row, which is added if it is new.
    fn row(&mut self, row: T) -> usize {
        if let Some(number) = self.known.get(&row) {
            return *number;
        }
        let number = self.rows.len();
        self.rows.push(row.clone());
        self.known.insert(row, number);
        number
    }

    /// One column of all rows.
    fn column<C: Into<Value>>(&self, of: impl Fn(&T) -> C) -> Value {
        self.rows.iter().map(of).collect()
    }

    /// A column with the same value in all rows.
    fn same(&self, value: Value) -> Value {
        vec![value; self.rows.len()].into()
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::new()
    }
}

impl Profile {
    /// An empty profile that begins now.
    pub fn new() -> Self {
        Self {
            began: SystemTime::now(),
            since: Instant::now(),
            recorded: Mutex::default(),
        }
    }

    /// Returns the number of samples.
    pub fn samples(&self) -> usize {
        self.recorded.lock().samples.len()
    }

    /// Adds the guest's stack of this moment.
    pub(super) fn sample(&self, store: impl AsContext) {
        let at = self.since.elapsed();
        let trace = WasmBacktrace::force_capture(store);
        let mut recorded = self.recorded.lock();
        let mut stack = None;
        // The outermost frame first.
        for frame in trace.frames().iter().rev() {
            if frame.symbols().is_empty() {
                let unnamed = || format!("function {}", frame.func_index());
                let name = frame.func_name().map_or_else(unnamed, demangled);
                stack = Some(recorded.push(stack, name, None, None));
            }
            // Several where the compiler put functions into each other.
            for symbol in frame.symbols().iter().rev() {
                let name = symbol.name().or_else(|| frame.func_name());
                let name = demangled(name.unwrap_or("unnamed"));
                stack = Some(recorded.push(stack, name, symbol.file(), symbol.line()));
            }
        }
        recorded.samples.push((at, stack));
    }

    /// Writes the profile, with the plugin's id, for <https://profiler.firefox.com>.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write(&self, plugin: &str, to: impl io::Write) -> io::Result<()> {
        let began = self.began.duration_since(UNIX_EPOCH).unwrap_or_default();
        let meta = json!({
            "categories": [{"name": "Other", "color": "grey", "subcategories": ["Other"]}],
            "debug": false,
            "extensions": {"length": 0, "baseURL": [], "id": [], "name": []},
            "interval": milliseconds(INTERVAL),
            "preprocessedProfileVersion": VERSION,
            "processType": 0,
            "product": plugin,
            "sampleUnits": {"time": "ms", "eventDelay": "ms", "threadCPUDelta": "µs"},
            "startTime": milliseconds(began),
            "symbolicated": true,
            "pausedRanges": [],
            "version": 24,
            "usesOnlyOneStackType": true,
            "sourceCodeIsNotOnSearchfox": true,
            "markerSchema": [],
        });
        let thread = self.recorded.lock().thread(plugin);
        let profile = json!({
            "meta": meta,
            "libs": [],
            "threads": [thread],
            "pages": [],
            "profilerOverhead": [],
            "counters": [],
        });
        serde_json::to_writer(to, &profile).map_err(io::Error::from)
    }
}

impl Recorded {
    /// Returns the stack with one more frame.
    fn push(
        &mut self,
        below: Option<usize>,
        name: String,
        file: Option<&str>,
        line: Option<u32>,
    ) -> usize {
        let name = self.texts.row(name);
        let file = file.map(|file| self.texts.row(file.to_owned()));
        let function = self.functions.row((name, file));
        let frame = self.frames.row((function, line));
        self.stacks.row((below, frame))
    }

    fn thread(&self, plugin: &str) -> Value {
        let Self {
            texts,
            functions,
            frames,
            stacks,
            samples,
        } = self;
        let function_table = json!({
            "length": functions.rows.len(),
            "name": functions.column(|(name, _)| *name),
            "isJS": functions.same(false.into()),
            "relevantForJS": functions.same(false.into()),
            "resource": functions.same((-1).into()),
            "fileName": functions.column(|(_, file)| *file),
            "lineNumber": functions.same(Value::Null),
            "columnNumber": functions.same(Value::Null),
        });
        let frame_table = json!({
            "length": frames.rows.len(),
            "address": frames.same((-1).into()),
            "inlineDepth": frames.same(0.into()),
            "category": frames.same(0.into()),
            "subcategory": frames.same(0.into()),
            "func": frames.column(|(function, _)| *function),
            "nativeSymbol": frames.same(Value::Null),
            "innerWindowID": frames.same(Value::Null),
            "line": frames.column(|(_, line)| *line),
            "column": frames.same(Value::Null),
        });
        let stack_table = json!({
            "length": stacks.rows.len(),
            "prefix": stacks.column(|(below, _)| *below),
            "frame": stacks.column(|(_, frame)| *frame),
        });
        let empty = |columns: &[&str]| -> Value {
            let columns = columns.iter().map(|column| (*column, json!([])));
            [("length", json!(0))].into_iter().chain(columns).collect()
        };
        json!({
            "name": plugin,
            "isMainThread": true,
            "pid": "0",
            "tid": "0",
            "processName": plugin,
            "processType": "default",
            "processStartupTime": 0.0,
            "processShutdownTime": null,
            "registerTime": 0.0,
            "unregisterTime": null,
            "pausedRanges": [],
            "showMarkersInTimeline": false,
            "stringArray": texts.rows,
            "funcTable": function_table,
            "frameTable": frame_table,
            "stackTable": stack_table,
            "samples": sample_table(samples),
            "markers": empty(&["category", "data", "endTime", "name", "phase", "startTime"]),
            "nativeSymbols": empty(&["address", "functionSize", "libIndex", "name"]),
            "resourceTable": empty(&["lib", "name", "host", "type"]),
        })
    }
}

fn sample_table(samples: &[(Duration, Option<usize>)]) -> Value {
    let mut before = Duration::ZERO;
    let deltas = samples.iter().map(|(at, _)| {
        let delta = at.saturating_sub(before);
        before = *at;
        milliseconds(delta)
    });
    let deltas: Value = deltas.collect();
    let stacks: Value = samples.iter().map(|(_, stack)| *stack).collect();
    json!({
        "length": samples.len(),
        "weightType": "samples",
        "stack": stacks,
        "timeDeltas": deltas,
        "weight": vec![1; samples.len()],
        "threadCPUDelta": vec![0; samples.len()],
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A function's name as its author wrote it, of a component in Rust.
fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::Profile;

    #[test]
    fn equal_stacks_are_one_row() {
        let profile = Profile::new();
        {
            let mut recorded = profile.recorded.lock();
            for (ms, inner) in [(1, "a"), (3, "b"), (4, "a")] {
                let outer = recorded.push(None, "main".to_owned(), Some("lib.rs"), Some(7));
                let stack = recorded.push(Some(outer), inner.to_owned(), None, None);
                let at = Duration::from_millis(ms);
                recorded.samples.push((at, Some(stack)));
            }
        }
        let mut written = Vec::new();
        profile.write("io.example.busy", &mut written).unwrap();
        let written: Value = serde_json::from_slice(&written).unwrap();
        let thread = &written["threads"][0];
        assert_eq!(thread["stringArray"], json!(["main", "lib.rs", "a", "b"]));
        assert_eq!(thread["funcTable"]["name"], json!([0, 2, 3]));
        assert_eq!(thread["funcTable"]["fileName"], json!([1, null, null]));
        assert_eq!(thread["frameTable"]["func"], json!([0, 1, 2]));
        assert_eq!(thread["frameTable"]["line"], json!([7, null, null]));
        assert_eq!(thread["stackTable"]["prefix"], json!([null, 0, 0]));
        assert_eq!(thread["stackTable"]["frame"], json!([0, 1, 2]));
        assert_eq!(thread["samples"]["stack"], json!([1, 2, 1]));
        assert_eq!(thread["samples"]["timeDeltas"], json!([1.0, 2.0, 1.0]));
        // Each column of a table has all of its rows.
        for (name, table) in thread.as_object().unwrap() {
            let Some(length) = table["length"].as_u64() else {
                continue;
            };
            for (column, values) in table.as_object().unwrap() {
                if let Some(values) = values.as_array() {
                    assert_eq!(values.len() as u64, length, "{name}.{column}");
                }
            }
        }
        assert_eq!(profile.samples(), 3);
    }
}
