//! The words of a dump, as `mysqldump` and `mariadb-dump` write them. Comments are
//! skipped, also those that a server would execute.

use std::io::{self, Read};

/// The longest text, name or number, in bytes.
const LONGEST: usize = 64 << 20;
/// The bytes that are read at a time.
const AT_A_TIME: usize = 64 << 10;

/// A word of a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword, a name or a number.
    Word(String),
    /// A name in backquotes.
    Name(String),
    /// A text in quotes, without its escapes; or bytes in hexadecimal form.
    Text(Vec<u8>),
    /// Any other character.
    Sign(u8),
}

impl Token {
    /// True for a keyword, in any case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

/// The words of a dump that is read on the way.
pub(super) struct Tokens<R> {
    source: R,
    buffer: Vec<u8>,
    at: usize,
    /// The number of the line, for errors.
    pub(super) line: u64,
}

impl<R: Read> Tokens<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            at: 0,
            line: 1,
        }
    }

    /// The next word; none at the end.
    ///
    /// # Errors
    ///
    /// The dump cannot be read, or ends within a text.
    pub(super) fn next(&mut self) -> io::Result<Option<Token>> {
        loop {
            let Some(byte) = self.take()? else {
                return Ok(None);
            };
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {}
                b'#' => self.skip_line()?,
                b'-' if self.peek()? == Some(b'-') => self.skip_line()?,
                b'/' if self.peek()? == Some(b'*') => self.skip_comment()?,
                b'\'' | b'"' => return self.text(byte).map(|text| Some(Token::Text(text))),
                b'`' => return self.name().map(|name| Some(Token::Name(name))),
                byte if is_of_word(byte) => return self.word(byte).map(Some),
                byte => return Ok(Some(Token::Sign(byte))),
            }
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.at == self.buffer.len() {
            self.at = 0;
            self.buffer.resize(AT_A_TIME, 0);
            let read = loop {
                match self.source.read(&mut self.buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            self.buffer.truncate(*read.as_ref().unwrap_or(&0));
            read?;
        }
        Ok(self.buffer.get(self.at).copied())
    }

    fn take(&mut self) -> io::Result<Option<u8>> {
        let byte = self.peek()?;
        if let Some(byte) = byte {
            self.at += 1;
            self.line += u64::from(byte == b'\n');
        }
        Ok(byte)
    }

    fn skip_line(&mut self) -> io::Result<()> {
        while !matches!(self.take()?, None | Some(b'\n')) {}
        Ok(())
    }

    fn skip_comment(&mut self) -> io::Result<()> {
        let mut before = 0;
        // The star that begins it does not end it.
        self.take()?;
        loop {
            match self.take()? {
                Some(b'/') if before == b'*' => return Ok(()),
                Some(byte) => before = byte,
                None => return Err(self.cut("a comment")),
            }
        }
    }

    fn text(&mut self, quote: u8) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let Some(byte) = self.take()? else {
                return Err(self.cut("a text"));
            };
            let byte = match byte {
                b'\\' => match self.take()? {
                    Some(b'0') => 0,
                    Some(b'b') => 8,
                    Some(b'n') => b'\n',
                    Some(b'r') => b'\r',
                    Some(b't') => b'\t',
                    Some(b'Z') => 26,
                    Some(other) => other,
                    None => return Err(self.cut("a text")),
                },
                byte if byte == quote => {
                    if self.peek()? != Some(quote) {
                        return Ok(text);
                    }
                    self.at += 1;
                    quote
                }
                byte => byte,
            };
            self.push(&mut text, byte)?;
        }
    }

    fn name(&mut self) -> io::Result<String> {
        let mut name = Vec::new();
        loop {
            match self.take()? {
                Some(b'`') if self.peek()? == Some(b'`') => {
                    self.at += 1;
                    self.push(&mut name, b'`')?;
                }
                Some(b'`') => return Ok(String::from_utf8_lossy(&name).into_owned()),
                Some(byte) => self.push(&mut name, byte)?,
                None => return Err(self.cut("a name")),
            }
        }
    }

    fn word(&mut self, first: u8) -> io::Result<Token> {
        let mut word = vec![first];
        while let Some(byte) = self.peek()?.filter(|byte| is_of_word(*byte)) {
            self.at += 1;
            self.push(&mut word, byte)?;
        }
        let digits = word.strip_prefix(b"0x").filter(|digits| !digits.is_empty());
        if let Some(Ok(bytes)) = digits.map(hex::decode) {
            return Ok(Token::Text(bytes));
        }
        Ok(Token::Word(String::from_utf8_lossy(&word).into_owned()))
    }

    fn push(&self, text: &mut Vec<u8>, byte: u8) -> io::Result<()> {
        if text.len() == LONGEST {
            return Err(io::Error::other(format!(
                "line {} has a text of more than {} MiB",
                self.line,
                LONGEST >> 20
            )));
        }
        text.push(byte);
        Ok(())
    }

    fn cut(&self, within: &str) -> io::Error {
        io::Error::other(format!("it ends within {within}, in line {}", self.line))
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.' | b'@') || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::{Token, Tokens};

    fn all(text: &[u8]) -> Result<Vec<Token>, String> {
        let mut tokens = Tokens::new(text);
        let next = || tokens.next().map_err(|error| error.to_string()).transpose();
        std::iter::from_fn(next).collect()
    }

    fn word(text: &str) -> Token {
        Token::Word(text.to_owned())
    }

    #[test]
    fn words_texts_and_signs() {
        assert_eq!(
            all(b"INSERT -- a 'note'\n `a``b` /*!40000 ALTER */ (-1.5,'x;y');# end").unwrap(),
            [
                word("INSERT"),
                Token::Name("a`b".to_owned()),
                Token::Sign(b'('),
                Token::Sign(b'-'),
                word("1.5"),
                Token::Sign(b','),
                Token::Text(b"x;y".to_vec()),
                Token::Sign(b')'),
                Token::Sign(b';'),
            ]
        );
        assert!(word("null").is("NULL") && !Token::Name("null".to_owned()).is("NULL"));
    }

    #[test]
    fn escapes_of_texts() {
        let text = |escaped: &[u8]| all(escaped).unwrap();
        let bytes = |bytes: &[u8]| vec![Token::Text(bytes.to_vec())];
        assert_eq!(
            text(br"'a\'b\\c\n\r\t\0\Z\%\q'"),
            bytes(b"a'b\\c\n\r\t\0\x1a%q")
        );
        assert_eq!(text(b"'it''s'"), bytes(b"it's"));
        assert_eq!(text(br#""a""b""#), bytes(b"a\"b"));
        assert_eq!(text(b"'\xff\xfe'"), bytes(b"\xff\xfe"));
        assert_eq!(text(b"0xFF00"), bytes(b"\xff\0"));
        assert_eq!(text(b"0x"), [word("0x")]);
    }

    #[test]
    fn a_dump_that_is_cut_says_where() {
        for (text, says) in [
            (&b"\n'abc"[..], "a text, in line 2"),
            (b"'abc\\", "a text"),
            (b"`abc", "a name"),
            (b"/* abc *", "a comment"),
            (b"/*/", "a comment"),
        ] {
            let error = all(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
