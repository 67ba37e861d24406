//! Families, and the sets of them that one registration brings.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use crate::group_view::without_delimiter;
use crate::set::{Descriptor, Storage};
use crate::{HistogramOptions, Metric, MetricKind, Unit, ValueType};

/// All series of one metric: one logical scope, one name, one kind, one unit, one description.
///
/// The first description and the first registration's histogram options stay; another kind, value type or unit under the same
/// name is another family, which reporters treat as a clash when it renders to the same name.
#[derive(Debug)]
pub struct Family {
    id: u64,
    /// Shared by all families of its scope and name: a group can have one of them.
    name_id: u64,
    scope: Arc<str>,
    /// How much of the logical scope is that of the system group.
    system_scope: usize,
    metric: Metric,
    kind: MetricKind,
    value_type: ValueType,
    /// The description of a later registration, where the first had none.
    described_later: OnceLock<Box<str>>,
}

impl Family {
    /// A new family, beside another of its scope and name if there is one.
    pub(crate) fn new(
        scope: Arc<str>,
        system_scope: usize,
        descriptor: &Descriptor,
        beside: Option<&Self>,
    ) -> Self {
        let id = next_id();
        Self {
            id,
            name_id: beside.map_or(id, |family| family.name_id),
            scope,
            system_scope,
            metric: descriptor.metric().clone(),
            kind: descriptor.kind(),
            value_type: descriptor.value_type(),
            described_later: OnceLock::new(),
        }
    }

    /// Takes the description of another registration if it has none yet.
    pub(crate) fn take_description(&self, descriptor: &Descriptor) {
        let description = descriptor.metric().description();
        if !description.is_empty() && self.metric.description().is_empty() {
            self.described_later.get_or_init(|| description.into());
        }
    }

    /// A number that no other family of this process has.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// A number that only families of the same scope and name have.
    pub(crate) fn name_id(&self) -> u64 {
        self.name_id
    }

    /// The variable-free path of the groups whose series these are, such as `taskmanager.job.task.operator`.
    #[must_use]
    pub fn logical_scope(&self) -> &str {
        &self.scope
    }

    /// The part of it that is the system group's: without the user groups below.
    #[must_use]
    pub fn system_scope(&self) -> &str {
        &self.scope[..self.system_scope]
    }

    /// The metric's name as registered, such as `numRecordsIn`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metric.name()
    }

    /// The name, unit and description as registered.
    #[must_use]
    pub fn metric(&self) -> &Metric {
        &self.metric
    }

    /// The whole name that the metric has given itself for a naming policy, such as `prometheus`, if it has.
    #[must_use]
    pub fn name_in(&self, policy: &str) -> Option<&'static str> {
        self.metric.name_in(policy)
    }

    /// The name as the last part of a flat identifier: without the delimiter, as the parts before it.
    #[must_use]
    pub fn identifier(&self, delimiter: char) -> Cow<'_, str> {
        without_delimiter(self.name(), delimiter)
    }

    /// The unit of the values.
    #[must_use]
    pub fn unit(&self) -> &Unit {
        self.metric.unit()
    }

    /// What the values say; empty when nobody described them.
    #[must_use]
    pub fn description(&self) -> &str {
        match self.described_later.get() {
            Some(description) => description,
            None => self.metric.description(),
        }
    }

    /// What the buckets of a histogram are.
    #[must_use]
    pub fn histogram(&self) -> HistogramOptions {
        self.metric.histogram()
    }

    /// What the values mean.
    #[must_use]
    pub fn kind(&self) -> MetricKind {
        self.kind
    }

    /// The type of the values.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        self.value_type
    }

    /// Whether values of another family can be added to those of this one.
    pub(crate) fn goes_on_as(&self, other: &Self) -> bool {
        (self.kind, self.value_type, self.unit()) == (other.kind, other.value_type, other.unit())
    }

    pub(crate) fn describes(&self, descriptor: &Descriptor) -> bool {
        self.name() == descriptor.metric().name()
            && self.kind == descriptor.kind()
            && self.value_type == descriptor.value_type()
            && self.unit() == descriptor.metric().unit()
    }

    /// Its bit in the filter that tells cheaply that two sets share no family.
    fn mask(&self) -> u64 {
        1 << (self.name_id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58)
    }
}

/// Where a series keeps its value within its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Word(usize),
    Object(usize),
}

/// One family of a set, with how and where its series are stored.
pub(crate) struct Member {
    pub(crate) family: Arc<Family>,
    pub(crate) storage: Storage,
    pub(crate) place: Place,
}

impl Member {
    /// Whether it is a sum that only grows, unless what keeps it begins anew.
    pub(crate) fn is_sum_kept_elsewhere(&self) -> bool {
        self.storage.is_kept_elsewhere() && self.family.kind().is_monotonic_sum()
    }
}

/// The families that one call registers, interned per logical scope: every block of the set has the same layout, so
/// a reporter's index is by set and family, and a series costs it nothing.
pub(crate) struct FamilySet {
    pub(crate) id: u64,
    pub(crate) members: Box<[Member]>,
    pub(crate) words: usize,
    pub(crate) objects: usize,
    pub(crate) mask: u64,
    /// Whether a name is in it more than once, so that no group can have it.
    pub(crate) repeats: bool,
    pub(crate) has_sums_kept_elsewhere: bool,
}

impl FamilySet {
    pub(crate) fn new(families: impl Iterator<Item = (Arc<Family>, Storage)>) -> Self {
        let (mut words, mut objects, mut mask) = (0, 0, 0);
        let members = families
            .map(|(family, storage)| {
                mask |= family.mask();
                let place = if storage.is_word(family.kind()) {
                    words += 1;
                    Place::Word(words - 1)
                } else {
                    objects += 1;
                    Place::Object(objects - 1)
                };
                Member { family, storage, place }
            })
            .collect::<Box<[Member]>>();
        let has_sums_kept_elsewhere = members.iter().any(Member::is_sum_kept_elsewhere);
        let mut set =
            Self { id: next_id(), members, words, objects, mask, repeats: false, has_sums_kept_elsewhere };
        set.repeats = set.repeated_name().is_some();
        set
    }

    /// A name that more than one of the members have.
    pub(crate) fn repeated_name(&self) -> Option<&str> {
        let members = || self.members.iter().enumerate();
        let again = |(number, member): &(usize, &Member)| {
            members().take(*number).any(|(_, earlier)| earlier.family.name_id == member.family.name_id)
        };
        members().find(again).map(|(_, member)| member.family.name())
    }

    /// Whether a member has the name of this number.
    pub(crate) fn has_name(&self, name_id: u64) -> bool {
        self.members.iter().any(|member| member.family.name_id == name_id)
    }

    /// The first member of whose name the other set has one too.
    pub(crate) fn shared_member(&self, other: &Self) -> Option<&Member> {
        if self.mask & other.mask == 0 {
            return None;
        }
        self.members.iter().find(|member| other.has_name(member.family.name_id))
    }
}

/// Identities of families and sets. Never reused: at a billion a second it lasts for five centuries.
fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}
