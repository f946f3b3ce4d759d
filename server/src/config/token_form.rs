//! The form of new tokens.

/// The form of new tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TokenForm {
    /// 15 characters that begin with `A` or `C`, as in Gotify before version 3.
    #[default]
    Short,
    /// `gtfya.` or `gtfyc.` and the seed of a key, as in Gotify 3.
    Prefixed,
}
