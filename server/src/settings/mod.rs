//! The settings of a server from all of their sources. One that several sources
//! have is taken from the first of these: a flag, a variable `MORTISE_...`, a
//! variable `GOTIFY_...` or `OTEL_...`, the file, the default.

mod file;
mod gotify;
mod otel;
mod variable;

use std::{
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _, parser::ValueSource};

pub use self::gotify::{
    Converted, ConvertedSetting, Given, GotifyConfigError, convert,
    from_environment as gotify_environment, from_file as gotify_file,
};
use crate::Config;

/// The name of the file in the data directory.
const FILE: &str = "mortise.toml";
/// The file for a whole machine.
const MACHINE_FILE: &str = "/etc/mortise/mortise.toml";

/// The place that a setting's value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag.
    Flag,
    /// An environment variable of this name.
    Variable(String),
    /// The file.
    File(PathBuf),
    /// No place has it.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => formatter.write_str("flag"),
            Self::Variable(name) => formatter.write_str(name),
            Self::File(path) => path.display().fmt(formatter),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// A setting and where its value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, as in the file and behind the dashes of its flag.
    pub name: String,
    /// Its values as text; none if it is not set and has no default.
    pub values: Vec<String>,
    /// The place of the value.
    pub source: Source,
    /// True if it is a secret.
    pub secret: bool,
}

/// All settings of a server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// As types.
    pub config: Config,
    /// Each of them with its source.
    pub all: Vec<Setting>,
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// Remarks on settings of Gotify that have no effect.
    pub notes: Vec<String>,
    /// The filter of the log where RUST_LOG has none, as Gotify's variable sets it.
    pub log_filter: Option<&'static str>,
}

/// The reason for which settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the settings in {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{} is no TOML: {cause}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The cause, with its line.
        cause: String,
    },
    /// A setting of the file has no meaning.
    #[error("{}: `{name}` is no setting{}", path.display(), nearest.as_ref().map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?")))]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// The most similar name of a setting.
        nearest: Option<String>,
    },
    /// A value cannot be read.
    #[error("{place}: `{name}`: {cause}")]
    Value {
        /// Its place.
        place: Source,
        /// The setting, or the variable.
        name: String,
        /// The cause.
        cause: String,
    },
    /// The settings contradict each other.
    #[error("the settings together cannot be used: {0}")]
    Together(String),
    /// A variable of Gotify's cannot be understood.
    #[error(transparent)]
    Gotify(#[from] GotifyConfigError),
}

impl Settings {
    /// Reads the settings: `matches` are of a command with the arguments of
    /// [`Config`], and `file` is the file that its user names, if any.
    ///
    /// # Errors
    ///
    /// [`SettingsError`].
    pub fn read(matches: &ArgMatches, file: Option<&Path>) -> Result<Self, SettingsError> {
        let command = command();
        let mut converted = gotify::convert(&gotify::from_environment()?)?;
        let (standard, notes) = otel::from_environment().map_err(|error| SettingsError::Value {
            place: Source::Default,
            name: "OTEL_..._FILE".to_owned(),
            cause: error.to_string(),
        })?;
        converted.settings.extend(standard);
        converted.notes.extend(notes);
        let data_dir = values_of(matches, "data_dir");
        let file = file
            .map(Path::to_owned)
            .or_else(|| found(data_dir.first().map(String::as_str)));
        let in_file = match &file {
            Some(path) => file::read(path, &command)?,
            None => Vec::new(),
        };
        if file.is_none() {
            converted.notes.extend(gotify::unread_files());
        }
        let mut all = Vec::new();
        for argument in command.get_arguments() {
            let (id, Some(name)) = (argument.get_id().as_str(), argument.get_long()) else {
                continue;
            };
            let variable = || argument.get_env().map(|name| name.to_string_lossy());
            let there = |values: &[(String, Vec<String>)]| {
                let found = values.iter().find(|(found, _)| found == name);
                found.map(|(_, values)| values.clone())
            };
            let given = matches.value_source(id);
            let (values, source) = if given == Some(ValueSource::CommandLine) {
                (values_of(matches, id), Source::Flag)
            } else if given == Some(ValueSource::EnvVariable) {
                let name = variable().unwrap_or_default().into_owned();
                (values_of(matches, id), Source::Variable(name))
            } else if let Some(value) = converted.settings.iter().find(|one| one.name == name) {
                (
                    value.values.clone(),
                    Source::Variable(value.variable.clone()),
                )
            } else if let (Some(values), Some(path)) = (there(&in_file), &file) {
                (values, Source::File(path.clone()))
            } else {
                (values_of(matches, id), Source::Default)
            };
            all.push(Setting {
                name: name.to_owned(),
                values,
                source,
                secret: argument.is_hide_env_values_set(),
            });
        }
        Ok(Self {
            config: parsed(&all)?,
            all,
            file,
            notes: converted.notes,
            log_filter: converted.log_filter,
        })
    }

    /// Names of settings whose values differ.
    pub fn changed(&self, other: &Self) -> Vec<String> {
        let both = self.all.iter().zip(&other.all);
        both.filter(|(one, other)| one.values != other.values)
            .map(|(one, _)| one.name.clone())
            .collect()
    }
}

/// A command with the settings as its arguments.
fn command() -> Command {
    Config::augment_args(Command::new("mortise serve").no_binary_name(true))
}

fn values_of(matches: &ArgMatches, id: &str) -> Vec<String> {
    let raw = matches.try_get_raw(id).ok().flatten();
    raw.into_iter()
        .flatten()
        .map(|value| value.to_string_lossy().into_owned())
        .collect()
}

/// The first of the usual files that is there.
fn found(data_dir: Option<&str>) -> Option<PathBuf> {
    let beside_data = Path::new(data_dir.unwrap_or("data")).join(FILE);
    [beside_data, PathBuf::from(MACHINE_FILE)]
        .into_iter()
        .find(|path| path.exists())
}

/// The settings as types. Each is read on its own first, so that an error names
/// its place.
fn parsed(all: &[Setting]) -> Result<Config, SettingsError> {
    let mut flags: Vec<OsString> = Vec::new();
    for setting in all {
        let own = flags_of(setting);
        if let Err(error) = command().try_get_matches_from(own.clone()) {
            return Err(SettingsError::Value {
                place: setting.source.clone(),
                name: setting.name.clone(),
                cause: cause(&error),
            });
        }
        flags.extend(own);
    }
    let matches = command()
        .try_get_matches_from(flags)
        .map_err(|error| SettingsError::Together(cause(&error)))?;
    let config = Config::from_arg_matches(&matches)
        .map_err(|error| SettingsError::Together(cause(&error)))?;
    // Not by clap, which would look for both in one place.
    if config.oidc.issuer.is_some() && config.oidc.client_id.is_none() {
        let text = "oidc-issuer is set and oidc-client-id is not: set it to the id that the provider \
                    has for this server";
        return Err(SettingsError::Together(text.to_owned()));
    }
    Ok(config)
}

fn flags_of(setting: &Setting) -> Vec<OsString> {
    let values = setting.values.iter();
    values
        .map(|value| format!("--{}={value}", setting.name).into())
        .collect()
}

/// What clap says, without its label, its usage and its hints.
fn cause(error: &clap::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = text.find("\n\n").unwrap_or(text.len());
    let text = text.get(..end).unwrap_or(text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
