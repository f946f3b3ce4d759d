//! The requests, from `requests.http`, in the form that editors know: blocks that
//! begin with `### NAME`. Beyond that form:
//!
//! - `@crlf` before the body ends its lines as multipart bodies do, `@escapes` reads
//!   `\r`, `\n` and `\xff` in it.
//! - `> NAME = body:/POINTER` and `> NAME = cookie:NAME` behind it keep a part of the
//!   answer as `{{NAME}}` for later requests.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::exchange::Answer;

/// The file.
pub(super) const SCRIPT: &str = include_str!("requests.http");

/// A request with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    /// None for a request without one.
    pub(super) body: Option<Vec<u8>>,
    pub(super) captures: Vec<Capture>,
}

/// A part of the answer to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Capture {
    pub(super) name: String,
    pub(super) place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Body(String),
    Cookie(String),
}

impl Place {
    pub(super) fn find(&self, answer: &Answer) -> Option<Value> {
        match self {
            Self::Body(pointer) => {
                let body: Value = serde_json::from_slice(&answer.body).ok()?;
                body.pointer(pointer).cloned()
            }
            Self::Cookie(name) => answer.headers("set-cookie").find_map(|cookie| {
                let (found, rest) = cookie.split_once('=')?;
                let value = rest.split(';').next()?;
                (found == name).then(|| Value::from(value))
            }),
        }
    }
}

/// All requests, in their order.
pub(super) fn steps() -> Result<Vec<Step>> {
    parse(SCRIPT).context("xtask/src/compare/requests.http is malformed")
}

fn parse(text: &str) -> Result<Vec<Step>> {
    let (_, blocks) = text.split_once("### ").context("it has no `### `")?;
    let steps: Vec<_> = blocks
        .split("\n### ")
        .map(|block| {
            let name = block.lines().next().unwrap_or_default();
            step(block).with_context(|| format!("in `{name}`"))
        })
        .collect::<Result<_>>()?;
    for (at, step) in steps.iter().enumerate() {
        if steps.iter().take(at).any(|before| before.name == step.name) {
            bail!("`{}` is there twice", step.name);
        }
    }
    Ok(steps)
}

fn step(block: &str) -> Result<Step> {
    let (head, body) = match block.trim_end().split_once("\n\n") {
        Some((head, body)) => (head, Some(body)),
        None => (block.trim_end(), None),
    };
    let mut lines = head.lines();
    let name = lines.next().context("there is no name")?.to_owned();
    let request = lines.next().context("there is no request")?;
    let (method, target) = request.split_once(' ').context("there is no method")?;
    let mut step = Step {
        name,
        method: method.to_owned(),
        target: target.to_owned(),
        headers: Vec::new(),
        body: None,
        captures: Vec::new(),
    };
    let (mut crlf, mut escapes) = (false, false);
    for line in lines {
        match line {
            "@crlf" => crlf = true,
            "@escapes" => escapes = true,
            _ if line.starts_with("> ") => step.captures.push(capture(line)?),
            _ => {
                let (name, value) = line.split_once(':').context("a header has no `:`")?;
                step.headers
                    .push((name.to_owned(), value.trim().to_owned()));
            }
        }
    }
    if let Some(body) = body {
        let (captures, lines): (Vec<_>, Vec<_>) =
            body.lines().partition(|line| line.starts_with("> "));
        for line in captures {
            step.captures.push(capture(line)?);
        }
        let text = lines.join(if crlf { "\r\n" } else { "\n" });
        let text = if crlf { text + "\r\n" } else { text };
        step.body = Some(if escapes {
            unescape(&text)?
        } else {
            text.into_bytes()
        });
    }
    Ok(step)
}

fn capture(line: &str) -> Result<Capture> {
    let (name, place) = line
        .trim_start_matches("> ")
        .split_once(" = ")
        .context("a line of `> ` has no ` = `")?;
    let place = match place.split_once(':') {
        Some(("body", pointer)) => Place::Body(pointer.to_owned()),
        Some(("cookie", name)) => Place::Cookie(name.to_owned()),
        _ => bail!("`{place}` is neither body: nor cookie:"),
    };
    Ok(Capture {
        name: name.to_owned(),
        place,
    })
}

fn unescape(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            bytes.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match rest.next().context("nothing follows a `\\`")? {
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            '\\' => bytes.push(b'\\'),
            'x' => {
                let digits: String = rest.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).context("`\\x` has no two digits")?);
            }
            other => bail!("`\\{other}` is unknown"),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Place, parse, steps};

    #[test]
    fn the_script_is_well_formed() {
        assert!(steps().unwrap().len() > 100);
    }

    #[test]
    fn blocks_become_requests() {
        let text = "About it.\n\n### one\nPOST /a?b=c\nX-A: b\n@escapes\n\n{\"a\"}\\xff\n\\r\n> id = body:/id\n\n\
                    ### two\nGET /\n> c = cookie:d\n";
        let steps = parse(text).unwrap();
        assert_eq!(steps.len(), 2);
        assert_eq!((&*steps[0].method, &*steps[0].target), ("POST", "/a?b=c"));
        assert_eq!(steps[0].headers, [("X-A".to_owned(), "b".to_owned())]);
        assert_eq!(steps[0].body.as_deref(), Some(&b"{\"a\"}\xff\n\r"[..]));
        assert_eq!(steps[0].captures[0].place, Place::Body("/id".to_owned()));
        assert_eq!(steps[1].body, None);
        assert_eq!(steps[1].captures[0].place, Place::Cookie("d".to_owned()));
        assert!(parse("### a\nGET /\n\n### a\nGET /\n").is_err());
    }
}
