//! What kind of reporter a section is for.

use std::sync::Arc;

use flowmeter_core::ReporterFactory;

use super::ConfigFileError;
use super::entries::{Entry, Written};
use super::error::{Listed, legible, nearest};
use super::flink::{self, Here, Preset};
use super::layout::{Id, Section, Space};
use super::types::{Types, has_metrics_alone, is_bundled};

/// The key of the type, and Flink's key of the class that makes the reporter.
pub(super) const TYPE: &str = "type";
pub(super) const FACTORY_CLASS: &str = "factory.class";
/// What Flink had before `factory.class`.
const CLASS: &str = "class";

/// What makes a reporter.
pub(super) struct Kind<'a> {
    pub(super) factory: &'a Arc<dyn ReporterFactory>,
    /// What makes it do as Flink does, if that was asked for.
    pub(super) presets: &'static [Preset],
    /// What it reports, if not all that its type does.
    pub(super) space: Space,
}

impl<'a> Kind<'a> {
    /// What a section says, or else the name of the reporter.
    pub(super) fn of(id: &Id, section: &Section, types: &'a Types) -> Result<Self, ConfigFileError> {
        let kind = match (section.entries.get(TYPE), section.entries.get(FACTORY_CLASS)) {
            (Some(_), Some(class)) => {
                let value = text(id, FACTORY_CLASS, class)?;
                let detail = format!("`{TYPE}` says it as well: leave one of them out");
                return Err(wrong(id, FACTORY_CLASS, class, value, detail));
            }
            (Some(entry), None) => Self::named(id, TYPE, entry, types)?,
            (None, Some(class)) => Self::of_class(id, class, types)?,
            (None, None) => Self::by_name(id, section, types)?,
        };
        let name = kind.factory.reporter_type();
        if matches!(id.space, Space::Traces | Space::Events) && has_metrics_alone(name) {
            let entry = section.entries.get(TYPE).or(section.entries.get(FACTORY_CLASS));
            return Err(ConfigFileError::Value {
                place: entry.map_or(&section.place, |entry| &entry.place).clone(),
                key: format!("{}.{TYPE}", id.path()),
                value: name.to_owned(),
                detail:
                    "which reports metrics alone: give `log` or `otlp`, or put it below `metrics.reporter`"
                        .to_owned(),
            });
        }
        Ok(kind)
    }

    fn named(id: &Id, key: &str, entry: &Entry, types: &'a Types) -> Result<Self, ConfigFileError> {
        let name = text(id, key, entry)?;
        if let Some(factory) = types.find(name) {
            return Ok(Self { factory, presets: &[], space: id.space });
        }
        Err(wrong(id, key, entry, name, is_no_type(name, types)))
    }

    fn of_class(id: &Id, entry: &Entry, types: &'a Types) -> Result<Self, ConfigFileError> {
        let class = text(id, FACTORY_CLASS, entry)?;
        let Some(factory) = flink::find(class) else {
            // A type of a stranger's may be named so.
            if let Some(factory) = types.find(class) {
                return Ok(Self { factory, presets: &[], space: id.space });
            }
            let detail =
                if class.contains('.') { is_no_class(class, types) } else { is_no_type(class, types) };
            return Err(wrong(id, FACTORY_CLASS, entry, class, detail));
        };
        if id.space != Space::Native && id.space != factory.space {
            let detail = format!("which belongs below `{}`: put it there", factory.space.prefix());
            return Err(wrong(id, FACTORY_CLASS, entry, class, detail));
        }
        let space = factory.space;
        match factory.here {
            Here::Nothing(instead) => Err(wrong(id, FACTORY_CLASS, entry, class, instead.to_owned())),
            Here::Type(name, presets) => match types.find(name) {
                Some(factory) => Ok(Self { factory, presets, space }),
                None => Err(wrong(id, FACTORY_CLASS, entry, class, is_off(name))),
            },
        }
    }

    fn by_name(id: &Id, section: &Section, types: &'a Types) -> Result<Self, ConfigFileError> {
        if let Some(factory) = types.find(&id.name) {
            return Ok(Self { factory, presets: &[], space: id.space });
        }
        let (key, place) = (format!("{}.{TYPE}", id.path()), section.place.clone());
        if let Some(class) = section.entries.get(CLASS).filter(|_| id.space != Space::Native) {
            let value = text(id, CLASS, class)?;
            let detail = format!(
                "Flink has no `{CLASS}` any more: give `{FACTORY_CLASS}`, with the class `{}Factory`",
                legible(value)
            );
            return Err(wrong(id, CLASS, class, value, detail));
        }
        if is_bundled(&id.name) {
            return Err(ConfigFileError::Value {
                place,
                key,
                value: id.name.clone(),
                detail: is_off(&id.name),
            });
        }
        let of_flink = if id.space == Space::Native { "" } else { "`factory.class`, or for it " };
        let expected = format!("{of_flink}one of {}", Listed(&types.names()));
        Err(ConfigFileError::NoType { place, key, expected })
    }
}

/// That the feature of a type is not on.
fn is_off(name: &str) -> String {
    format!("the type `{name}` is not built in: enable the feature `{name}` of the crate `flowmeter`")
}

fn is_no_type(name: &str, types: &Types) -> String {
    if is_bundled(name) {
        return is_off(name);
    }
    let names = types.names();
    let meant = nearest(name, names.iter().copied());
    let meant = meant.map(|nearest| format!("did you mean `{nearest}`? ")).unwrap_or_default();
    match names.as_slice() {
        [] => "and no types are built in: enable a feature of the crate `flowmeter`, such as `prometheus`"
            .to_owned(),
        names if meant.is_empty() => format!("which is no type: give one of {}", Listed(names)),
        names => format!("which is no type: {meant}There are {}", Listed(names)),
    }
}

fn is_no_class(class: &str, types: &Types) -> String {
    let last = class.rsplit('.').next().unwrap_or_default();
    let of_flink =
        flink::classes().map(|(class, ..)| class).filter(|_| class.starts_with("org.apache.flink."));
    match nearest(last, of_flink) {
        Some(nearest) => format!("which is no class that flowmeter knows: did you mean Flink's `{nearest}`?"),
        None => {
            let names = types.names();
            format!(
                "which is no class that flowmeter knows: give `{TYPE}` in its place, one of {}",
                Listed(&names)
            )
        }
    }
}

fn text<'e>(id: &Id, key: &str, entry: &'e Entry) -> Result<&'e str, ConfigFileError> {
    match &entry.value {
        Written::Text(text) => Ok(text.trim()),
        Written::Nothing => Ok(""),
        Written::List(_) => Err(unfit(id, key, entry, "a list")),
        Written::Unfit(what) => Err(unfit(id, key, entry, what)),
    }
}

fn unfit(id: &Id, key: &str, entry: &Entry, what: &'static str) -> ConfigFileError {
    ConfigFileError::Unfit { place: entry.place.clone(), key: format!("{}.{key}", id.path()), what }
}

fn wrong(id: &Id, key: &str, entry: &Entry, value: &str, detail: String) -> ConfigFileError {
    ConfigFileError::Value {
        place: entry.place.clone(),
        key: format!("{}.{key}", id.path()),
        value: legible(value),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::super::plan::Plan;
    use super::*;
    use flowmeter_core::ScopeFormats;

    fn said(text: &str) -> String {
        let config = Config::from_yaml(text).unwrap();
        Plan::of(&config, &Types::none(), &ScopeFormats::default()).unwrap_err().to_string()
    }

    #[test]
    fn a_type_that_is_not_built_in_names_its_feature() {
        let hint =
            "the type `prometheus` is not built in: enable the feature `prometheus` of the crate `flowmeter`";
        assert_eq!(
            said("reporters.x.type: prometheus"),
            format!("line 1: `reporters.x.type` cannot be `prometheus`, {hint}")
        );
        assert_eq!(
            said("reporters.prometheus.port: 1"),
            format!("line 1: `reporters.prometheus.type` cannot be `prometheus`, {hint}")
        );
        let class = "org.apache.flink.metrics.prometheus.PrometheusReporterFactory";
        assert_eq!(
            said(&format!("metrics.reporter.x.factory.class: {class}")),
            format!("line 1: `metrics.reporter.x.factory.class` cannot be `{class}`, {hint}")
        );
        assert_eq!(
            said("reporters.x.type: csv"),
            "line 1: `reporters.x.type` cannot be `csv`, and no types are built in: enable a feature of the crate \
             `flowmeter`, such as `prometheus`"
        );
    }
}
