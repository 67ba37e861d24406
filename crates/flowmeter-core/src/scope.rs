//! Logical scopes: the variable-free paths that families are named after.

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use crate::family::{Family, FamilySet};
use crate::set::Descriptor;

/// The places in a stream processor that have metric groups of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ScopeKind {
    /// Outside of any job or process: what [`Registry::add_group`](crate::Registry::add_group) makes.
    Root,
    /// The process that coordinates jobs.
    JobManager,
    /// A job, as the JobManager sees it.
    JobManagerJob,
    /// The coordinating part of an operator, on the JobManager.
    JobManagerOperator,
    /// A process that runs tasks.
    TaskManager,
    /// A job, as a TaskManager sees it.
    TaskManagerJob,
    /// One parallel instance of a task.
    Task,
    /// One operator within a task.
    Operator,
}

impl ScopeKind {
    /// All of them, from the outside in.
    pub const ALL: &'static [Self] = &Self::KINDS;

    /// The same, for tables by kind.
    pub(crate) const KINDS: [Self; 8] = [
        Self::Root,
        Self::JobManager,
        Self::JobManagerJob,
        Self::JobManagerOperator,
        Self::TaskManager,
        Self::TaskManagerJob,
        Self::Task,
        Self::Operator,
    ];

    /// The logical scope of such a group, before any user groups.
    #[must_use]
    pub const fn logical_scope(self) -> &'static str {
        match self {
            Self::Root => "",
            Self::JobManager => "jobmanager",
            Self::JobManagerJob => "jobmanager.job",
            Self::JobManagerOperator => "jobmanager.job.operator",
            Self::TaskManager => "taskmanager",
            Self::TaskManagerJob => "taskmanager.job",
            Self::Task => "taskmanager.job.task",
            Self::Operator => "taskmanager.job.task.operator",
        }
    }
}

/// One logical scope with what is interned under it. Groups share it, and it goes with the last of them.
pub(crate) struct Scope {
    path: Arc<str>,
    /// How much of the path is that of the system group.
    system: usize,
    hasher: DefaultHashBuilder,
    children: RwLock<HashMap<Box<str>, Weak<Self>>>,
    /// Sets from descriptor tables, found by the table's address: there are as many as there are metric set types.
    tables: RwLock<Vec<(Table, Arc<FamilySet>)>>,
    /// Sets of one family, for metrics registered one by one. Weak, so that names made at run time can leave.
    singles: RwLock<HashTable<Weak<FamilySet>>>,
    families: Mutex<HashMap<Box<str>, Vec<Weak<Family>>>>,
}

/// Address and length of a descriptor table. Two tables at one address have the same contents, so they are one set.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Table(usize, usize);

impl Scope {
    /// The scope of a system group.
    pub(crate) fn new(path: &str) -> Arc<Self> {
        Self::below(path.len(), path)
    }

    fn below(system: usize, path: &str) -> Arc<Self> {
        Arc::new(Self {
            path: path.into(),
            system,
            hasher: DefaultHashBuilder::default(),
            children: RwLock::default(),
            tables: RwLock::default(),
            singles: RwLock::default(),
            families: Mutex::default(),
        })
    }

    pub(crate) fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// The scope of a user group of this name below.
    pub(crate) fn child(&self, name: &str) -> Arc<Self> {
        let known = |children: &HashMap<Box<str>, Weak<Self>>| children.get(name).and_then(Weak::upgrade);
        if let Some(child) = known(&self.children.read().unwrap_or_else(PoisonError::into_inner)) {
            return child;
        }
        let mut children = self.children.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(child) = known(&children) {
            return child;
        }
        if children.len() == children.capacity() {
            children.retain(|_, child| child.strong_count() > 0);
        }
        let child = Self::below(
            self.system,
            &if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) },
        );
        children.insert(name.into(), Arc::downgrade(&child));
        child
    }

    /// The set of a descriptor table under this scope.
    pub(crate) fn table_set(&self, descriptors: &'static [Descriptor]) -> Arc<FamilySet> {
        let table = Table(descriptors.as_ptr() as usize, descriptors.len());
        let known = |tables: &[(Table, Arc<FamilySet>)]| {
            tables.iter().find(|(key, _)| *key == table).map(|(_, set)| Arc::clone(set))
        };
        if let Some(set) = known(&self.tables.read().unwrap_or_else(PoisonError::into_inner)) {
            return set;
        }
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        known(&tables).unwrap_or_else(|| {
            let set = Arc::new(self.new_set(descriptors));
            tables.push((table, Arc::clone(&set)));
            set
        })
    }

    /// The number that all families of a name have; nothing when there are none.
    pub(crate) fn name_id(&self, name: &str) -> Option<u64> {
        let families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        families.get(name)?.iter().find_map(Weak::upgrade).map(|family| family.name_id())
    }

    /// The set of one metric under this scope.
    pub(crate) fn single_set(&self, descriptor: &Descriptor) -> Arc<FamilySet> {
        let hash = self.hasher.hash_one(descriptor.metric().name());
        let known = |singles: &HashTable<Weak<FamilySet>>| {
            let fits = |set: &Weak<FamilySet>| {
                set.upgrade().is_some_and(|set| {
                    let member = &set.members[0];
                    member.storage == descriptor.storage() && member.family.describes(descriptor)
                })
            };
            singles.find(hash, fits).and_then(Weak::upgrade)
        };
        if let Some(set) = known(&self.singles.read().unwrap_or_else(PoisonError::into_inner)) {
            set.members[0].family.take_description(descriptor);
            return set;
        }
        let mut singles = self.singles.write().unwrap_or_else(PoisonError::into_inner);
        known(&singles).unwrap_or_else(|| {
            if singles.len() == singles.capacity() {
                singles.retain(|set| set.strong_count() > 0);
            }
            let set = Arc::new(self.new_set(std::slice::from_ref(descriptor)));
            singles.insert_unique(hash, Arc::downgrade(&set), |set| {
                set.upgrade().map_or(0, |set| self.hasher.hash_one(set.members[0].family.name()))
            });
            set
        })
    }

    fn new_set(&self, descriptors: &[Descriptor]) -> FamilySet {
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        FamilySet::new(descriptors.iter().map(|descriptor| {
            if families.len() == families.capacity() {
                families.retain(|_, named| named.iter().any(|family| family.strong_count() > 0));
            }
            let named = families.entry_ref(descriptor.metric().name()).or_default();
            named.retain(|family| family.strong_count() > 0);
            let known = named.iter().filter_map(Weak::upgrade).find(|family| family.describes(descriptor));
            let family = known.inspect(|family| family.take_description(descriptor)).unwrap_or_else(|| {
                let beside = named.iter().find_map(Weak::upgrade);
                let family =
                    Arc::new(Family::new(Arc::clone(&self.path), self.system, descriptor, beside.as_deref()));
                named.push(Arc::downgrade(&family));
                family
            });
            (family, descriptor.storage())
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Counter, Gauge, Metric};

    #[test]
    fn a_name_is_one_family_until_its_kind_or_unit_differs() {
        let scope = Scope::new("taskmanager");
        let counter = scope.single_set(&Descriptor::of::<Counter>(Metric::new("x")));
        let again = scope.single_set(&Descriptor::of::<Counter>(Metric::new("x").with_description("later")));
        let gauge = scope.single_set(&Descriptor::of::<Gauge<f64>>(Metric::new("x")));
        assert!(Arc::ptr_eq(&counter, &again));
        assert_ne!(counter.members[0].family.id(), gauge.members[0].family.id());
        assert!(counter.shared_member(&gauge).is_some(), "a group can have one of the name");
        assert!(counter.shared_member(&again).is_some());
    }

    #[test]
    fn the_first_description_stays_whenever_it_comes() {
        let scope = Scope::new("taskmanager");
        let counter = |metric: Metric| scope.single_set(&Descriptor::of::<Counter>(metric));
        let set = counter(Metric::new("x"));
        let family = &set.members[0].family;
        assert_eq!(family.description(), "");
        for described in ["later", "too late"] {
            let again = counter(Metric::new("x").described(described.to_owned()));
            assert_eq!((Arc::ptr_eq(&set, &again), family.description()), (true, "later"));
        }
        let table: &'static [Descriptor] =
            const { &[Descriptor::of::<Counter>(Metric::new("y").with_description("of a set"))] };
        let alone = counter(Metric::new("y"));
        let _set = scope.table_set(table);
        assert_eq!(alone.members[0].family.description(), "of a set");
    }

    #[test]
    fn names_made_at_run_time_leave_with_their_last_series() {
        let scope = Scope::new("taskmanager");
        for i in 0..10_000 {
            let child = scope.child(&format!("split-{i}"));
            drop(child.single_set(&Descriptor::of::<Counter>(Metric::new("lag"))));
            drop(scope.single_set(&Descriptor::of::<Counter>(Metric::from(format!("metric-{i}")))));
        }
        assert!(scope.children.read().unwrap().len() < 64);
        assert!(scope.singles.read().unwrap().len() < 64);
        assert!(scope.families.lock().unwrap().len() < 64);
    }
}
