//! What is in the file, and what becomes of it when something goes wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowmeter_core::{ConfigSection, Registry, ReporterHandle};
use flowmeter_testkit::{PATIENCE, on_request, quiet_registry};
use reporter_csv::{CsvFactory, CsvReporter};

/// An empty place for the file of a test.
fn path(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}.csv", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

fn reporting(reporter: CsvReporter) -> (Registry, ReporterHandle) {
    let registry = quiet_registry();
    let handle = registry.add_reporter("csv", Box::new(reporter), on_request()).unwrap();
    (registry, handle)
}

/// The lines without their times.
fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned()).collect()
}

#[test]
fn a_file_has_one_header_and_a_line_a_series_and_report() {
    let path = path("lines");
    for count in 1..=2 {
        let (registry, handle) = reporting(CsvReporter::new(&path));
        let group = registry.task_manager("host-1", "tm \"1\"; x=y");
        let counter = group.counter("n");
        counter.inc_by(count);
        let sizes = group.histogram::<u64>("sizes");
        [2, 5].into_iter().for_each(|size| sizes.record(size));
        handle.report_now(PATIENCE).unwrap();
        assert!(handle.status().bytes > 0);
        registry.remove_reporter("csv", PATIENCE).unwrap();
    }
    let variables = r#""host=host-1;tm_id=tm ""1""\; x\=y""#;
    let line = |metric: &str, values: &str| format!(r#",{variables},"taskmanager.{metric}",{values}"#);
    let report = |count: u64| [line("n", &format!("{count},")), line("sizes", "7,2")];
    let lines = lines(&path);
    assert_eq!(lines[0], "time,variables,metric,value,count");
    // Each time there was a last report when the reporter went.
    assert_eq!(lines[1..], [report(1), report(1), report(2), report(2)].concat());
    fs::remove_file(path).unwrap();
}

#[test]
fn who_rotates_the_file_need_tell_nobody() {
    let (path, rotated) = (path("rotated"), path("rotated-1"));
    let (registry, handle) = reporting(CsvReporter::new(&path).with_separator(';'));
    let counter = registry.add_group("g").counter("n");
    handle.report_now(PATIENCE).unwrap();
    fs::rename(&path, &rotated).unwrap();
    handle.report_now(PATIENCE).unwrap();
    let expected = ["time;variables;metric;value;count", r#";"";"g.n";0;"#];
    assert_eq!(lines(&rotated), expected);
    assert_eq!(lines(&path), expected);
    drop(counter);
    fs::remove_file(rotated).unwrap();
    drop(registry);
    fs::remove_file(path).unwrap();
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_that_names_it() {
    let section = ConfigSection::new("reporters.csv").with("path", "/no/such/folder/metrics.csv");
    let error = Registry::new().add_configured_reporter("csv", Arc::new(CsvFactory), section).unwrap_err();
    let error = error.to_string();
    let expected = "reporter `csv` cannot start: cannot append to /no/such/folder/metrics.csv: No such file";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn a_separator_that_readers_do_not_know_is_an_error_that_names_the_key() {
    let section = ConfigSection::new("reporters.csv").with("path", "metrics.csv").with("separator", "x");
    let error = Registry::new().add_configured_reporter("csv", Arc::new(CsvFactory), section).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("`reporters.csv.separator` cannot be `x`"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_fails_the_report() {
    let (registry, handle) = reporting(CsvReporter::new("/dev/full"));
    let counter = registry.add_group("g").counter("n");
    let error = handle.report_now(PATIENCE).unwrap_err().to_string();
    assert!(error.contains("cannot append to /dev/full: No space left on device"), "{error}");
    drop(counter);
}

/// How many series have more lines than the file may have bytes.
#[cfg(target_os = "linux")]
const MANY: usize = 1_000;

#[cfg(target_os = "linux")]
#[test]
fn of_a_report_that_has_no_room_nothing_stays() {
    const CHILD: &str = "REPORTER_CSV_CHILD";
    let path = path("no-room");
    if let Some(path) = std::env::var_os(CHILD) {
        return report_without_room(Path::new(&path));
    }
    // A limit for the files of a process is the nearest to a full disk that needs no rights, and its signal is not to end it.
    let this = std::env::current_exe().unwrap();
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$0\" --exact of_a_report_that_has_no_room_nothing_stays";
    let child = std::process::Command::new("sh").args(["-c", script]).arg(this).env(CHILD, &path).output();
    let child = child.unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    let lines = lines(&path);
    assert_eq!(lines.len(), 2, "the header, and the only report that had room");
    assert_eq!(lines[1], r#","","g.small",0,"#);
    fs::remove_file(path).unwrap();
}

#[cfg(target_os = "linux")]
fn report_without_room(path: &Path) {
    let (registry, handle) = reporting(CsvReporter::new(path));
    let small = registry.add_group("g").counter("small");
    handle.report_now(PATIENCE).unwrap();
    let group = registry.add_group("g");
    let many: Vec<_> = (0..MANY).map(|number| group.counter(format!("n{number}"))).collect();
    for _ in 0..3 {
        let error = handle.report_now(PATIENCE).unwrap_err().to_string();
        assert!(error.contains("File too large"), "{error}");
    }
    drop((small, many));
}
