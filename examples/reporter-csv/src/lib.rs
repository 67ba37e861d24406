//! A reporter that appends lines of CSV to a file.
//!
//! The file begins with the line `time,variables,metric,value,count`. Then each report adds a line for each series:
//!
//! ```text
//! 1795332714288,"host=host-1;tm_id=tm-1","taskmanager.numRecordsIn",42,
//! ```
//!
//! The time is in milliseconds since the Unix epoch. The value of a histogram is its sum, and only it has a count.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flowmeter_core::{
    ConfigError, ConfigKey, ConfigSection, Family, GroupView, KeyInfo, Report, ReportError, Reporter,
    ReporterContext, ReporterFactory, Value,
};

/// Appends to a file that no other process writes.
#[derive(Debug)]
pub struct CsvReporter {
    path: PathBuf,
    separator: char,
    context: Option<ReporterContext>,
}

impl CsvReporter {
    /// A reporter with commas between the fields.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), separator: ',', context: None }
    }

    /// Sets what is between the fields.
    #[must_use]
    pub fn with_separator(mut self, separator: char) -> Self {
        self.separator = separator;
        self
    }
}

impl Reporter for CsvReporter {
    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        append(&self.path, &[], &[]).map_err(|error| self.failed(&error))?;
        self.context = Some(context.clone());
        Ok(())
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        let pair = |(key, value)| format!("{}={}", escaped(key), escaped(value));
        let variables: Vec<_> = group.variables().map(pair).collect();
        out.extend_from_slice(quoted(&variables.join(";")).as_bytes());
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        let name = match family.logical_scope() {
            "" => family.name().to_owned(),
            scope => format!("{scope}.{}", family.name()),
        };
        out.extend_from_slice(quoted(&name).as_bytes());
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let (time, separator) = (report.unix_time().as_millis(), self.separator);
        let (mut lines, mut unknown) = (Vec::new(), 0);
        for family in report.families() {
            family.for_each(|series| {
                let (value, count) = match series.value() {
                    Value::Number(number) => (number.to_string(), String::new()),
                    Value::Bool(value) => (value.to_string(), String::new()),
                    Value::Text(text) => (quoted(text), String::new()),
                    Value::Histogram(snapshot) => (snapshot.sum().to_string(), snapshot.count().to_string()),
                    // What a later version of flowmeter may have.
                    _ => {
                        unknown += 1;
                        return Ok(());
                    }
                };
                write!(lines, "{time}{separator}")?;
                lines.extend_from_slice(series.prepared());
                write!(lines, "{separator}")?;
                lines.extend_from_slice(family.prepared());
                writeln!(lines, "{separator}{value}{separator}{count}")
            })?;
        }
        append(&self.path, &self.header(), &lines).map_err(|error| self.failed(&error))?;
        if let Some(context) = &self.context {
            context.count_bytes(lines.len() as u64);
            context.count_dropped(unknown);
        }
        Ok(())
    }
}

impl CsvReporter {
    fn header(&self) -> Vec<u8> {
        let names = ["time", "variables", "metric", "value", "count"];
        (names.join(&self.separator.to_string()) + "\n").into_bytes()
    }

    fn failed(&self, error: &io::Error) -> ReportError {
        format!("cannot append to {}: {error}", self.path.display()).into()
    }
}

/// Appends to a file, which begins with a header. What cannot be written whole is not written at all, or its first half would stay
/// when the disk is full, and the next report would go on in the middle of a line.
fn append(path: &Path, header: &[u8], lines: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    let bytes = if length == 0 { [header, lines].concat() } else { lines.to_vec() };
    // In one call, and not through a buffer that is lost with the process.
    let result = file.write_all(&bytes);
    if result.is_err() {
        let _ = file.set_len(length);
    }
    result
}

/// A text as one field.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A key or a value, so that no two groups have the same variables in the file.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | ';' | '=') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

const PATH: ConfigKey<PathBuf> = ConfigKey::new("path", "The file that lines are appended to.");
const SEPARATOR: ConfigKey<char> =
    ConfigKey::new("separator", "What is between the fields: a comma, a semicolon or a tab.")
        .with_default(",");

const KEYS: &[KeyInfo] = &[PATH.info(), SEPARATOR.info()];

/// Makes CSV reporters of sections with `type = "csv"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CsvFactory;

impl ReporterFactory for CsvFactory {
    fn reporter_type(&self) -> &str {
        "csv"
    }

    fn keys(&self) -> &[KeyInfo] {
        KEYS
    }

    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        let separator = section.get(&SEPARATOR)?;
        if !matches!(separator, ',' | ';' | '\t') {
            return Err(section.invalid(&SEPARATOR, "readers of CSV know `,`, `;` and the tab"));
        }
        Ok(Box::new(CsvReporter::new(section.get(&PATH)?).with_separator(separator)))
    }
}
