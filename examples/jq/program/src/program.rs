//! A jq program, compiled once and run for each value. Knows neither the host
//! nor messages.

use std::fmt;

use jaq_core::{
    Compiler, Ctx, Filter, Vars, data,
    load::{self, Arena, File, Loader},
};
use jaq_json::Val;

type Data = data::JustLut<Val>;

/// A program, ready to run.
pub struct Program(Filter<Data>);

impl fmt::Debug for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Program")
    }
}

impl Program {
    /// Compiles a program.
    ///
    /// # Errors
    ///
    /// All its mistakes, each with its line and column.
    pub fn compile(code: &str) -> Result<Self, Vec<String>> {
        let defs = jaq_core::defs()
            .chain(jaq_std::defs())
            .chain(jaq_json::defs());
        let funs = jaq_core::funs()
            .chain(jaq_std::funs())
            .chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(defs)
            .load(&arena, File { code, path: () })
            .map_err(|errors| {
                let errors = errors.into_iter().map(|(_, error)| error);
                errors
                    .flat_map(|error| not_loaded(code, error))
                    .collect::<Vec<_>>()
            })?;
        let filter = Compiler::default()
            .with_funs(funs)
            .compile(modules)
            .map_err(|errors| {
                let undefined = errors.into_iter().flat_map(|(_, undefined)| undefined);
                undefined
                    .map(|(name, kind)| {
                        format!(
                            "{}: there is no {} `{name}`",
                            place(code, name),
                            kind.as_str()
                        )
                    })
                    .collect::<Vec<_>>()
            })?;
        Ok(Self(filter))
    }

    /// Runs the program on a value. Returns none if it has no output.
    ///
    /// # Errors
    ///
    /// The program fails, or has more than one output; the others are not
    /// computed.
    pub fn first(&self, input: Val) -> Result<Option<Val>, String> {
        let mut outputs = self.run(input);
        let first = outputs.next().transpose()?;
        match outputs.next().transpose()? {
            Some(_) => {
                Err("it has more than one output; put them into one, or use `first(…)`".to_owned())
            }
            None => Ok(first),
        }
    }

    /// Runs the program on a value and returns all its outputs.
    ///
    /// # Errors
    ///
    /// The program fails, or has more than `most` outputs; the others are not
    /// computed.
    pub fn outputs(&self, input: Val, most: usize) -> Result<Vec<Val>, String> {
        let mut outputs = self.run(input);
        let all = outputs.by_ref().take(most).collect::<Result<_, _>>()?;
        match outputs.next().transpose()? {
            Some(_) => Err(format!(
                "it has more than {most} outputs; `limit({most}; …)` has the first ones"
            )),
            None => Ok(all),
        }
    }

    fn run(&self, input: Val) -> impl Iterator<Item = Result<Val, String>> {
        let context = Ctx::<Data>::new(&self.0.lut, Vars::new([]));
        self.0.id.run((context, input)).map(|output| {
            output.map_err(|exception| match exception.get_err() {
                Ok(error) => error.to_string(),
                Err(_) => "it must not use `halt` or `break` without its label".to_owned(),
            })
        })
    }
}

fn not_loaded(code: &str, error: load::Error<&str>) -> Vec<String> {
    match error {
        load::Error::Io(errors) => errors
            .into_iter()
            .map(|(path, error)| format!("{}: {error}", place(code, path)))
            .collect(),
        load::Error::Lex(errors) => errors
            .into_iter()
            .map(|(expected, found)| unexpected(code, expected.as_str(), found))
            .collect(),
        load::Error::Parse(errors) => errors
            .into_iter()
            .map(|(expected, found)| unexpected(code, expected.as_str(), found))
            .collect(),
    }
}

fn unexpected(code: &str, expected: &str, at: &str) -> String {
    let found = match at.split_whitespace().next() {
        Some(word) => format!("`{}`", word.chars().take(20).collect::<String>()),
        None => "the end".to_owned(),
    };
    format!("{}: {expected} expected, {found} found", place(code, at))
}

/// Returns the line and column of a part of the code, from 1.
fn place(code: &str, part: &str) -> String {
    let before = code.get(..load::span(code, part).start).unwrap_or(code);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("line {line}, column {column}")
}

#[cfg(test)]
mod tests {
    use jaq_json::{Val, read::parse_single};

    use super::Program;

    fn run(code: &str) -> Result<Option<Val>, String> {
        let program = Program::compile(code).map_err(|errors| errors.join("; "))?;
        program.first(parse_single(br#"{"a": [1, 2]}"#).unwrap())
    }

    #[test]
    fn gives_one_value_or_none() {
        assert_eq!(run(".a | add").unwrap().unwrap().to_string(), "3");
        assert_eq!(run("empty").unwrap(), None);
        assert_eq!(run("first(.a[])").unwrap().unwrap().to_string(), "1");
        assert!(run(".a[]").unwrap_err().contains("more than one output"));
        // The output is endless, but only two values are computed.
        assert!(
            run("repeat(1)")
                .unwrap_err()
                .contains("more than one output")
        );
    }

    #[test]
    fn gives_as_many_values_as_are_wanted() {
        let outputs = |code: &str| {
            let program = Program::compile(code).unwrap();
            let outputs = program.outputs(Val::Null, 2)?;
            Ok::<_, String>(outputs.iter().map(Val::to_string).collect::<Vec<_>>())
        };
        assert_eq!(outputs("empty").unwrap(), [""; 0]);
        assert_eq!(outputs("1, 2").unwrap(), ["1", "2"]);
        // No output after the third is computed.
        for code in ["1, 2, 3, error", "repeat(1)"] {
            assert!(outputs(code).unwrap_err().contains("more than 2 outputs"));
        }
        assert!(outputs("1, error(\"x\")").unwrap_err().contains('x'));
    }

    #[test]
    fn says_why_it_fails() {
        assert!(run(".a + 1").unwrap_err().contains("cannot calculate"));
        assert!(
            run("error(\"no such host\")")
                .unwrap_err()
                .contains("no such host")
        );
        assert!(run("halt").unwrap_err().contains("halt"));
    }

    #[test]
    fn says_where_it_is_wrong() {
        for (code, expected) in [
            ("", "line 1, column 1: term expected, the end found"),
            (
                ".a |\n  fro(1)",
                "line 2, column 3: there is no filter `fro`",
            ),
            (".a | $x", "line 1, column 6: there is no variable `$x`"),
            (
                "if .a then",
                "line 1, column 11: term expected, the end found",
            ),
            (
                "\"ä\" | (.b",
                "line 1, column 10: closing parenthesis expected, the end found",
            ),
            (
                "\"a",
                "line 1, column 3: closing quote expected, the end found",
            ),
        ] {
            assert_eq!(run(code).unwrap_err(), expected);
        }
        let both = run("fro | $x").unwrap_err();
        assert!(
            both.contains("column 1:") && both.contains("column 7:"),
            "{both}"
        );
    }

    #[test]
    fn has_no_modules() {
        assert!(run("import \"a\" as a; .").unwrap_err().contains("line 1"));
    }
}
