//! What a configuration comes to: settings, and reporters that can be made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flowmeter_core::{
    ConfigError, ConfigSection, ConfigValue, ReporterFactory, ReporterOptions, ScopeFormats,
};

use super::entries::{Entries, Entry, Written, has, rest_below};
use super::error::{legible, nearest};
use super::kind::{FACTORY_CLASS, Kind, TYPE};
use super::layout::{Id, Layout, Section, Space};
use super::settings::{self, EngineSettings, Names};
use super::types::Types;
use super::{Config, ConfigFileError, Place, flink, variables};

/// All that a configuration comes to. Nothing of it has started, but everything is known to be right that can be known before.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) settings: EngineSettings,
    pub(crate) scope_formats: ScopeFormats,
    /// The keys of formats that were given.
    pub(crate) format_keys: BTreeMap<&'static str, (String, Place)>,
    pub(crate) reporters: Vec<Planned>,
}

/// A reporter to be made.
#[derive(Clone)]
pub(crate) struct Planned {
    pub(crate) name: String,
    pub(crate) factory: Arc<dyn ReporterFactory>,
    pub(crate) section: ConfigSection,
    /// Whether it runs for sure, if it should.
    pub(crate) is_certain: bool,
}

impl std::fmt::Debug for Planned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Planned").field(&self.name).finish()
    }
}

impl Plan {
    /// Works out what a configuration comes to, on top of scope formats from elsewhere.
    pub(crate) fn of(
        config: &Config,
        types: &Types,
        formats: &ScopeFormats,
    ) -> Result<Self, ConfigFileError> {
        let mut layout = config.layout.clone();
        variables::apply(&mut layout, &config.variables, types)?;
        let globals = globals(&layout)?;
        let settings =
            EngineSettings::from_section(&globals).map_err(|error| placed_global(error, &layout.globals))?;
        let scope_formats = scope_formats(formats, &globals, &layout.globals)?;
        let mut reporters = Vec::new();
        for (id, section) in wanted(&layout, types)? {
            reporters.push(planned(&id, &section, &layout.globals, types)?);
        }
        let format_keys = format_keys(&globals, &layout.globals);
        Ok(Self { settings, scope_formats, format_keys, reporters })
    }
}

/// The keys that are of no one reporter, checked.
fn globals(layout: &Layout) -> Result<ConfigSection, ConfigFileError> {
    let mut section = ConfigSection::default();
    for (key, entry) in &layout.globals {
        section.set(key, entry.config_value(key)?);
    }
    section.check(&settings::keys()).map_err(|error| placed_global(error, &layout.globals))?;
    Ok(section)
}

fn placed_global(error: ConfigError, globals: &Entries) -> ConfigFileError {
    // Keys without a place are those that have their defaults, which are right.
    let place = place_of(&error, "", globals).unwrap_or_else(Place::unknown);
    ConfigFileError::Section { place, source: error }
}

/// Where the key of an error is.
fn place_of(error: &ConfigError, path: &str, entries: &Entries) -> Option<Place> {
    let (ConfigError::UnknownKey { key, .. }
    | ConfigError::InvalidValue { key, .. }
    | ConfigError::MissingValue { key, .. }) = error
    else {
        return None;
    };
    let key = if path.is_empty() { key } else { rest_below(key, path)? };
    let below = || entries.iter().find(|(name, _)| rest_below(name, key).is_some()).map(|(_, entry)| entry);
    entries.get(key).or_else(below).map(|entry| entry.place.clone())
}

fn scope_formats(
    formats: &ScopeFormats,
    globals: &ConfigSection,
    entries: &Entries,
) -> Result<ScopeFormats, ConfigFileError> {
    let mut formats = formats.clone();
    for (kind, key) in settings::SCOPE_FORMATS {
        if let Some(format) = globals.get(key).map_err(|error| placed_global(error, entries))? {
            formats = formats
                .with(*kind, &format)
                .map_err(|error| placed_global(globals.invalid(key, error.to_string()), entries))?;
        }
    }
    Ok(formats)
}

fn format_keys(globals: &ConfigSection, entries: &Entries) -> BTreeMap<&'static str, (String, Place)> {
    let given = settings::SCOPE_FORMATS.iter().filter_map(|(_, key)| {
        let name = key.info().name();
        Some((name, (globals.get(key).ok()??, entries.get(name)?.place.clone())))
    });
    given.collect()
}

/// The reporters that start: all, or those that lists name.
fn wanted(layout: &Layout, types: &Types) -> Result<Vec<(Id, Section)>, ConfigFileError> {
    let mut wanted = Vec::new();
    for spaces in [&[Space::Native, Space::Metrics][..], &[Space::Traces], &[Space::Events]] {
        let key = spaces[0].list();
        let of_spaces = layout.sections.iter().filter(|(id, _)| spaces.contains(&id.space));
        let Some((names, entry)) = list(layout, key)? else {
            wanted.extend(of_spaces.map(|(id, section)| (id.clone(), section.clone())));
            continue;
        };
        let known: Vec<_> = of_spaces.collect();
        for name in names {
            if let Some((id, section)) = known.iter().find(|(id, _)| id.name == name) {
                wanted.push(((*id).clone(), (*section).clone()));
            } else if types.find(&name).is_some() {
                let id = Id { space: spaces[0], name };
                wanted.push((id, Section::new(entry.place.clone())));
            } else {
                let known: Vec<_> = known.iter().map(|(id, _)| id.name.clone()).collect();
                let meant = nearest(&name, known.iter().map(String::as_str).chain(types.names()));
                return Err(ConfigFileError::UnknownReporter {
                    place: entry.place.clone(),
                    key,
                    below: match spaces[0] {
                        Space::Native | Space::Metrics => "`reporters` or `metrics.reporter`",
                        Space::Traces => "`traces.reporter`",
                        Space::Events => "`events.reporter`",
                    },
                    nearest: meant.map(str::to_owned),
                    name: legible(&name),
                    known,
                });
            }
        }
    }
    Ok(wanted)
}

/// The names that a list has, each once.
pub(super) fn list<'a>(
    layout: &'a Layout,
    key: &str,
) -> Result<Option<(BTreeSet<String>, &'a Entry)>, ConfigFileError> {
    let Some(entry) = layout.globals.get(key) else { return Ok(None) };
    let section = ConfigSection::default().with(key, entry.config_value(key)?);
    for list in [settings::METRICS_REPORTERS, settings::TRACES_REPORTERS, settings::EVENTS_REPORTERS] {
        if list.info().name() == key {
            let names = section.get(&list).map_err(|error| placed_global(error, &layout.globals))?;
            return Ok(names.map(|Names(names)| (names.into_iter().collect(), entry)));
        }
    }
    Ok(None)
}

/// A reporter of a section, all of whose keys are known and have values that they take.
fn planned(id: &Id, given: &Section, globals: &Entries, types: &Types) -> Result<Planned, ConfigFileError> {
    let Kind { factory, presets, space } = Kind::of(id, given, types)?;
    let path = id.path();
    let mut entries = given.entries.clone();
    entries.remove(TYPE);
    entries.remove(FACTORY_CLASS);
    if id.space != Space::Native {
        translate(&mut entries, &path, factory.reporter_type())?;
        entries.entry("interval".to_owned()).and_modify(as_milliseconds);
    }
    if let Some(delimiter) = globals.get(settings::SCOPE_DELIMITER.info().name()) {
        entries.entry("scope.delimiter".to_owned()).or_insert_with(|| delimiter.clone());
    }
    let mut section = ConfigSection::new(&path);
    for (key, entry) in &entries {
        section.set(key, entry.config_value(&format!("{path}.{key}"))?);
    }
    let mut set_default = |key: &str, or: &str, value: ConfigValue| {
        let is_taken = factory.keys().iter().chain(ReporterOptions::keys()).any(|known| known.takes(key));
        if is_taken && !has(&entries, key) && !has(&entries, or) {
            section.set(key, value);
        }
    };
    for preset in presets {
        set_default(preset.key, preset.or, preset.value.into());
    }
    for (key, value) in parts(space) {
        set_default(key, key, (*value).into());
    }
    for (key, value) in factory.defaults() {
        set_default(key, key, value);
    }
    check(&section, factory.as_ref()).map_err(|source| {
        let place = place_of(&source, &path, &entries).unwrap_or_else(|| given.place.clone());
        without_tls(&place, &source, &path, factory.reporter_type())
            .unwrap_or(ConfigFileError::Section { place, source })
    })?;
    Ok(Planned { name: id.reporter_name(), factory: Arc::clone(factory), section, is_certain: true })
}

/// That a key is unknown because the feature that brings it is not on.
fn without_tls(
    place: &Place,
    error: &ConfigError,
    path: &str,
    reporter_type: &str,
) -> Option<ConfigFileError> {
    let ConfigError::UnknownKey { key, .. } = error else { return None };
    let is_of_tls = rest_below(key, path).is_some_and(|key| rest_below(key, "tls").is_some());
    let has_it = cfg!(feature = "tls") || !matches!(reporter_type, "jmx" | "prometheus");
    (is_of_tls && !has_it).then(|| ConfigFileError::NotBuiltIn {
        place: place.clone(),
        key: legible(key),
        feature: "tls",
    })
}

/// Puts keys in the place of what Flink calls them.
fn translate(entries: &mut Entries, path: &str, reporter_type: &str) -> Result<(), ConfigFileError> {
    for (_, of_flink, here) in flink::WORDS.iter().filter(|(name, ..)| *name == reporter_type) {
        let Some(given) = entries.remove(*of_flink) else { continue };
        match entries.get(*here) {
            // It comes before what a file says.
            Some(other) if other.place.is_variable() => {}
            Some(_) => {
                return Err(ConfigFileError::Value {
                    place: given.place,
                    key: format!("{path}.{of_flink}"),
                    value: "(given)".to_owned(),
                    detail: format!("`{here}` says it as well: leave one of them out"),
                });
            }
            None => drop(entries.insert((*here).to_owned(), given)),
        }
    }
    Ok(())
}

/// What has a reporter report the part that its section is for. Those that have no spans and events do not have these keys.
fn parts(space: Space) -> &'static [(&'static str, &'static str)] {
    match space {
        Space::Native => &[],
        Space::Metrics => &[("signals", "metrics")],
        Space::Traces => &[("signals", "traces"), ("filter.excludes", "*:*:*")],
        Space::Events => &[("signals", "logs"), ("filter.excludes", "*:*:*")],
    }
}

/// A number alone is one of milliseconds in Flink's sections.
fn as_milliseconds(interval: &mut Entry) {
    if let Written::Text(text) = &mut interval.value
        && !text.trim().is_empty()
        && text.trim().bytes().all(|byte| byte.is_ascii_digit())
    {
        *text = format!("{}ms", text.trim());
    }
}

/// Does all that can be done with a section without starting anything.
fn check(section: &ConfigSection, factory: &dyn ReporterFactory) -> Result<(), ConfigError> {
    section.check(factory.keys().iter().chain(ReporterOptions::keys()))?;
    ReporterOptions::from_section(section)?;
    factory.build(section).map(drop)
}

#[cfg(all(test, feature = "log", feature = "otlp"))]
mod tests {
    use flowmeter_core::ConfigKey;

    use super::*;

    #[test]
    fn an_entry_of_a_map_is_the_one_that_the_file_has_however_it_is_spelled() {
        const ADDITIONAL: ConfigKey<Vec<(String, String)>> = ConfigKey::new("scope.variables.additional", "");
        let text = "reporters.log.scope.variables.additional: {Data-Center: file, zone: file}";
        let variable =
            |entry: &str| (format!("FLOWMETER_REPORTER_LOG_SCOPE_VARIABLES_ADDITIONAL_{entry}"), "variable");
        let variables = [variable("DATA_CENTER"), variable("NEW_ONE")];
        let config = Config::from_yaml(text).unwrap().with_environment(variables).unwrap();
        let plan = Plan::of(&config, &Types::default(), &ScopeFormats::default()).unwrap();
        let pairs = plan.reporters[0].section.get(&ADDITIONAL).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("Data-Center", "variable"), ("new_one", "variable"), ("zone", "file")]);
    }

    #[test]
    fn a_section_of_flink_is_for_its_part_alone() {
        const SIGNALS: ConfigKey<Option<String>> = ConfigKey::new("signals", "");
        const EXCLUDES: ConfigKey<Option<String>> = ConfigKey::new("filter.excludes", "");
        let text = "
metrics.reporter: {a: {type: otlp}, b: {type: log}}
traces.reporter: {a: {type: otlp}, b: {type: log}}
events.reporter: {a: {type: otlp}, b: {type: log, filter.excludes: '*:x'}}
reporters.c.type: otlp
";
        let config = Config::from_yaml(text).unwrap();
        let plan = Plan::of(&config, &Types::default(), &ScopeFormats::default()).unwrap();
        let parts: Vec<_> = plan
            .reporters
            .iter()
            .map(|Planned { name, section, .. }| {
                let [signals, excludes] = [SIGNALS, EXCLUDES].map(|key| section.get(&key).unwrap());
                (name.as_str(), signals.unwrap_or_default(), excludes.unwrap_or_default())
            })
            .collect();
        let part = |name, signals: &str, excludes: &str| (name, signals.to_owned(), excludes.to_owned());
        assert_eq!(
            parts,
            [
                part("c", "", ""),
                part("a", "metrics", ""),
                part("b", "metrics", ""),
                part("a.traces", "traces", "*:*:*"),
                part("b.traces", "traces", "*:*:*"),
                part("a.events", "logs", "*:*:*"),
                part("b.events", "logs", "*:x"),
            ]
        );
    }
}

#[cfg(all(test, feature = "prometheus", not(feature = "tls")))]
mod without_tls {
    use crate::Flowmeter;
    use crate::config::Config;

    #[test]
    fn a_key_of_tls_names_its_feature() {
        let config = Config::from_toml("[reporters.prometheus]\ntls.certificate = 'server.pem'").unwrap();
        let error = Flowmeter::builder().with_config(config).start().unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2: `reporters.prometheus.tls.certificate` takes the feature `tls` of the crate `flowmeter`: enable it, or leave the \
             key out"
        );
    }
}
