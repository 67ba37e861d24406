//! The tutorial shows the code that is tested, all of it, and a configuration can name what it writes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../examples/reporter-csv/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is a crate of its own elsewhere")]
mod reporter_csv;

use std::fs;
use std::path::Path;

use flowmeter::Flowmeter;
use reporter_csv::CsvFactory;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What a document shows of a file: the lines of all blocks behind a comment with its name, without empty ones.
fn shown<'a>(document: &'a str, file: &str) -> Vec<&'a str> {
    let marker = format!("<!-- {file} -->");
    let mut lines = document.lines();
    let mut shown = Vec::new();
    while let Some(line) = lines.next() {
        if line == marker {
            let fence = lines.next().unwrap_or_default();
            assert!(fence.starts_with("```"), "behind a comment that names a file is its code");
            shown.extend(lines.by_ref().take_while(|line| *line != "```").filter(|line| !line.is_empty()));
        }
    }
    shown
}

#[test]
fn the_tutorial_shows_all_of_the_example() {
    let read = |path: &str| fs::read_to_string(Path::new(ROOT).join(path)).expect("it is there");
    let document = read("docs/tutorial/write-a-reporter.md");
    for file in ["Cargo.toml", "src/lib.rs", "tests/compatibility.rs"] {
        let code = read(&format!("examples/reporter-csv/{file}"));
        let code: Vec<_> = code.lines().filter(|line| !line.is_empty()).collect();
        let shown = shown(&document, file);
        let differs = code.iter().zip(&shown).position(|(line, shown)| line != shown);
        if let Some(line) = differs {
            panic!("{file} has\n{}\nwhere the tutorial shows\n{}", code[line], shown[line]);
        }
        assert_eq!(code.len(), shown.len(), "of {file} the tutorial shows the first or too many lines");
    }
}

#[test]
fn a_file_names_the_reporter_of_the_tutorial() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (file, lines) = (folder.join("tutorial.toml"), folder.join("tutorial.csv"));
    let _ = fs::remove_file(&lines);
    fs::write(&file, format!("[reporters.csv]\ntype = 'csv'\npath = '{}'\n", lines.display())).unwrap();
    let flowmeter =
        Flowmeter::from_config_file(&file).unwrap().with_reporter_type(CsvFactory).start().unwrap();
    flowmeter.add_group("shop").counter("orders").inc();
    drop(flowmeter);
    let written = fs::read_to_string(&lines).unwrap();
    assert!(written.contains(",\"\",\"shop.orders\",1,\n"), "{written}");
}
