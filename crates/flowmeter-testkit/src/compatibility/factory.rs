//! What a reporter's factory must do.

use std::collections::HashSet;

use flowmeter_core::{ConfigSection, KeyInfo, ReporterFactory, ReporterOptions};

/// Looks whether a factory's keys are described, are nobody else's and have defaults that they take, and whether it makes
/// reporters of a section that is right, again and again.
///
/// # Errors
///
/// What is wrong.
pub fn check_factory(factory: &dyn ReporterFactory, section: &ConfigSection) -> Result<(), String> {
    if factory.reporter_type().is_empty() {
        return Err("the type of its reporters has no name".to_owned());
    }
    let mut names: HashSet<_> = ReporterOptions::keys().iter().map(KeyInfo::name).collect();
    for key in factory.keys() {
        let name = key.name();
        if !names.insert(name) {
            return Err(format!("the key `{name}` is there twice"));
        }
        let others = ReporterOptions::keys().iter().chain(factory.keys());
        if let Some(other) = others.map(KeyInfo::name).find(|other| *other != name && key.takes(other)) {
            return Err(format!("the key `{other}` would be an entry of the map `{name}`"));
        }
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(format!(
                "the key `{name}` is not in lower case, with dots and hyphens between words"
            ));
        }
        if key.description().is_empty() || key.expected().is_empty() {
            return Err(format!("the key `{name}` is not described"));
        }
        if let Some(default) = key.default() {
            let section = ConfigSection::new("default").with(name, default);
            section.check([key]).map_err(|error| error.to_string())?;
        }
    }
    let keys = || factory.keys().iter().chain(ReporterOptions::keys());
    section.check(keys()).map_err(|error| error.to_string())?;
    for _ in 0..2 {
        drop(factory.build(section).map_err(|error| error.to_string())?);
    }
    let unknown = section.clone().with("no-such-key", "1");
    if unknown.check(keys()).is_ok() {
        return Err("it takes any key".to_owned());
    }
    Ok(())
}
