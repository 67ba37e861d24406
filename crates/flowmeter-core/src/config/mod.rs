//! Configuration in the core's terms: keys that say what they take, sections that hold what was given, and factories that
//! make reporters of them.
//!
//! Files and environment variables are read elsewhere. Whatever they are written in, they come here as text and lists of text
//! under keys with dots, and the keys that a reporter declares give them their types.

mod key;
mod section;
mod value;

pub use key::{ConfigKey, KeyInfo};
pub use section::{ConfigError, ConfigSection};
pub use value::{ConfigValue, FromConfig};

use std::sync::Arc;

use crate::Reporter;

/// The key that every section may have.
pub(crate) const TYPE: ConfigKey<Option<String>> =
    ConfigKey::new("type", "The type of the reporter, by which its factory is found.");

/// Makes reporters of one type from their sections of a configuration.
///
/// ```
/// use std::path::PathBuf;
/// use flowmeter_core::{ConfigError, ConfigKey, ConfigSection, KeyInfo, Reporter, ReporterFactory};
/// # use flowmeter_core::{Report, ReportError};
/// # struct Csv(PathBuf, bool);
/// # impl Reporter for Csv {
/// #     fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> { Ok(()) }
/// # }
///
/// const PATH: ConfigKey<PathBuf> = ConfigKey::new("path", "The file that lines are appended to.");
/// const HEADER: ConfigKey<bool> =
///     ConfigKey::new("header", "Whether a new file begins with the names of the columns.").with_default("true");
///
/// struct CsvFactory;
///
/// impl ReporterFactory for CsvFactory {
///     fn reporter_type(&self) -> &str {
///         "csv"
///     }
///
///     fn keys(&self) -> &[KeyInfo] {
///         const { &[PATH.info(), HEADER.info()] }
///     }
///
///     fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
///         Ok(Box::new(Csv(section.get(&PATH)?, section.get(&HEADER)?)))
///     }
/// }
///
/// let section = ConfigSection::new("reporters.csv").with("path", "metrics.csv").with("haeder", "false");
/// let error = section.check(CsvFactory.keys()).unwrap_err();
/// assert_eq!(error.to_string(), "unknown key `reporters.csv.haeder`: did you mean `header`? The keys are `header`, `path`");
/// ```
pub trait ReporterFactory: Send + Sync {
    /// The name of the type, as `prometheus` in `type = "prometheus"`. A section of another type is an error.
    fn reporter_type(&self) -> &str;

    /// The keys of a section, beside [those of all reporters](crate::ReporterOptions::keys).
    fn keys(&self) -> &[KeyInfo];

    /// Values for keys of which a section says nothing, also for those of all reporters: for what a standard has elsewhere, such as
    /// in environment variables. Asked once for each reporter, before its section is looked at. By default there are none.
    fn defaults(&self) -> Vec<(&'static str, ConfigValue)> {
        Vec::new()
    }

    /// Makes a reporter. It opens nothing yet: that is [`Reporter::start`]'s part. Called again to replace one that panicked.
    ///
    /// # Errors
    ///
    /// When a value of the section is missing or not what its key takes.
    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError>;
}

impl<F: ReporterFactory + ?Sized> ReporterFactory for Arc<F> {
    fn reporter_type(&self) -> &str {
        (**self).reporter_type()
    }

    fn keys(&self) -> &[KeyInfo] {
        (**self).keys()
    }

    fn defaults(&self) -> Vec<(&'static str, ConfigValue)> {
        (**self).defaults()
    }

    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        (**self).build(section)
    }
}
