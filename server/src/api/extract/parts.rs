//! Multipart forms, as Gotify reads them: written by libraries, or by hand in a script
//! or for a small board, with line feeds alone, folded headers, and names in any case.

use axum::http::{HeaderMap, header};

use super::{form::Pairs, json};

/// The boundary that a request names.
pub(super) fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = json::text(headers.get(header::CONTENT_TYPE)?.as_bytes().to_vec());
    parameter(&kind, "boundary").filter(|boundary| !boundary.is_empty())
}

/// Reads the named parts of a form; none if its end is missing.
pub(super) fn read(body: &[u8], boundary: &str) -> Option<Pairs> {
    let delimiter = format!("--{boundary}");
    let mut pairs = Pairs::new();
    // None before the first delimiter.
    let mut part: Option<Part> = None;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let ends = match line
            .strip_prefix(delimiter.as_bytes())
            .map(<[u8]>::trim_ascii)
        {
            Some(b"") => false,
            Some(b"--") => true,
            Some(_) | None => {
                if let Some(part) = &mut part {
                    part.push(line);
                }
                continue;
            }
        };
        pairs.extend(part.take().and_then(Part::field));
        if ends {
            return Some(pairs);
        }
        part = Some(Part::default());
    }
    None
}

/// A part as far as it is read.
#[derive(Default)]
struct Part {
    /// The headers, with folded ones in one line.
    head: Vec<u8>,
    /// None before the empty line that ends the headers.
    content: Option<Vec<u8>>,
}

impl Part {
    fn push(&mut self, line: &[u8]) {
        match &mut self.content {
            Some(content) => content.extend(line),
            None if matches!(line, b"\n" | b"\r\n") => self.content = Some(Vec::new()),
            None => {
                if line.starts_with(b" ") || line.starts_with(b"\t") {
                    let unfolded = self.head.trim_ascii_end().len();
                    self.head.truncate(unfolded);
                }
                self.head.extend(line);
            }
        }
    }

    /// Its name and content; none without a name.
    fn field(self) -> Option<(String, String)> {
        let head = json::text(self.head);
        let name = head.lines().find_map(|line| {
            let (header, value) = line.split_once(':')?;
            let is_wanted = header.trim().eq_ignore_ascii_case("content-disposition");
            is_wanted.then(|| parameter(value, "name")).flatten()
        })?;
        let mut content = self.content?;
        // The last end of a line belongs to the delimiter.
        if content.ends_with(b"\n") {
            content.pop();
        }
        if content.ends_with(b"\r") {
            content.pop();
        }
        Some((name, json::text(content)))
    }
}

/// The value of a header's parameter, as in `form-data; name="message"`.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let (_, mut rest) = header.split_once(';')?;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = parameter_value(after.trim_start());
        let name = name.rsplit(';').next().unwrap_or(name).trim();
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}

/// A value with or without quotes at the start of a text, and the text behind it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, after) = text.split_at(text.find(';').unwrap_or(text.len()));
        return (value.trim_end().to_owned(), after);
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{boundary, read};

    fn shown(body: &str) -> Option<String> {
        let pairs = read(body.as_bytes(), "b")?;
        let shown = pairs.iter().map(|(name, value)| format!("{name}={value}"));
        Some(shown.collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn the_named_parts_of_a_form_are_its_fields() {
        let form = "before\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n2\r\n\
                    --b  \r\nContent-Type: text/plain\r\n\r\nno name\r\n\
                    --b\r\ncontent-disposition:form-data;name=b; filename=\"x;name=y\"\r\n\r\n\r\n\
                    --b--\r\nbehind";
        assert_eq!(shown(form).unwrap(), "a=1\r\n2|b=");
        assert_eq!(shown("--b--").unwrap(), "");
        let no_boundary = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n--bc\r\n--b--";
        assert_eq!(shown(no_boundary).unwrap(), "a=--bc");
    }

    #[test]
    fn a_form_may_be_written_by_hand() {
        for form in [
            "--b\nContent-Disposition: form-data; name=\"a\"\n\n1\n2\n--b--\n",
            "--b\nContent-Disposition: form-data;\n name=\"a\"\n\n1\n2\n--b--",
            "--b\nCONTENT-DISPOSITION: Form-Data; NAME = a\n\n1\n2\n--b--",
        ] {
            assert_eq!(shown(form).unwrap(), "a=1\n2", "{form:?}");
        }
    }

    #[test]
    fn a_form_that_is_cut_off_is_none() {
        for form in [
            "",
            "--b\r\n",
            "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nm",
            "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nm\r\n--b\r\n",
        ] {
            assert_eq!(shown(form), None, "{form:?}");
        }
    }

    #[test]
    fn a_boundary_may_have_quotes_and_stand_anywhere() {
        for (kind, expected) in [
            ("multipart/form-data; boundary=b", Some("b")),
            (
                "multipart/form-data;charset=utf-8;Boundary=\"b c\"",
                Some("b c"),
            ),
            ("multipart/form-data; x; boundary = b ; y=z", Some("b")),
            ("multipart/form-data; boundary=\"b\\\"c\"", Some("b\"c")),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; charset=utf-8", None),
            ("multipart/form-data", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            assert_eq!(boundary(&headers).as_deref(), expected, "{kind}");
        }
        assert_eq!(boundary(&HeaderMap::new()), None);
    }
}
