//! Tokens of applications, clients and plugins, and the data directory's key.
//! The server shows a token once, when it creates it, and stores only a hash.

use std::fmt;

use mortise_store::TokenHash;

use super::imported;
use crate::config::TokenForm;

/// Characters of a token, its prefix included. Client libraries insist on it.
const LENGTH: usize = 15;
/// 64 characters, so that a random byte's low six bits pick one evenly.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";

/// The purpose of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Sends messages: `A...`.
    Application,
    /// Acts for a user: `C...`.
    Client,
    /// A plugin instance's webhook address: `P...`.
    Plugin,
    /// Allows all commands to a reader of the data directory: `K...`.
    DataDirectory,
}

impl TokenKind {
    const fn prefix(self) -> char {
        match self {
            Self::Application => 'A',
            Self::Client => 'C',
            Self::Plugin => 'P',
            Self::DataDirectory => 'K',
        }
    }
}

/// A token as its holder knows it: 84 random bits behind a prefix.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(..)")
    }
}

impl Token {
    /// A new one.
    ///
    /// # Errors
    ///
    /// The operating system has no randomness.
    pub fn generate(kind: TokenKind) -> Result<Self, getrandom::Error> {
        let mut token = String::with_capacity(LENGTH);
        token.push(kind.prefix());
        push_random(&mut token, LENGTH - 1)?;
        Ok(Self(token))
    }

    /// A new one in a form that the settings choose.
    ///
    /// # Errors
    ///
    /// The operating system has no randomness.
    pub fn generate_as(kind: TokenKind, form: TokenForm) -> Result<Self, getrandom::Error> {
        let kind = match (form, kind) {
            (TokenForm::Prefixed, TokenKind::Application) => 'a',
            (TokenForm::Prefixed, TokenKind::Client) => 'c',
            _ => return Self::generate(kind),
        };
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self(imported::token(kind, &seed)))
    }

    /// A token that someone brought; it may be any text.
    pub fn from_request(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the hash to store. A token of Gotify 3 has the hash of its public
    /// form, which is all that a database of Gotify 3 knows.
    pub fn hash(&self) -> TokenHash {
        match imported::stored_form(&self.0) {
            Some(form) => TokenHash::of_stored(&form),
            None => TokenHash::of_stored(&self.0),
        }
    }

    /// The secret itself, to be shown to its owner once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// A password for a person to type once, with 120 random bits.
///
/// # Errors
///
/// The operating system has no randomness.
pub fn generate_password() -> Result<String, getrandom::Error> {
    let mut password = String::with_capacity(20);
    push_random(&mut password, 20)?;
    Ok(password)
}

fn push_random(text: &mut String, characters: usize) -> Result<(), getrandom::Error> {
    let mut random = vec![0_u8; characters];
    getrandom::fill(&mut random)?;
    text.extend(random.iter().map(|byte| {
        let index = usize::from(byte & 63);
        #[expect(clippy::indexing_slicing, reason = "six bits index 64 characters")]
        char::from(ALPHABET[index])
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{ALPHABET, Token, TokenForm, TokenKind};

    #[test]
    fn tokens_have_the_form_that_clients_insist_on() {
        for (kind, prefix) in [
            (TokenKind::Application, 'A'),
            (TokenKind::Client, 'C'),
            (TokenKind::Plugin, 'P'),
        ] {
            let token = Token::generate(kind).unwrap();
            assert_eq!(token.reveal().len(), 15);
            assert!(token.reveal().starts_with(prefix));
            assert!(token.reveal().bytes().all(|byte| ALPHABET.contains(&byte)));
            assert_ne!(token, Token::generate(kind).unwrap());
            assert_eq!(token.hash(), Token::from_request(token.reveal()).hash());
            assert!(!format!("{token:?}").contains(token.reveal()));
        }
    }

    #[test]
    fn gotify_3_prefixes_are_given_where_they_are_asked_for() {
        for (kind, prefix) in [
            (TokenKind::Application, "gtfya."),
            (TokenKind::Client, "gtfyc."),
        ] {
            let token = Token::generate_as(kind, TokenForm::Prefixed).unwrap();
            assert!(token.reveal().starts_with(prefix));
            assert_eq!(token.reveal().len(), prefix.len() + 43);
            assert_eq!(token.reveal().matches('.').count(), 1);
            assert_eq!(token.hash(), Token::from_request(token.reveal()).hash());
            let short = Token::generate_as(kind, TokenForm::Short).unwrap();
            assert_eq!(short.reveal().len(), 15);
        }
    }
}
