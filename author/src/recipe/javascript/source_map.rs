//! A bundle's source map: the author's place behind each place in the bundle.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::Error;

/// The digits of a mapping: groups of five bits, with a sixth for more groups.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A source map as `esbuild` writes it, without the texts of the sources.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct SourceMap {
    /// The paths of the sources, from the map's folder, with `/` between names.
    pub(super) sources: Vec<String>,
    /// The places, in the map's own notation.
    pub(super) mappings: String,
}

/// A place in a source. Lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The place of the source's path in [`SourceMap::sources`].
    pub(super) source: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A column of a line of the bundle, with the place behind it.
type Segment = (i64, Option<Place>);

impl SourceMap {
    /// Reads the map beside a bundle.
    pub(super) fn beside(bundle: &Path) -> Result<Self, Error> {
        let mut file = bundle.as_os_str().to_owned();
        file.push(".map");
        let file = PathBuf::from(file);
        let bytes = fs::read(&file).map_err(|source| Error::file(&file, source))?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Output {
            file,
            text: error.to_string(),
        })
    }

    /// Returns the places line by line, for [`at`].
    pub(super) fn lines(&self) -> Vec<Vec<Segment>> {
        // All but the bundle's column go on from line to line.
        let (mut source, mut line, mut column) = (0, 0, 0);
        let mut segments = |text: &str| {
            let mut generated = 0;
            let of_line = text.split(',').filter_map(|segment| {
                let mut numbers = numbers(segment).into_iter();
                generated += numbers.next()?;
                let (Some(by_source), Some(by_line), Some(by_column)) =
                    (numbers.next(), numbers.next(), numbers.next())
                else {
                    return Some((generated, None));
                };
                source += by_source;
                line += by_line;
                column += by_column;
                Some((generated, place(source, line, column)))
            });
            of_line.collect::<Vec<_>>()
        };
        self.mappings.split(';').map(&mut segments).collect()
    }
}

fn place(source: i64, line: i64, column: i64) -> Option<Place> {
    Some(Place {
        source: usize::try_from(source).ok()?,
        line: usize::try_from(line).ok()? + 1,
        column: usize::try_from(column).ok()? + 1,
    })
}

/// Returns the place behind a column of a line, which count from 0.
pub(super) fn at(lines: &[Vec<Segment>], line: usize, column: usize) -> Option<Place> {
    let column = i64::try_from(column).ok()?;
    let segments = lines.get(line)?;
    let before = segments.iter().rev().find(|(from, _)| *from <= column)?;
    before.1
}

/// The numbers of a segment. The lowest bit of each is its sign.
fn numbers(segment: &str) -> Vec<i64> {
    let mut found = Vec::new();
    let (mut value, mut shift) = (0_i64, 0_u32);
    for byte in segment.bytes() {
        let Some(digit) = DIGITS.iter().position(|&one| one == byte) else {
            return found;
        };
        let digit = i64::try_from(digit).unwrap_or_default();
        value |= (digit & 31).checked_shl(shift).unwrap_or_default();
        shift += 5;
        if digit & 32 == 0 {
            found.push(if value & 1 == 1 {
                -(value >> 1)
            } else {
                value >> 1
            });
            (value, shift) = (0, 0);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Place, SourceMap, at, numbers};

    #[test]
    fn numbers_have_signs_and_several_groups() {
        assert_eq!(numbers("AAgBC"), [0, 0, 16, 1]);
        assert_eq!(numbers("D2H"), [-1, 123]);
        assert_eq!(numbers("?"), [] as [i64; 0]);
    }

    #[test]
    fn the_nearest_segment_before_a_column_is_its_place() {
        let map = SourceMap {
            sources: vec!["a.js".to_owned(), "b.js".to_owned()],
            mappings: ";AAAA,IAAM;ACAN,G".to_owned(),
        };
        let lines = map.lines();
        let place = |source, line, column| {
            Some(Place {
                source,
                line,
                column,
            })
        };
        assert_eq!(at(&lines, 0, 0), None);
        assert_eq!(at(&lines, 1, 3), place(0, 1, 1));
        assert_eq!(at(&lines, 1, 9), place(0, 1, 7));
        assert_eq!(at(&lines, 2, 0), place(1, 1, 1));
        assert_eq!(at(&lines, 2, 3), None);
        assert_eq!(at(&lines, 9, 0), None);
    }
}
