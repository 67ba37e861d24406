//! What a crate's metric sets are, for documents and dashboards.

use crate::{Descriptor, Family, ScopeKind};

/// One metric set of a catalogue: where it is registered, and its metrics.
#[derive(Clone, Copy, Debug)]
pub struct CatalogueEntry {
    /// The type or function that registers it.
    pub registered_by: &'static str,
    /// The kinds of groups that have it.
    pub scopes: &'static [ScopeKind],
    /// The names of the user groups below, with dots between them. One of a variable is its key. Names that are made at
    /// run time stand in angle brackets, here and in the names of metrics.
    pub groups: &'static str,
    /// Its metrics.
    pub descriptors: &'static [Descriptor],
}

impl CatalogueEntry {
    /// The families that registering the set in one of its scopes makes, without series.
    pub fn families(&self, scope: ScopeKind) -> impl Iterator<Item = Family> + use<'_> {
        let system = scope.logical_scope();
        let path = match (system, self.groups) {
            (system, "") => system.to_owned(),
            ("", groups) => groups.to_owned(),
            (system, groups) => format!("{system}.{groups}"),
        };
        self.descriptors
            .iter()
            .map(move |descriptor| Family::new(path.as_str().into(), system.len(), descriptor, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Counter, Metric};

    #[test]
    fn families_are_those_that_registering_makes() {
        const DESCRIPTORS: &[Descriptor] = &[Descriptor::of::<Counter>(
            Metric::new("bytes").with_policy_names(&[("flink", "Shuffle.bytes")]),
        )];
        let scopes = &[ScopeKind::Task, ScopeKind::Root];
        let entry =
            CatalogueEntry { registered_by: "Io", scopes, groups: "shuffle", descriptors: DESCRIPTORS };
        let names =
            |scope| entry.families(scope).map(|family| (family.dotted_name(), family.flink_names())).next();
        let task = ("taskmanager.job.task.shuffle.bytes", "taskmanager.job.task.Shuffle.bytes");
        assert_eq!(names(ScopeKind::Task), Some((task.0.to_owned(), vec![task.1.to_owned()])));
        assert_eq!(
            names(ScopeKind::Root),
            Some(("shuffle.bytes".to_owned(), vec!["Shuffle.bytes".to_owned()]))
        );
    }
}
