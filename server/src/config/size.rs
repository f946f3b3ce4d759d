//! Sizes in settings.

use std::{fmt, str::FromStr};

/// A number of bytes, written as `65536`, `64KiB`, `16MiB` or `1GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(usize);

/// The units by their names, largest first.
const UNITS: [(&str, usize); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

impl Size {
    /// A size in mebibytes.
    pub const fn mebibytes(count: usize) -> Self {
        Self(count << 20)
    }

    /// A size in bytes.
    pub const fn in_bytes(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn bytes(self) -> usize {
        self.0
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, unit)| self.0.is_multiple_of(*unit));
        let (name, unit) = unit.copied().unwrap_or(("B", 1));
        write!(formatter, "{}{name}", self.0 / unit)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let unit = UNITS.iter().find_map(|(name, unit)| {
            let digits = text.len().checked_sub(name.len())?;
            let (digits, end) = text.split_at_checked(digits)?;
            end.eq_ignore_ascii_case(name).then_some((digits, *unit))
        });
        let (digits, unit) = unit.unwrap_or((text, 1));
        digits
            .trim()
            .parse::<usize>()
            .ok()
            .and_then(|count| count.checked_mul(unit))
            .filter(|bytes| *bytes > 0)
            .map(Self)
            .ok_or_else(|| {
                format!("`{text}` is not a size: write one as 65536, 64KiB, 16MiB or 1GiB")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        for (text, bytes) in [
            ("1", 1),
            ("65536", 64 << 10),
            ("64KiB", 64 << 10),
            (" 16 mib ", 16 << 20),
            ("1GiB", 1 << 30),
            ("12B", 12),
        ] {
            assert_eq!(text.parse::<Size>().unwrap().bytes(), bytes, "{text}");
        }
        for wrong in [
            "",
            "0",
            "MiB",
            "-1",
            "1.5MiB",
            "16MB",
            "99999999999GiB",
            "ü",
        ] {
            let error = wrong.parse::<Size>().unwrap_err();
            assert!(error.contains("is not a size"), "{error}");
        }
        assert_eq!(Size::mebibytes(16).to_string(), "16MiB");
        assert_eq!(Size::in_bytes(1000).to_string(), "1000B");
    }
}
