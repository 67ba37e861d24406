//! The crates as others get them: packed, looked at, unpacked elsewhere, and built upon.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::shell::{cargo, program, root, say, target};

/// The crate that is built upon the packages, in a place of its own.
const EXAMPLE: &str = "examples/reporter-csv";

/// The packages that it depends on.
const NEEDED: [&str; 2] = ["flowmeter-core", "flowmeter-testkit"];

/// What every package has beside its code.
const FILES: [&str; 5] = ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs"];

/// Packs all crates that can be published, and builds and tests the example upon them.
pub(crate) fn check() -> Result<()> {
    let crates = published()?;
    let folder = pack(&crates)?;
    for published in &crates {
        published.check(&folder).with_context(|| format!("the package {}", published.name))?;
    }
    say(&format!("{} packages have what they need", crates.len()));
    build_example(&folder)
}

/// A crate that can be published, as Cargo describes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Published {
    pub(crate) name: String,
    version: String,
    description: Option<String>,
    license: Option<String>,
    documentation: Option<String>,
    rust_version: Option<String>,
    readme: Option<PathBuf>,
    keywords: Vec<String>,
    categories: Vec<String>,
    /// The registries that it may go to: none for those that stay here.
    publish: Option<Vec<String>>,
    targets: Vec<Target>,
    features: BTreeMap<String, Vec<String>>,
}

/// What is compiled of it.
#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
}

/// The crates that can be published.
pub(crate) fn published() -> Result<Vec<Published>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Published>,
    }
    let metadata = cargo(["metadata", "--no-deps", "--format-version", "1"]).output()?;
    let metadata: Metadata = serde_json::from_str(&metadata).context("`cargo metadata` is no such JSON")?;
    Ok(metadata.packages.into_iter().filter(|package| package.publish.is_none()).collect())
}

/// The features of a crate that can be published.
pub(crate) fn features_of(name: &str) -> Result<Vec<String>> {
    let published = published()?.into_iter().find(|published| published.name == name);
    Ok(published.with_context(|| format!("no crate is called {name}"))?.features.into_keys().collect())
}

impl Published {
    /// Whether it is compiled into others, and not a macro.
    pub(crate) fn is_library(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "lib"))
    }

    /// Its folder among the packages.
    fn folder(&self, packages: &Path) -> PathBuf {
        packages.join(format!("{}-{}", self.name, self.version))
    }

    /// Looks whether its description is whole, and its files are there.
    fn check(&self, packages: &Path) -> Result<()> {
        let said = [
            ("description", self.description.is_some()),
            ("license", self.license.is_some()),
            ("documentation", self.documentation.is_some()),
            ("rust-version", self.rust_version.is_some()),
            ("readme", self.readme.is_some()),
            ("keywords", !self.keywords.is_empty()),
            ("categories", !self.categories.is_empty()),
        ];
        for (key, is_said) in said {
            ensure!(is_said, "has no `{key}` in its Cargo.toml");
        }
        let folder = self.folder(packages);
        for file in FILES {
            ensure!(folder.join(file).is_file(), "has no file {file}");
        }
        let readme = fs::read_to_string(folder.join("README.md"))?;
        ensure!(
            readme.starts_with(&format!("# {}\n", self.name)),
            "the first line of its README.md is not its name"
        );
        if let Some(link) = relative_link(&readme) {
            bail!("its README.md has a link to `{link}`, which leads nowhere outside of the repository");
        }
        Ok(())
    }
}

/// A link of a document to a file beside it.
fn relative_link(document: &str) -> Option<&str> {
    let links = document.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    links.into_iter().find(|link| !link.starts_with("https://") && !link.starts_with('#'))
}

/// Packs and unpacks all of them. Returns the folder that they are in.
fn pack(crates: &[Published]) -> Result<PathBuf> {
    let packages = crates.iter().flat_map(|published| ["--package", &published.name]);
    // What is packed is what is there, committed or not; and it is built below.
    // All that it asks a registry for is here already on a machine that has built the crates, and a look at the registry would be minutes of
    // attempts where there is no network.
    let package = |arguments: &[&str]| cargo(arguments).args(packages.clone());
    let is_packed = package(&["package", "--quiet", "--offline", "--allow-dirty", "--no-verify"]).succeeds();
    if !is_packed {
        package(&["package", "--quiet", "--allow-dirty", "--no-verify"]).run()?;
    }
    let folder = target().join("packages");
    if folder.exists() {
        for published in crates {
            let old = published.folder(&folder);
            if old.exists() {
                fs::remove_dir_all(&old).with_context(|| format!("cannot remove {}", old.display()))?;
            }
        }
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for Published { name, version, .. } in crates {
        let package = target().join("package").join(format!("{name}-{version}.crate"));
        program("tar").args(["-xzf"]).args([&package]).args(["-C"]).args([&folder]).run()?;
    }
    Ok(folder)
}

/// Builds and tests the example from a copy, where nothing of the repository is beside it: with the packages in the place of those that
/// are not published yet.
fn build_example(packages: &Path) -> Result<()> {
    let manifest = root().join(EXAMPLE).join("Cargo.toml");
    cargo(["fmt", "--check", "--manifest-path"]).args([manifest]).run()?;
    let copy = packages.join("reporter-csv");
    if copy.exists() {
        fs::remove_dir_all(&copy).with_context(|| format!("cannot remove {}", copy.display()))?;
    }
    for folder in ["", "src", "tests"] {
        copy_files(&root().join(EXAMPLE).join(folder), &copy.join(folder))?;
    }
    // The versions that all else is tested with.
    fs::copy(root().join("Cargo.lock"), copy.join("Cargo.lock"))?;
    let patches: Vec<_> = published()?
        .into_iter()
        .filter(|published| NEEDED.contains(&&*published.name))
        .flat_map(|published| {
            let path = published.folder(packages).display().to_string();
            ["--config".to_owned(), format!("patch.crates-io.{}.path={path:?}", published.name)]
        })
        .collect();
    let in_copy = |arguments: &[&str]| {
        let cargo = cargo(arguments).args(&patches).directory(&copy);
        cargo.env("CARGO_TARGET_DIR", packages.join("target"))
    };
    // As above, the network is for what is not here.
    let offline = in_copy(&["fetch", "--quiet", "--offline"]).succeeds().to_string();
    let in_copy = |arguments: &[&str]| in_copy(arguments).env("CARGO_NET_OFFLINE", &offline);
    in_copy(&["clippy", "--quiet", "--all-targets"]).args(["--", "-D", "warnings"]).run()?;
    // Many panics in the compatibility kit are wanted.
    in_copy(&["test", "--quiet"]).env("RUST_BACKTRACE", "0").run()
}

/// Copies the files of a folder, without the folders in it.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found() {
        assert_eq!(relative_link("[a](https://a.example) and [b](#b)"), None);
        assert_eq!(relative_link("[a](https://a.example) and [b](../b.md)"), Some("../b.md"));
    }
}
