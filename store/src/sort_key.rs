//! Fractional indexes: texts that sort like numbers with room between any two.
//!
//! A key is an integer part, and a fraction that only clients make when they
//! move an application between two others. The first letter of the integer
//! part says its length: `a` to `z` for 2 to 27 characters of growing numbers,
//! `Z` down to `A` for 2 to 27 of falling ones. Digits are 0-9, A-Z, a-z, so
//! the order is that of bytes.

/// The key of the first application.
const FIRST: &str = "a0";
/// The longest key a client may set, in bytes.
pub const SORT_KEY_BYTES: usize = 255;

/// A key behind `last`, or the first one.
pub(super) fn after(last: Option<&str>) -> String {
    match last {
        None => FIRST.to_owned(),
        // An unknown integer part is followed by its fraction.
        Some(last) => next_integer(last).unwrap_or_else(|| format!("{last}V")),
    }
}

fn next_integer(key: &str) -> Option<String> {
    let head = *key.as_bytes().first()?;
    let length = match head {
        b'a'..=b'z' => usize::from(head - b'a') + 1,
        b'A'..=b'Z' => usize::from(b'Z' - head) + 1,
        _ => return None,
    };
    let mut digits = key.as_bytes().get(1..=length)?.to_vec();
    if !digits.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let mut carry = true;
    for digit in digits.iter_mut().rev() {
        (*digit, carry) = match *digit {
            b'9' => (b'A', false),
            b'Z' => (b'a', false),
            b'z' => (b'0', true),
            other => (other + 1, false),
        };
        if !carry {
            break;
        }
    }
    let head = match (carry, head) {
        (false, head) => head,
        (true, b'z') => return None,
        (true, b'Z') => b'a',
        (true, head) => head + 1,
    };
    if carry {
        match head {
            b'b'..=b'z' => digits.push(b'0'),
            b'a' => {}
            _ => {
                digits.pop();
            }
        }
    }
    let digits = String::from_utf8(digits).ok()?;
    Some(format!("{}{digits}", char::from(head)))
}

#[cfg(test)]
mod tests {
    use super::after;

    #[test]
    fn each_key_follows_the_one_before() {
        let mut last = after(None);
        for _ in 0..10_000 {
            let next = after(Some(&last));
            assert!(next > last, "{next} after {last}");
            last = next;
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig {
            failure_persistence: None,
            ..Default::default()
        })]

        #[test]
        fn a_later_key_sorts_behind_any_key(key in "[0-9A-Za-z]{1,40}", text in ".{1,40}") {
            proptest::prop_assert!(after(Some(&key)) > key);
            proptest::prop_assert!(after(Some(&text)) > text);
        }
    }

    #[test]
    fn any_key_is_followed() {
        for last in [
            "", "a", "a0", "az", "bzz", "Zz", "Yzz", "a0V", "Zz5", "!", "ä", "zzz", "A",
        ] {
            let next = after(Some(last));
            assert!(next.as_str() > last, "{next} after {last}");
        }
        assert_eq!(after(Some("az")), "b00");
        assert_eq!(after(Some("Zz")), "a0");
        assert_eq!(after(Some("a0V")), "a1");
    }
}
