//! The labels of a key as variables of groups.

use flowmeter_core::is_system_variable;
use metrics::{Key, Label, SharedString};

/// What stands before a label that no variable can be named like.
pub(super) const PREFIX: &str = "exported_";

/// A key whose labels can be variables: sorted, each key once.
#[derive(Debug)]
pub(super) struct Canonical {
    pub(super) key: Key,
    /// The labels that were given another name, as they were.
    pub(super) renamed: Vec<SharedString>,
    /// Whether another key has the same series: this one has labels that were renamed or left out.
    pub(super) is_altered: bool,
}

/// Sorts labels by their keys, since the facade takes keys for the same whatever the order of their labels is. A label that is there
/// twice has the greater value. One that the core refuses has [`PREFIX`] before it.
pub(super) fn canonical(key: &Key) -> Canonical {
    let refused = |label: &Label| label.key().is_empty() || is_system_variable(label.key());
    let renamed: Vec<_> =
        key.labels().filter(|label| refused(label)).map(|label| label.key().to_owned().into()).collect();
    let mut labels: Vec<Label> = key
        .labels()
        .map(|label| {
            let (name, value) = label.clone().into_parts();
            if refused(label) {
                Label::new(format!("{PREFIX}{name}"), value)
            } else {
                Label::new(name, value)
            }
        })
        .collect();
    labels.sort();
    // Of equal keys the greatest value comes last.
    labels.reverse();
    labels.dedup_by(|next, kept| next.key() == kept.key());
    labels.reverse();
    let is_altered = !renamed.is_empty() || labels.len() < key.labels().len();
    Canonical { key: Key::from_parts(key.name_shared(), labels).to_retained(), renamed, is_altered }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(key: &Key) -> Vec<(&str, &str)> {
        key.labels().map(|label| (label.key(), label.value())).collect()
    }

    fn key(labels: &[(&str, &str)]) -> Key {
        let labels: Vec<_> =
            labels.iter().map(|(key, value)| Label::new((*key).to_owned(), (*value).to_owned())).collect();
        Key::from_parts("name", labels)
    }

    #[test]
    fn labels_that_no_variable_can_be_named_like_have_a_prefix() {
        let canonical = canonical(&key(&[("host", "h"), ("", "e"), ("a", "1")]));
        assert_eq!(pairs(&canonical.key), [("a", "1"), ("exported_", "e"), ("exported_host", "h")]);
        assert_eq!((canonical.renamed, canonical.is_altered), (vec!["host".into(), "".into()], true));
    }

    #[test]
    fn a_label_that_is_there_twice_has_the_greater_value() {
        for labels in [[("a", "1"), ("a", "2")], [("a", "2"), ("a", "1")]] {
            let canonical = canonical(&key(&labels));
            assert_eq!((pairs(&canonical.key), canonical.is_altered), (vec![("a", "2")], true));
        }
    }

    proptest! {
        #[test]
        fn the_order_of_labels_makes_no_difference(
            labels in prop::collection::vec(("[ab]|host|\\PC*", "[12]?|\\PC*"), 0..10).prop_shuffle(),
            seed: prop::sample::Index,
        ) {
            let labels: Vec<_> = labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let mut other = labels.clone();
            other.rotate_left(seed.index(labels.len() + 1).min(labels.len()));
            let (canonical, other) = (canonical(&key(&labels)), canonical(&key(&other)));
            prop_assert_eq!(pairs(&canonical.key), pairs(&other.key));
            let keys: Vec<_> = pairs(&canonical.key).into_iter().map(|(key, _)| key).collect();
            prop_assert!(keys.is_sorted_by(|a, b| a < b), "each once: {:?}", keys);
            prop_assert!(keys.iter().all(|key| !key.is_empty() && !is_system_variable(key)));
            let given = labels.iter().all(|(key, _)| keys.contains(key) || key.is_empty() || is_system_variable(key));
            prop_assert!(given);
            let again = super::canonical(&canonical.key);
            prop_assert!(!again.is_altered);
            prop_assert_eq!(pairs(&again.key), pairs(&canonical.key));
        }
    }
}
