//! The reporter of the how-to does what every reporter must, as another implementation of CSV reads it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../docs/how-to/csv_reporter.rs"]
#[allow(unreachable_pub, reason = "it is a crate of its own elsewhere")]
mod csv_reporter;

use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::path::PathBuf;

use csv_reporter::CsvFactory;
use flowmeter_core::{ConfigSection, Number, Reporter, ReporterFactory, ReporterHandle};
use flowmeter_testkit::compatibility::{Abilities, Held, Scenario, Subject, check, check_factory};
use flowmeter_testkit::{Observed, PATIENCE};

/// The lines that were appended since the report before.
struct Appended {
    path: PathBuf,
    read: u64,
}

impl Appended {
    fn new() -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let path = folder.join(format!("reporter-{:?}.csv", std::thread::current().id()));
        File::create(&path).unwrap();
        Self { path, read: 0 }
    }

    fn section(&self) -> ConfigSection {
        ConfigSection::new("reporters.csv").with("path", self.path.to_str().unwrap())
    }
}

impl Subject for Appended {
    fn reporter(&mut self) -> Box<dyn Reporter> {
        CsvFactory.build(&self.section()).unwrap()
    }

    fn report(&mut self, reporter: &ReporterHandle) -> Result<(), String> {
        self.read = fs::metadata(&self.path).map_err(|error| error.to_string())?.len();
        reporter.report_now(PATIENCE).map_err(|error| error.to_string())
    }

    fn held(&mut self) -> Result<Vec<Held>, String> {
        let mut file = File::open(&self.path).map_err(|error| error.to_string())?;
        file.seek(SeekFrom::Start(self.read)).map_err(|error| error.to_string())?;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file);
        reader
            .records()
            .map(|record| {
                let record = record.map_err(|error| error.to_string())?;
                let [_, metric, variables, value, count] = record.iter().collect::<Vec<_>>()[..] else {
                    return Err(format!("{record:?} has not five fields"));
                };
                let value = match count.parse() {
                    Ok(count) => Observed::Histogram { count, sum: value.parse().map_err(|_| value)? },
                    Err(_) => observed(value),
                };
                Ok(Held::new(format!("{metric} {variables}"), value))
            })
            .collect()
    }

    fn abilities(&self) -> Abilities {
        // All variables are one field.
        Abilities { labels: false, ..Abilities::default() }
    }
}

fn observed(value: &str) -> Observed {
    let number = value.parse().map(Number::U64).or_else(|_| value.parse().map(Number::I64));
    let number = number.or_else(|_| value.parse().map(Number::F64)).map(Observed::Number);
    number.unwrap_or_else(|_| value.parse().map_or_else(|_| Observed::Text(value.to_owned()), Observed::Bool))
}

impl Drop for Appended {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[test]
fn the_reporter_of_the_how_to_is_compatible() {
    let skipped = check(Appended::new).unwrap_or_else(|failures| panic!("{failures}"));
    assert_eq!(skipped, [Scenario::Refusal], "a file takes what it is given");
    check_factory(&CsvFactory, &Appended::new().section()).unwrap();
}

#[test]
fn the_how_to_shows_what_is_tested() {
    let shown = include_str!("../../docs/how-to/write-a-reporter.md");
    assert!(shown.contains(include_str!("../../docs/how-to/csv_reporter.rs")));
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_that_names_the_reporter() {
    let registry = flowmeter_core::Registry::new();
    let section = ConfigSection::new("reporters.csv").with("path", "/no/such/folder/metrics.csv");
    let error =
        registry.add_configured_reporter("csv", std::sync::Arc::new(CsvFactory), section).unwrap_err();
    assert!(
        error.to_string().starts_with(
            "reporter `csv` cannot start: cannot open /no/such/folder/metrics.csv: No such file"
        ),
        "{error}"
    );
}
