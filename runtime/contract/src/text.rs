//! Bounds on text.

/// Returns the longest prefix of at most `most` bytes that ends between
/// characters.
pub fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}
