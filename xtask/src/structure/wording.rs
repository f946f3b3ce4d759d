//! Comparisons with the text of an error or a report. Texts are for people and
//! change; code tells failures apart by type.

use proc_macro2::{TokenStream, TokenTree};

/// Methods that compare a text with another.
const COMPARISONS: [&str; 6] = [
    "contains",
    "starts_with",
    "ends_with",
    "strip_prefix",
    "eq",
    "find",
];
/// Fields that hold texts for people.
const TEXTS: [&str; 7] = [
    "cause",
    "details",
    "expected",
    "fix",
    "found",
    "last_error",
    "what",
];
/// Variables that hold them.
const VARIABLES: [&str; 4] = ["cause", "details", "last_error", "what"];

/// Returns the comparisons in code, as it is written.
pub(super) fn comparisons(tokens: TokenStream) -> Vec<String> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            found.extend(comparisons(group.stream()));
        }
        let rest = tokens.get(at..).unwrap_or_default();
        let is_field = at > 0 && tokens.get(at - 1).is_some_and(|token| is(token, '.'));
        let variable = (!is_field && is_variable(rest)).then_some(1);
        let Some(length) = text(rest).or(variable) else {
            continue;
        };
        let end = at + length + compared(tokens.get(at + length..).unwrap_or_default());
        if end > at + length {
            let code: TokenStream = tokens
                .get(at..end)
                .unwrap_or_default()
                .iter()
                .cloned()
                .collect();
            found.push(code.to_string());
        }
    }
    found
}

/// The number of tokens of a text for people at the beginning of these, such as
/// `.to_string()` or `.found`.
fn text(tokens: &[TokenTree]) -> Option<usize> {
    match tokens {
        [dot, TokenTree::Ident(name), TokenTree::Group(_), ..]
            if is(dot, '.') && name == "to_string" =>
        {
            Some(3)
        }
        [dot, TokenTree::Ident(name), ..]
            if is(dot, '.') && TEXTS.iter().any(|text| name == text) =>
        {
            Some(2)
        }
        _ => None,
    }
}

fn is_variable(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [TokenTree::Ident(name), ..] if VARIABLES.iter().any(|text| name == text))
}

/// The number of tokens of a comparison with a literal at the beginning of these.
fn compared(tokens: &[TokenTree]) -> usize {
    match tokens {
        [dot, TokenTree::Ident(name), TokenTree::Group(arguments), ..]
            if is(dot, '.')
                && COMPARISONS.iter().any(|method| name == method)
                && begins_with_text(arguments.stream()) =>
        {
            3
        }
        [first, second, TokenTree::Literal(literal), ..]
            if (is(first, '=') || is(first, '!')) && is(second, '=') && is_text(literal) =>
        {
            3
        }
        _ => 0,
    }
}

/// Returns true for a literal, and for a text that is put together.
fn begins_with_text(tokens: TokenStream) -> bool {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let tokens = match &*tokens {
        [and, rest @ ..] if is(and, '&') => rest,
        all => all,
    };
    match tokens {
        [TokenTree::Literal(literal), ..] => is_text(literal),
        [TokenTree::Ident(name), mark, ..] => name == "format" && is(mark, '!'),
        _ => false,
    }
}

fn is_text(literal: &proc_macro2::Literal) -> bool {
    syn::parse_str::<syn::LitStr>(&literal.to_string()).is_ok()
}

fn is(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

#[cfg(test)]
mod tests {
    use super::comparisons;

    #[test]
    fn comparisons_with_texts_are_found_and_others_are_not() {
        let found = |code: &str| comparisons(code.parse().unwrap()).len();
        for code in [
            "if error.to_string().contains(\"denied\") {}",
            "match x { _ if report.found == \"a pipe\" => {} }",
            "let own = !error.what.starts_with(\"pool\");",
            "a(b.to_string() != \"x\")",
            "Err(E { cause, .. }) if cause.contains(\"grant\") => {}",
            "if what.contains(&format!(\"field {name}\")) {}",
        ] {
            assert_eq!(found(code), 1, "{code}");
        }
        for code in [
            "if name == \"found\" {}",
            "path.to_string().contains('/')",
            "report.found = text;",
            "what.contains(name)",
            "x.to_string().len() == 3",
        ] {
            assert_eq!(found(code), 0, "{code}");
        }
    }
}
