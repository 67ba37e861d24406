//! The reporter from a configuration.

use flowmeter_core::{
    ConfigError, ConfigKey, ConfigSection, ConfigValue, FromConfig, KeyInfo, Reporter, ReporterFactory,
};

use crate::{LogLevel, LogOptions, LogReporter, NamingPolicy, Signals};

const SIGNALS: ConfigKey<Signals> = ConfigKey::new("signals", "What is written: metrics, spans and events.")
    .with_default("metrics;traces;logs");
const NAMING: ConfigKey<NamingPolicy> =
    ConfigKey::new("naming", "What lines look like: a line a group, or the text of Flink's SLF4J reporter.")
        .with_default("native");
const LEVEL: ConfigKey<LogLevel> =
    ConfigKey::new("level", "The level of reports and spans; events have that of their severity.")
        .with_default("info");
const MESSAGE_SIZE: ConfigKey<Option<usize>> = ConfigKey::new(
    "message-size",
    "How many bytes a message has at most: 16384 if not given, and 1048576 in Flink's form.",
);
const LINES: ConfigKey<usize> = ConfigKey::new(
    "lines",
    "How many messages a report has at most, and how many spans and events are written in an interval.",
)
.with_default("10000");

const KEYS: &[KeyInfo] = &[SIGNALS.info(), NAMING.info(), LEVEL.info(), MESSAGE_SIZE.info(), LINES.info()];

/// A key that all reporters have.
const DELIMITER: ConfigKey<char> = ConfigKey::new("scope.delimiter", "").with_default(".");

/// Makes log reporters of sections with `type = "log"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogFactory;

impl ReporterFactory for LogFactory {
    fn reporter_type(&self) -> &str {
        "log"
    }

    fn keys(&self) -> &[KeyInfo] {
        KEYS
    }

    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        Ok(Box::new(LogReporter::new(options(section)?)))
    }
}

/// What a section says.
fn options(section: &ConfigSection) -> Result<LogOptions, ConfigError> {
    const LEAST: usize = LogOptions::LEAST_MESSAGE_SIZE;
    const GREATEST: usize = LogOptions::GREATEST_MESSAGE_SIZE;
    let message_size = section.get(&MESSAGE_SIZE)?;
    if message_size.is_some_and(|bytes| !(LEAST..=GREATEST).contains(&bytes)) {
        return Err(section.invalid(&MESSAGE_SIZE, format!("it can be {LEAST} to {GREATEST}")));
    }
    let lines = section.get(&LINES)?;
    if lines == 0 {
        return Err(section.invalid(&LINES, "nothing would be written"));
    }
    Ok(LogOptions {
        signals: section.get(&SIGNALS)?,
        naming: section.get(&NAMING)?,
        level: section.get(&LEVEL)?,
        message_size,
        lines,
        delimiter: section.get(&DELIMITER)?,
    })
}

impl FromConfig for Signals {
    const EXPECTED: &'static str =
        "a list of `metrics`, `traces` for spans and `logs` for events, or these with `;` between them";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        let mut signals = Self::none();
        for word in Vec::<String>::from_config(value)? {
            match word.as_str() {
                "metrics" => signals.metrics = true,
                "traces" => signals.spans = true,
                "logs" => signals.events = true,
                _ => return Err(format!("`{word}` is none of them")),
            }
        }
        Ok(signals)
    }
}

impl FromConfig for NamingPolicy {
    const EXPECTED: &'static str = "`native` or `flink`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()? {
            "native" => Ok(Self::Native),
            "flink" => Ok(Self::Flink),
            _ => Err(String::new()),
        }
    }
}

impl FromConfig for LogLevel {
    const EXPECTED: &'static str = "`trace`, `debug`, `info`, `warn` or `error`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()?.to_ascii_lowercase().as_str() {
            "trace" => Ok(Self::Trace),
            "debug" => Ok(Self::Debug),
            "info" => Ok(Self::Info),
            "warn" => Ok(Self::Warn),
            "error" => Ok(Self::Error),
            _ => Err(String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowmeter_core::ReporterOptions;

    fn section(pairs: &[(&str, &str)]) -> ConfigSection {
        pairs
            .iter()
            .fold(ConfigSection::new("reporters.x"), |section, (key, value)| section.with(*key, *value))
    }

    fn shown(pairs: &[(&str, &str)]) -> String {
        format!("{:?}", options(&section(pairs)).unwrap())
    }

    #[test]
    fn an_empty_section_is_the_defaults() {
        assert_eq!(shown(&[]), format!("{:?}", LogOptions::default()));
    }

    #[test]
    fn every_key_has_its_effect() {
        let pairs = [
            ("signals", "traces;logs"),
            ("naming", "flink"),
            ("level", "DEBUG"),
            ("message-size", "1000"),
            ("lines", "7"),
            ("scope.delimiter", "_"),
        ];
        let expected = LogOptions::default()
            .with_signals(Signals::none().and_spans().and_events())
            .with_naming(NamingPolicy::Flink)
            .with_level(LogLevel::Debug)
            .with_message_size(1000)
            .with_lines(7)
            .with_delimiter('_');
        assert_eq!(shown(&pairs), format!("{expected:?}"));
        section(&pairs).check(KEYS.iter().chain(ReporterOptions::keys())).unwrap();
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (key, value, said) in [
            ("signals", "spans", "`spans` is none of them"),
            ("naming", "slf4j", "`native` or `flink`"),
            ("level", "loud", "`trace`, `debug`, `info`, `warn` or `error`"),
            ("message-size", "255", "it can be 256 to 16777216"),
            ("message-size", "16777217", "it can be 256 to 16777216"),
            ("lines", "0", "nothing would be written"),
        ] {
            let error = options(&section(&[(key, value)])).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`reporters.x.{key}` cannot be `{value}`")), "{error}");
            assert!(error.contains(said), "{error}");
        }
    }
}
