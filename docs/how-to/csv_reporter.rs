//! A reporter that appends lines of CSV to a file.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use flowmeter_core::{
    ConfigError, ConfigKey, ConfigSection, Family, GroupView, KeyInfo, Naming, Report, ReportError, Reporter,
    ReporterContext, ReporterFactory, Value,
};

/// Writes `time,metric,variables,value,count`; the value of a histogram is its sum, and only it has a count.
pub struct CsvReporter {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Reporter for CsvReporter {
    /// A line has the variables beside the name, so the name alone need not tell its series apart.
    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn start(&mut self, _: &ReporterContext) -> Result<(), ReportError> {
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        let file = file.map_err(|error| format!("cannot open {}: {error}", self.path.display()))?;
        self.file = Some(BufWriter::new(file));
        Ok(())
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        // Quoted, so that no two groups are written alike.
        let variables: Vec<_> = group.variables().map(|(key, value)| format!("{key:?}={value:?}")).collect();
        quote(&variables.join(","), out);
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        quote(&format!("{}.{}", family.logical_scope(), family.name()), out);
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let Some(file) = &mut self.file else { return Err("the file is not open".into()) };
        let time = report.unix_time().as_millis();
        for family in report.families() {
            family.for_each(|series| {
                write!(file, "{time},")?;
                file.write_all(family.prepared())?;
                file.write_all(b",")?;
                file.write_all(series.prepared())?;
                match series.value() {
                    Value::Number(number) => writeln!(file, ",{number},"),
                    Value::Bool(value) => writeln!(file, ",{value},"),
                    Value::Text(text) => writeln!(file, ",{},", quoted(text)),
                    Value::Histogram(snapshot) => writeln!(file, ",{},{}", snapshot.sum(), snapshot.count()),
                    _ => writeln!(file, ",,"),
                }
            })?;
        }
        Ok(file.flush()?)
    }

    fn stop(&mut self) {
        self.file = None;
    }
}

fn quote(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(quoted(text).as_bytes());
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

const PATH: ConfigKey<PathBuf> = ConfigKey::new("path", "The file that lines are appended to.");

/// Makes CSV reporters of sections with `type = "csv"`.
pub struct CsvFactory;

impl ReporterFactory for CsvFactory {
    fn reporter_type(&self) -> &str {
        "csv"
    }

    fn keys(&self) -> &[KeyInfo] {
        const { &[PATH.info()] }
    }

    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        Ok(Box::new(CsvReporter { path: section.get(&PATH)?, file: None }))
    }
}
