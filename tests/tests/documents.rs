//! Documents say what is so.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the document is, for its links.
const EXPLANATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/explanation");

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The files below a folder that end in `.md`.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("it can be read").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let below = folders.iter().flat_map(|folder| pages(folder));
    files.into_iter().filter(is_page).chain(below).collect()
}

/// The files of this repository that the links of a page lead to.
fn targets(page: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(page).expect("it is there");
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let paths = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    let paths = paths.map(|target| target.split('#').next().unwrap_or(target));
    paths.map(|path| page.parent().unwrap_or(page).join(path)).collect()
}

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

#[test]
fn links_lead_to_files_and_the_list_of_documents_has_all() {
    let docs = Path::new(ROOT).join("docs");
    let documents = pages(&docs);
    let others = ["README.md", "CONTRIBUTING.md"].map(|name| Path::new(ROOT).join(name));
    let links =
        |page: &PathBuf| targets(page).into_iter().map(|target| (page.clone(), target)).collect::<Vec<_>>();
    let dead: Vec<_> =
        documents.iter().chain(&others).flat_map(links).filter(|(_, target)| !target.exists()).collect();
    assert!(dead.is_empty(), "{dead:#?}");

    let list = docs.join("README.md");
    let listed = targets(&list);
    let missing: Vec<_> = documents.iter().filter(|page| **page != list && !listed.contains(page)).collect();
    assert!(missing.is_empty(), "docs/README.md does not name {missing:#?}");
}
