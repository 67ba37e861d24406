//! The lists in `docs/reference` say what the code says.

use std::path::Path;
use std::{env, fs};

use flowmeter_e2e::reference;

#[test]
fn documents_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut stale = Vec::new();
    for document in reference::documents() {
        let path = root.join(document.path);
        if env::var_os("FLOWMETER_WRITE_GOLDEN").is_some() {
            fs::write(&path, &document.text).expect("the repository can be written");
        } else if fs::read_to_string(&path).ok().as_ref() != Some(&document.text) {
            stale.push(document.path);
        }
    }
    assert!(
        stale.is_empty(),
        "run `cargo xtask docs`: the code says something else than {}",
        stale.join(", ")
    );
}

#[test]
fn every_metric_of_flink_is_there_or_does_not_apply() {
    let complaints = reference::complaints();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn the_readme_has_the_counts() {
    let page =
        reference::documents().into_iter().find(|document| document.text.starts_with("# Flink's metrics"));
    let page = page.expect("it is there").text;
    let number_before = |words: &str| {
        let (before, _) = page.split_once(words).expect("the page has the counts");
        before.rsplit(|c: char| !c.is_ascii_digit()).next().map(ToOwned::to_owned).expect("a number")
    };
    let [all, here, not] = [" metrics, by its", " are in flowmeter", " do not apply"].map(number_before);
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = fs::read_to_string(readme).expect("it is there");
    let words: Vec<_> = readme.split_whitespace().collect();
    let expected = format!("of {all}, {here} are here, and {not} do not apply");
    assert!(words.join(" ").contains(&expected), "README does not say `{expected}`");
}
