//! The list of all that the crates have for others, so that a change of it is seen where it is made.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::package::{Published, published};
use crate::shell::{cargo, program, root, say, target};

/// Where the list is.
const LIST: &str = "docs/reference/api.txt";

/// The format of rustdoc that can be read here: that of Rust 1.95.
const FORMAT: u32 = 57;

/// How many lines that differ are shown.
const SHOWN: usize = 40;

/// Fails if the list is not what the crates have. A toolchain whose rustdoc writes another format is skipped, out loud.
pub(crate) fn check() -> Result<()> {
    let found = match list()? {
        Listing::Is(list) => list,
        Listing::OtherFormat(format) => {
            say(&format!(
                "skipped: rustdoc of this toolchain writes format {format}, and {LIST} is made from {FORMAT}"
            ));
            return Ok(());
        }
    };
    let listed = fs::read_to_string(root().join(LIST)).unwrap_or_default();
    if listed == found {
        return Ok(());
    }
    bail!(
        "the public API is not as {LIST} has it; if that is wanted, `cargo xtask api` rewrites it:\n{}",
        difference(&listed, &found)
    )
}

/// Writes the list anew.
pub(crate) fn write() -> Result<()> {
    match list()? {
        Listing::Is(list) => {
            fs::write(root().join(LIST), list).with_context(|| format!("cannot write {LIST}"))
        }
        Listing::OtherFormat(format) => bail!(
            "rustdoc of this toolchain writes format {format}, and {LIST} is made from {FORMAT}, which Rust 1.95 has"
        ),
    }
}

enum Listing {
    Is(String),
    OtherFormat(u32),
}

/// All crates, each with what it has, in the order of its paths. Without what every type has: blanket implementations, those of auto traits, and derived
/// ones.
fn list() -> Result<Listing> {
    let mut crates: Vec<_> = published()?.into_iter().filter(Published::is_library).collect();
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    let folder = describe()?;
    let mut list =
        "What flowmeter's crates have for others, with all features. `cargo xtask api` writes it.\n"
            .to_owned();
    for Published { name, .. } in &crates {
        let path = folder.join(name.replace('-', "_")).with_extension("json");
        let format = format_of(&path)?;
        if format != FORMAT {
            return Ok(Listing::OtherFormat(format));
        }
        let api = public_api::Builder::from_rustdoc_json(&path)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .omit_auto_derived_impls(true)
            .build()
            .with_context(|| format!("cannot read {}", path.display()))?;
        let _ = write!(list, "\n# {name}\n\n");
        for item in api.items() {
            let _ = writeln!(list, "{item}");
        }
    }
    Ok(Listing::Is(list))
}

/// Has rustdoc describe the crates, in the way that all else is documented, so that no dependency is compiled for it. Returns the
/// folder of the descriptions.
fn describe() -> Result<PathBuf> {
    let folder = target().join("api");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // The description is not stable, which rustdoc is told to accept; rustc is not, because dependencies look at that.
    let rustdoc = folder.join("rustdoc");
    fs::write(&rustdoc, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n")?;
    program("chmod").args(["+x"]).args([&rustdoc]).run()?;
    let flags = "-Z unstable-options --output-format json --cap-lints allow";
    cargo(["doc", "--quiet", "--workspace", "--all-features", "--no-deps"])
        .env("RUSTDOC", &rustdoc)
        .env("RUSTDOCFLAGS", flags)
        .run()?;
    Ok(target().join("doc"))
}

/// The format of a description.
fn format_of(path: &Path) -> Result<u32> {
    #[derive(Deserialize)]
    struct Description {
        format_version: u32,
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let Description { format_version } = serde_json::from_str(&text)
        .with_context(|| format!("{} is no description of rustdoc", path.display()))?;
    Ok(format_version)
}

/// The lines that only one of two lists has, with the crates that they are of, the first of them if there are many.
fn difference(listed: &str, found: &str) -> String {
    let (listed, found) = (by_crate(listed), by_crate(found));
    let gone = listed.iter().filter(|line| !found.contains(*line)).map(|(of, line)| (*of, '-', *line));
    let new = found.iter().filter(|line| !listed.contains(*line)).map(|(of, line)| (*of, '+', *line));
    let mut lines: Vec<_> = gone.chain(new).collect();
    lines.sort_by_key(|(of, _, line)| (*of, *line));
    let more = lines.len().saturating_sub(SHOWN);
    let mut shown: String =
        lines.into_iter().take(SHOWN).map(|(of, sign, line)| format!("{sign} {of}: {line}\n")).collect();
    if more > 0 {
        let _ = writeln!(shown, "and {more} more lines");
    }
    shown
}

/// The lines of a list, each with its crate.
fn by_crate(list: &str) -> BTreeSet<(&str, &str)> {
    let mut of = "";
    let mut lines = BTreeSet::new();
    for line in list.lines() {
        match line.strip_prefix("# ") {
            Some(name) => of = name,
            None if line.is_empty() => {}
            None => {
                lines.insert((of, line));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_shown_with_its_crate() {
        let listed = "Head\n\n# a\n\npub fn a::f()\npub fn a::g()\n\n# b\n\npub fn b::f()\n";
        let found = "Head\n\n# a\n\npub fn a::f(u32)\npub fn a::g()\n\n# b\n\npub fn b::f()\npub fn b::h()\n";
        let expected = "- a: pub fn a::f()\n+ a: pub fn a::f(u32)\n+ b: pub fn b::h()\n";
        assert_eq!(difference(listed, found), expected);
        assert_eq!(difference(found, found), "");
    }

    #[test]
    fn of_many_lines_the_first_are_shown() {
        let found: String = (0..SHOWN + 3).map(|number| format!("pub fn a::f{number}()\n")).collect();
        let shown = difference("", &format!("# a\n{found}"));
        assert_eq!(shown.lines().count(), SHOWN + 1);
        assert!(shown.ends_with("and 3 more lines\n"));
    }
}
