//! Fields of queries and forms, as pairs in the order they stand in.

use super::json;

/// Names and values.
pub(super) type Pairs = Vec<(String, String)>;

/// Reads fields that are encoded as in a query. A `%` that begins no escape
/// stands for itself: shell scripts send texts such as `100% full`.
pub(super) fn pairs(encoded: &[u8]) -> Pairs {
    encoded
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut half = || decode(halves.next().unwrap_or_default());
            (half(), half())
        })
        .collect()
}

fn decode(encoded: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [first, tail @ ..] = rest {
        rest = tail;
        bytes.push(match (first, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => *first,
        });
    }
    json::text(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::pairs;

    #[test]
    fn pairs_are_decoded_leniently() {
        let read = |text: &[u8]| {
            pairs(text)
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join("|")
        };
        assert_eq!(read(b""), "");
        assert_eq!(read(b"&a=1&&b"), "a=1|b=");
        assert_eq!(read(b"a=b=c&a=2"), "a=b=c|a=2");
        assert_eq!(read(b"m=a+b%20c%2b%c3%bc"), "m=a b c+ü");
        assert_eq!(read(b"m=100% full%"), "m=100% full%");
        assert_eq!(read(b"m=%ff\xff"), "m=\u{fffd}\u{fffd}");
    }
}
