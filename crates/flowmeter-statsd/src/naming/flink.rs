//! Names as Flink's StatsD reporter has them.
//!
//! Source: `flink-metrics-statsd` of Flink 2.3.0, by what it writes.

use std::borrow::Cow;

use flowmeter_core::{Family, GroupView, ScopeKind};

use super::{Characters, write_char, write_prefix};
use crate::StatsdOptions;

/// How many bytes behind a prepared identifier say how much of it is the system group's.
const LENGTH: usize = 4;

/// Writes the identifier of a group with the delimiter behind it, and then how much of that is the system group's, below
/// which Flink has the metrics that it has names of its own for.
pub(crate) fn prepare_group(options: &StatsdOptions, group: &GroupView<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    write_prefix(options, out);
    let system = group.system_components(group.scope_kind()).map_or(0, |components| components.len());
    let components = group.components();
    let (system, user) = components.split_at(system.min(components.len()));
    write_components(options, system, out);
    let length = u32::try_from(out.len() - start).unwrap_or(0);
    write_components(options, user, out);
    out.extend_from_slice(&length.to_le_bytes());
}

fn write_components(options: &StatsdOptions, components: &[Cow<'_, str>], out: &mut Vec<u8>) {
    for component in components {
        if component.is_empty() {
            // Flink leaves the place of what is empty.
            write_char(options.delimiter, out);
            continue;
        }
        Characters::Flink.write_component(component, options.delimiter, out);
        write_char(options.delimiter, out);
    }
}

/// The identifiers of a group and of its system group, with the delimiter behind each.
fn split_prepared(prepared: &[u8]) -> (&[u8], &[u8]) {
    let Some((identifier, length)) = prepared.split_last_chunk::<LENGTH>() else { return (prepared, &[]) };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(0);
    (identifier, identifier.get(..length).unwrap_or_default())
}

/// A family as Flink has it: several where Flink goes on with names that a metric had before, or has the rate of a sum as
/// a metric of its own.
pub(crate) struct FlinkFamily {
    pub(crate) names: Vec<FlinkName>,
    pub(crate) rates: Vec<FlinkName>,
}

/// Where a name stands.
pub(crate) enum FlinkName {
    /// Below the group.
    Group(Vec<u8>),
    /// Below the system group.
    System(Vec<u8>),
    /// Below the system group of another kind, with the values of those parts that are variables behind them.
    Elsewhere(ScopeKind, Vec<String>),
}

impl FlinkFamily {
    pub(crate) fn of(options: &StatsdOptions, family: &Family) -> Self {
        let own = family.name_in("flink").is_none();
        let named = |whole: String, own_name: &str| {
            if own {
                return FlinkName::Group(written(options, [own_name]));
            }
            match below(&whole, family.system_scope()) {
                Some(rest) => FlinkName::System(written(options, rest.split('.'))),
                None => {
                    let around = |kind: &&ScopeKind| below(&whole, kind.logical_scope()).is_some();
                    let kinds = ScopeKind::ALL.iter().filter(around);
                    let kind = kinds.max_by_key(|kind| kind.logical_scope().len());
                    let kind = kind.copied().unwrap_or(ScopeKind::Root);
                    let rest = below(&whole, kind.logical_scope()).unwrap_or(&whole);
                    FlinkName::Elsewhere(kind, rest.split('.').map(str::to_owned).collect())
                }
            }
        };
        let rate = family.metric().rate_name().unwrap_or_default();
        let names = family.flink_names().into_iter().map(|whole| named(whole, family.name()));
        let rates = family.flink_rate_names().into_iter().map(|whole| named(whole, rate));
        Self { names: names.collect(), rates: rates.collect() }
    }
}

/// What of a whole name is below a scope.
fn below<'a>(whole: &'a str, scope: &str) -> Option<&'a str> {
    if scope.is_empty() { Some(whole) } else { whole.strip_prefix(scope)?.strip_prefix('.') }
}

/// The parts of a name with delimiters between them.
fn written<'a>(options: &StatsdOptions, parts: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut out = Vec::new();
    write_parts(options, parts, &mut out);
    out
}

fn write_parts<'a>(options: &StatsdOptions, parts: impl IntoIterator<Item = &'a str>, out: &mut Vec<u8>) {
    for (number, part) in parts.into_iter().enumerate() {
        if number > 0 {
            write_char(options.delimiter, out);
        }
        Characters::Flink.write_component(part, options.delimiter, out);
    }
}

impl FlinkName {
    /// Writes the whole name of one series.
    pub(crate) fn write(
        &self,
        options: &StatsdOptions,
        prepared: &[u8],
        group: GroupView<'_>,
        out: &mut Vec<u8>,
    ) {
        let (identifier, system) = split_prepared(prepared);
        match self {
            Self::Group(name) => {
                out.extend_from_slice(identifier);
                out.extend_from_slice(name);
            }
            Self::System(name) => {
                out.extend_from_slice(system);
                out.extend_from_slice(name);
            }
            Self::Elsewhere(kind, parts) => {
                write_prefix(options, out);
                write_components(options, &group.system_components(*kind).unwrap_or_default(), out);
                let variables: Vec<_> = group.variables().collect();
                let value_of = |part: &String| variables.iter().find(|(key, _)| key == part);
                let components = parts.iter().flat_map(|part| {
                    std::iter::once(part.as_str()).chain(value_of(part).map(|(_, value)| *value))
                });
                write_parts(options, components, out);
            }
        }
    }
}
