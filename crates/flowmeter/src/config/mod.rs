//! Configuration from files and environment variables.
//!
//! ```
//! use flowmeter::Flowmeter;
//! use flowmeter::config::Config;
//!
//! let config = Config::from_toml(
//!     "
//!     metrics.scope.tm = '<tm_id>'
//!
//!     [reporters.prom]
//!     type = 'prometheus'
//!     port = '9249-9260'
//!     filter.excludes = '*:*:histogram'
//!     ",
//! )?;
//! let config = config.with_environment([("FLOWMETER_REPORTER_PROM_PORT", "0")])?;
//! # #[cfg(feature = "prometheus")]
//! let flowmeter = Flowmeter::builder().with_config(config).start()?;
//! # Ok::<(), flowmeter::Error>(())
//! ```
//!
//! TOML and YAML have the same keys; nested tables and dots in names are one thing. In YAML there may be more than what is for
//! flowmeter, so that Flink's `config.yaml` can be taken as it is.
//!
//! ```text
//! toml, yaml ──> entries ──> layout ──┐
//! environment ──> variables ──────────┴──> plan ──> reporters that run
//!                                           ^
//!                   types, kind, flink ─────┘
//! ```

mod configured;
mod entries;
mod error;
mod flink;
mod kind;
mod layout;
mod place;
mod plan;
pub mod reference;
mod reload;
mod settings;
mod toml;
mod types;
mod variables;
mod yaml;

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

pub use self::error::ConfigFileError;
pub use self::place::Place;
pub use self::reload::Reload;
pub use self::settings::{
    CheckpointSpanDetail, EngineSettings, JobStatusSelection, LatencyGranularity, StateTracking,
};

pub(crate) use self::configured::Configured;
use self::layout::Layout;
use self::place::Origin;
pub(crate) use self::types::Types;
use self::variables::Variables;

/// How many bytes a file can have.
const LARGEST: u64 = 4 * 1024 * 1024;

/// What a file says, and environment variables over it. What it comes to depends on the types of reporters that there are, so that
/// unknown keys of reporters are found when it is started.
#[derive(Clone, Default, PartialEq)]
pub struct Config {
    layout: Layout,
    variables: Variables,
}

impl Config {
    /// Reads a file by its name: TOML if it ends in `.toml`, YAML if in `.yaml` or `.yml`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is named otherwise, or is wrong.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigFileError> {
        let path = path.as_ref();
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let read = match extension.as_str() {
            "toml" => Self::read_toml,
            "yaml" | "yml" => Self::read_yaml,
            _ => return Err(ConfigFileError::Extension { path: path.to_owned() }),
        };
        let bytes =
            bytes_of(path).map_err(|source| ConfigFileError::Read { path: path.to_owned(), source })?;
        let origin = Arc::new(Origin::File(path.to_owned()));
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            ConfigFileError::NotUtf8 { place: Place::line(&origin, line) }
        })?;
        read(&text, &origin)
    }

    /// Reads TOML.
    ///
    /// # Errors
    ///
    /// When it is none, or has a key that nothing has a use for.
    pub fn from_toml(text: &str) -> Result<Self, ConfigFileError> {
        Self::read_toml(text, &Arc::new(Origin::Text))
    }

    /// Reads YAML. What is not for flowmeter in it, such as `jobmanager`, is left alone.
    ///
    /// # Errors
    ///
    /// When it is none, or has a key that nothing has a use for.
    pub fn from_yaml(text: &str) -> Result<Self, ConfigFileError> {
        Self::read_yaml(text, &Arc::new(Origin::Text))
    }

    /// Reads the file that the environment variable `FLOWMETER_CONFIG` names, if it is set, and takes the environment variables over
    /// it.
    ///
    /// # Errors
    ///
    /// When the file or a variable is wrong.
    pub fn from_env() -> Result<Self, ConfigFileError> {
        Self::from_environment(env::vars_os())
    }

    /// The same with these for the environment variables.
    ///
    /// # Errors
    ///
    /// When the file or a variable is wrong.
    pub fn from_environment(
        variables: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>,
    ) -> Result<Self, ConfigFileError> {
        let variables = variables::of(variables)?;
        let config = variables::file(&variables).map(Self::from_file).transpose()?.unwrap_or_default();
        Ok(Self { variables, ..config })
    }

    /// Takes these for the environment variables, which come before what is given by other means. Those that are for others are
    /// left alone.
    ///
    /// # Errors
    ///
    /// When one that is for flowmeter is no text. Whether there is a use for it is found out when reporters are started.
    pub fn with_environment(
        mut self,
        variables: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>,
    ) -> Result<Self, ConfigFileError> {
        self.variables = variables::of(variables)?;
        Ok(self)
    }

    fn read_toml(text: &str, origin: &Arc<Origin>) -> Result<Self, ConfigFileError> {
        let layout = Layout::of(toml::read(text, origin)?, false)?;
        Ok(Self { layout, variables: Variables::new() })
    }

    fn read_yaml(text: &str, origin: &Arc<Origin>) -> Result<Self, ConfigFileError> {
        let layout = Layout::of(yaml::read(text, origin)?, true)?;
        Ok(Self { layout, variables: Variables::new() })
    }
}

/// What is in a file, unless it has more than a configuration would.
fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        let message = format!("it has more than {} MiB", LARGEST / (1024 * 1024));
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

impl fmt::Debug for Config {
    /// Without the values: some may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sections = &self.layout.sections;
        let of_reporters = sections
            .iter()
            .flat_map(|(id, section)| section.entries.keys().map(|key| format!("{}.{key}", id.path())));
        let keys: Vec<_> = self.layout.globals.keys().cloned().chain(of_reporters).collect();
        let variables: Vec<_> = self.variables.keys().collect();
        f.debug_struct("Config").field("keys", &keys).field("variables", &variables).finish()
    }
}
