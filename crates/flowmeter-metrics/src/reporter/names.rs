//! Names and labels that every recorder takes as they are.

use flowmeter_core::{Family, GroupView, ValueType, push_snake_case};
use metrics::Label;

/// The label that has the text of a gauge.
pub(super) const TEXT: &str = "value";
/// Labels that exporters have for themselves, and ours for texts.
const RESERVED: [&str; 3] = ["le", "quantile", TEXT];

/// The name of a family: the parts of its logical scope and its own name in snake case, joined by underscores. A recorder has
/// nothing to replace in it, which it would do without looking for names that come out alike.
pub(super) fn family_name(prefix: &str, family: &Family) -> String {
    let mut name = String::new();
    for part in [prefix].into_iter().chain(family.logical_scope().split('.')).chain([family.name()]) {
        push_snake_case(part, &mut name);
    }
    if family.value_type() == ValueType::Text {
        name.push_str("_info");
    }
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        name.insert(0, '_');
    }
    name
}

/// The variables of a group as labels, without those that are empty, which no backend tells from missing ones.
pub(super) fn labels(group: &GroupView<'_>) -> Vec<Label> {
    let mut labels: Vec<Label> = Vec::with_capacity(12);
    for (key, value) in group.variables().filter(|(_, value)| !value.is_empty()) {
        let key = label_key(key, &labels);
        labels.push(Label::new(key, value.to_owned()));
    }
    labels
}

/// A key of letters, digits and underscores that is not taken.
fn label_key(key: &str, taken: &[Label]) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let mut key: String = key.chars().map(allowed).collect();
    // Those that begin with two underscores are Prometheus' own.
    while key.starts_with("__") {
        key.remove(0);
    }
    if !key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        key.insert(0, '_');
    }
    let is_taken = |key: &str| RESERVED.contains(&key) || taken.iter().any(|label| label.key() == key);
    if is_taken(&key) {
        let stem = if key == "_" { "label" } else { &key };
        let numbered = (2_usize..).map(|number| format!("{stem}_{number}"));
        key = numbered.into_iter().find(|key| !is_taken(key)).unwrap_or_default();
    }
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(given: &[String]) -> Vec<String> {
        let mut labels = Vec::new();
        for key in given {
            let key = label_key(key, &labels);
            labels.push(Label::new(key, "x"));
        }
        labels.iter().map(|label| label.key().to_owned()).collect()
    }

    #[test]
    fn labels_are_named_for_every_exporter() {
        let given = ["tm_id", "http.method", "http-method", "le", "1st", "", "__name__", "é"];
        let expected = ["tm_id", "http_method", "http_method_2", "le_2", "_1st", "_", "_name__", "label_2"];
        assert_eq!(keys(&given.map(str::to_owned)), expected);
    }

    proptest! {
        #[test]
        fn no_two_labels_are_alike(given in prop::collection::vec("\\PC{0,3}|[a._-]{1,3}|le|value", 0..8)) {
            let keys = keys(&given);
            let mut unique = keys.clone();
            unique.sort();
            unique.dedup();
            prop_assert_eq!(unique.len(), keys.len());
            for key in keys {
                prop_assert!(!RESERVED.contains(&key.as_str()));
                prop_assert!(key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'), "{}", key);
                prop_assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{}", key);
            }
        }
    }
}
