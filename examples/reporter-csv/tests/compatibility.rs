//! The reporter does what every reporter must, as another implementation of CSV reads it.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use flowmeter_core::{ConfigSection, Number, Reporter, ReporterFactory, ReporterHandle};
use flowmeter_testkit::compatibility::{Held, Subject, check, check_factory};
use flowmeter_testkit::{Observed, PATIENCE};
use reporter_csv::CsvFactory;

/// A file, of which the lines are read that the last report has added.
struct Appended {
    path: PathBuf,
    read: u64,
}

impl Appended {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}.csv", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self { path: Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), read: 0 }
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
        // Only the first report has a header before its lines.
        let reader = csv::ReaderBuilder::new().has_headers(self.read == 0).from_reader(file);
        reader.into_records().map(|record| held(&record.map_err(|error| error.to_string())?)).collect()
    }

    fn refuse(&mut self, refuse: bool) -> bool {
        let aside = self.path.with_extension("aside");
        if refuse {
            fs::rename(&self.path, aside).unwrap();
            fs::create_dir(&self.path).unwrap();
        } else {
            fs::remove_dir(&self.path).unwrap();
            fs::rename(aside, &self.path).unwrap();
        }
        true
    }
}

impl Drop for Appended {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// What a line says.
fn held(record: &csv::StringRecord) -> Result<Held, String> {
    let [_, variables, metric, value, count] = record.iter().collect::<Vec<_>>()[..] else {
        return Err(format!("{record:?} has not five fields"));
    };
    let number = value.parse().map(Number::U64).or_else(|_| value.parse().map(Number::I64));
    let number = number.or_else(|_| value.parse().map(Number::F64));
    let value = match (count.parse(), number, value.parse()) {
        (Ok(count), Ok(sum), _) => Observed::Histogram { count, sum: sum.to_f64() },
        (_, Ok(number), _) => Observed::Number(number),
        (_, _, Ok(truth)) => Observed::Bool(truth),
        _ => Observed::Text(value.to_owned()),
    };
    Ok(Held { name: metric.to_owned(), labels: pairs(variables), value })
}

/// Reads `key=value;key=value`, with backslashes before what would be misread.
fn pairs(variables: &str) -> Vec<(String, String)> {
    let (mut pairs, mut is_value) = (Vec::new(), false);
    let mut chars = variables.chars();
    let mut pair = (String::new(), String::new());
    while let Some(c) = chars.next() {
        let c = match c {
            '=' => {
                is_value = true;
                continue;
            }
            ';' => {
                pairs.push(std::mem::take(&mut pair));
                is_value = false;
                continue;
            }
            '\\' => chars.next().unwrap(),
            c => c,
        };
        if is_value { pair.1.push(c) } else { pair.0.push(c) }
    }
    if is_value {
        pairs.push(pair);
    }
    pairs
}

#[test]
fn the_reporter_is_compatible() {
    let skipped = check(Appended::new).unwrap_or_else(|failures| panic!("{failures}"));
    assert_eq!(skipped, []);
}

#[test]
fn the_factory_is_compatible() {
    check_factory(&CsvFactory, &Appended::new().section()).unwrap();
}
