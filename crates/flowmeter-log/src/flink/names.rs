//! Identifiers as Flink has them: all characters stay but the delimiter, and here also but those that a line cannot have.

use flowmeter_core::{Family, GroupView, ScopeKind};

use crate::text::on_one_line;

/// Where a name stands.
pub(super) enum FlinkName {
    /// Below the group.
    Group(String),
    /// Below the system group, where Flink has the metrics that have names of their own.
    System(String),
    /// Below the system group of another kind, with the values of those parts that are variables behind them.
    Elsewhere(ScopeKind, Vec<String>),
}

/// What a family is called, and what its rate is where Flink has that as a metric of its own: several where Flink goes on with
/// names that a metric had before.
pub(super) fn of(family: &Family, delimiter: char) -> (Vec<FlinkName>, Vec<FlinkName>) {
    let named = |whole: String, own_name: &str| {
        if family.name_in("flink").is_none() {
            return FlinkName::Group(component(own_name, delimiter));
        }
        if let Some(rest) = below(&whole, family.system_scope()) {
            let parts: Vec<_> = rest.split('.').map(|part| component(part, delimiter)).collect();
            return FlinkName::System(parts.join(&*delimiter.encode_utf8(&mut [0; 4])));
        }
        let around = ScopeKind::ALL.iter().filter(|kind| below(&whole, kind.logical_scope()).is_some());
        let kind = around.max_by_key(|kind| kind.logical_scope().len()).copied().unwrap_or(ScopeKind::Root);
        let rest = below(&whole, kind.logical_scope()).unwrap_or(&whole);
        FlinkName::Elsewhere(kind, rest.split('.').map(str::to_owned).collect())
    };
    let rate = family.metric().rate_name().unwrap_or_default();
    let names = family.flink_names().into_iter().map(|whole| named(whole, family.name()));
    let rates = family.flink_rate_names().into_iter().map(|whole| named(whole, rate));
    (names.collect(), rates.collect())
}

/// What of a whole name is below a scope.
fn below<'a>(whole: &'a str, scope: &str) -> Option<&'a str> {
    if scope.is_empty() { Some(whole) } else { whole.strip_prefix(scope)?.strip_prefix('.') }
}

/// A component of an identifier.
pub(super) fn component(text: &str, delimiter: char) -> String {
    on_one_line(text).replace(delimiter, if delimiter == '_' { "-" } else { "_" })
}

/// Components, with a delimiter behind each.
pub(super) fn joined(components: &[impl AsRef<str>], delimiter: char) -> String {
    components.iter().flat_map(|text| [component(text.as_ref(), delimiter), delimiter.to_string()]).collect()
}

impl FlinkName {
    /// Writes the whole name of one series.
    pub(super) fn write(&self, prepared: &[u8], group: &GroupView<'_>, delimiter: char, out: &mut String) {
        let system = |kind| joined(&group.system_components(kind).unwrap_or_default(), delimiter);
        match self {
            Self::Group(name) => {
                out.push_str(&String::from_utf8_lossy(prepared));
                out.push_str(name);
            }
            Self::System(name) => {
                out.push_str(&system(group.scope_kind()));
                out.push_str(name);
            }
            Self::Elsewhere(kind, parts) => {
                out.push_str(&system(*kind));
                let variables: Vec<_> = group.variables().collect();
                let value_of = |part: &str| variables.iter().find(|(key, _)| *key == part);
                let components: Vec<_> = parts
                    .iter()
                    .flat_map(|part| std::iter::once(&**part).chain(value_of(part).map(|(_, value)| *value)))
                    .collect();
                out.push_str(&joined(&components, delimiter));
                out.pop();
            }
        }
    }
}
