//! Documents say what is so.

use std::fs;
use std::path::Path;

/// Where the document is, for its links.
const EXPLANATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/explanation");

/// A test and the file that has it, as ``[`crate::file::test`](path)``.
fn link(cell: &str) -> Option<(&str, &str)> {
    cell.strip_prefix("[`")?.strip_suffix(')')?.split_once("`](")
}

/// Whether a source has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<_> = source.lines().map(str::trim_start).collect();
    let is_test = |line: usize| {
        let attributes = lines[..line].iter().rev().take_while(|line| line.starts_with("#["));
        attributes.into_iter().any(|attribute| *attribute == "#[test]")
    };
    let begin = format!("fn {name}(");
    (0..lines.len()).any(|line| lines[line].starts_with(&begin) && is_test(line))
}

/// What is wrong with the link to a test.
fn complaint(cell: &str) -> Option<String> {
    let Some((path, target)) = link(cell) else { return Some(format!("`{cell}` is no link to a test")) };
    let Ok(source) = fs::read_to_string(Path::new(EXPLANATION).join(target)) else {
        return Some(format!("there is no file {target}"));
    };
    let test = path.rsplit("::").next().unwrap_or(path);
    let file = target.trim_start_matches("../").trim_start_matches("crates/").trim_end_matches(".rs");
    let expected = file.replacen("/src/", "/", 1).replacen("/tests/", "/", 1).replace('-', "_");
    if path != format!("{}::{test}", expected.replace('/', "::")) {
        return Some(format!("`{path}` is not in {target}"));
    }
    (!has_test(&source, test)).then(|| format!("{target} has no test `{test}`"))
}

#[test]
fn every_flaw_of_flink_has_tests_that_exist() {
    let document = fs::read_to_string(Path::new(EXPLANATION).join("flink.md")).expect("it is there");
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    let rows: Vec<Vec<String>> = document.lines().filter(|line| line.starts_with("| ")).map(cells).collect();
    let (heads, flaws): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row[0] == "in Flink 2.3.0");
    assert!(flaws.len() > heads.len(), "the tables are gone");
    let complaints: Vec<_> = flaws
        .iter()
        .flat_map(|row| {
            assert_eq!(row.len(), 3, "{row:?}");
            row[2].split(", ").filter_map(complaint)
        })
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}
