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
