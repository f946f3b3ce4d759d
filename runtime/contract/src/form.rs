//! The form encoding of queries and bodies: `name=value&name=value`.

/// Decodes all pairs, in order. A name without `=` has an empty value. Invalid
/// escapes stay unchanged, and bytes that are not UTF-8 become `�`.
pub fn decode(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(name), unescape(value))
        })
        .collect()
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let escaped = after
            .split_at_checked(2)
            .filter(|_| first == b'%')
            .and_then(|(digits, after)| Some((hex(digits)?, after)));
        match (first, escaped) {
            (_, Some((byte, after))) => {
                bytes.push(byte);
                rest = after;
            }
            (b'+', None) => bytes.push(b' '),
            (byte, None) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
        Some(value << 4 | digit)
    })
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn decodes_what_browsers_send() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            decode("title=Hello+you%21&t%C3%A4g=%e2%82%ac&&flag&rest=100%&x=%zz"),
            [
                pair("title", "Hello you!"),
                pair("täg", "€"),
                pair("flag", ""),
                pair("rest", "100%"),
                pair("x", "%zz"),
            ]
        );
        assert!(decode("").is_empty());
    }
}
