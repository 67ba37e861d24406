//! Metrics that are registered together.

use std::sync::Arc;

use crate::block::{Block, Keep, Object};
use crate::cell::Cell;
use crate::family::Place;
use crate::{Error, Metric, MetricGroup, MetricKind, Unit, ValueType};

/// A struct of metric handles that are registered with one call.
///
/// All cells of a set lie side by side in cache lines of their own, its families are looked up once per set type and
/// scope, and a reporter sees all of it or nothing.
///
/// ```
/// use flowmeter_core::{Counter, Descriptor, Metric, MetricSet, Registry, SetCells, Unit};
///
/// struct JoinMetrics {
///     matched: Counter,
///     unmatched: Counter,
/// }
///
/// impl MetricSet for JoinMetrics {
///     const DESCRIPTORS: &'static [Descriptor] = &[
///         Descriptor::of::<Counter>(Metric::new("numMatched").with_unit(Unit::RECORDS)),
///         Descriptor::of::<Counter>(Metric::new("numUnmatched").with_unit(Unit::RECORDS)),
///     ];
///
///     fn from_cells(cells: &mut SetCells) -> Self {
///         Self { matched: cells.take(), unmatched: cells.take() }
///     }
/// }
///
/// let registry = Registry::new();
/// let join = JoinMetrics::register(&registry.add_group("join"));
/// join.matched.inc();
/// ```
pub trait MetricSet: Sized {
    /// What the set's metrics are, in the order in which [`from_cells`](Self::from_cells) takes them.
    const DESCRIPTORS: &'static [Descriptor];

    /// Builds the struct from its cells.
    ///
    /// # Panics
    ///
    /// May panic if it takes more handles, or others, than the descriptors say: that is a mistake in the
    /// implementation, which its first use shows.
    fn from_cells(cells: &mut SetCells) -> Self;

    /// Registers the set in a group.
    ///
    /// # Errors
    ///
    /// When the group is closed or has one of these metrics already.
    fn try_register(group: &MetricGroup) -> Result<Self, Error> {
        group.register_set(Self::DESCRIPTORS).map(|mut cells| Self::from_cells(&mut cells))
    }

    /// Registers the set in a group. If that is refused, the metrics work but are not reported, and a warning that
    /// says why is logged and counted.
    fn register(group: &MetricGroup) -> Self {
        let mut cells = group
            .register_set(Self::DESCRIPTORS)
            .unwrap_or_else(|error| group.detached(Self::DESCRIPTORS, &error));
        Self::from_cells(&mut cells)
    }
}

/// One line of a metric set's table: a metric and the handle that it is recorded through.
#[derive(Clone, Debug)]
pub struct Descriptor {
    metric: Metric,
    kind: MetricKind,
    value_type: ValueType,
    storage: Storage,
}

impl Descriptor {
    /// Describes a metric that handles of type `H` record.
    #[must_use]
    pub const fn of<H: MetricHandle>(metric: Metric) -> Self {
        Self {
            metric: metric.or_unit(H::UNIT),
            kind: H::KIND,
            value_type: H::VALUE_TYPE,
            storage: H::STORAGE,
        }
    }

    /// How many descriptors some tables have.
    #[doc(hidden)]
    #[must_use]
    pub const fn count(tables: &[&[Self]]) -> usize {
        let (mut count, mut table) = (0, 0);
        while table < tables.len() {
            count += tables[table].len();
            table += 1;
        }
        count
    }

    /// Some tables as one of so many descriptors, as a derived metric set has where sets are among its fields.
    #[doc(hidden)]
    #[must_use]
    pub const fn concat<const N: usize>(tables: &[&[Self]]) -> [Self; N] {
        const NONE: Descriptor = Descriptor {
            metric: Metric::new(""),
            kind: MetricKind::Gauge,
            value_type: ValueType::U64,
            storage: Storage::Owned,
        };
        let mut all = [NONE; N];
        let (mut filled, mut table) = (0, 0);
        while table < tables.len() {
            let mut row = 0;
            while row < tables[table].len() {
                let Self { metric, kind, value_type, storage } = &tables[table][row];
                let (kind, value_type, storage) = (*kind, *value_type, *storage);
                let copy = Self { metric: metric.copied(), kind, value_type, storage };
                // A constant cannot run the destructor of what was there, which has nothing to free.
                std::mem::forget(std::mem::replace(&mut all[filled], copy));
                (filled, row) = (filled + 1, row + 1);
            }
            table += 1;
        }
        all
    }

    /// A metric whose values a callback gives.
    pub(crate) fn sampled(metric: Metric, kind: MetricKind, value_type: ValueType) -> Self {
        Self { metric, kind, value_type, storage: Storage::Sampled }
    }

    /// Name, unit and description.
    #[must_use]
    pub fn metric(&self) -> &Metric {
        &self.metric
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

    pub(crate) fn storage(&self) -> Storage {
        self.storage
    }
}

/// Who may write a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// One handle.
    Owned,
    /// Any number of handles.
    Shared,
    /// One handle, with the clock.
    Timed,
    /// The sampler, from a callback.
    Sampled,
    /// One handle, which says what something else keeps.
    Collected,
}

impl Storage {
    /// Whether a series of this storage is a word of its block.
    pub(crate) fn is_word(self, kind: MetricKind) -> bool {
        matches!(self, Self::Owned | Self::Collected) && kind != MetricKind::Histogram
    }

    /// Whether a sum of this storage is kept by something else, which may begin anew.
    pub(crate) fn is_kept_elsewhere(self) -> bool {
        matches!(self, Self::Sampled | Self::Collected)
    }
}

/// A handle that metrics are recorded through: [`Counter`](crate::Counter), [`Gauge`](crate::Gauge) and so on.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a metric handle",
    label = "expected a handle such as `Counter`, `SharedCounter`, `Gauge<f64>` or `Histogram<u64>`"
)]
pub trait MetricHandle: Attach {
    /// The kind of metric that it records.
    const KIND: MetricKind;
    /// The type of its values.
    const VALUE_TYPE: ValueType;
    /// The unit of its values when the metric states none.
    const UNIT: Unit = Unit::NONE;

    /// A handle that works and that nobody reports. Of many, take each from one [`MetricGroup::noop`], which is lighter.
    #[must_use]
    fn noop() -> Self {
        MetricGroup::noop().handle(Metric::new("noop"))
    }
}

/// Makes a handle from its place in a block; seals [`MetricHandle`].
pub trait Attach: Sized {
    #[doc(hidden)]
    const STORAGE: Storage;

    /// Nothing when the series is stored in another way than this handle writes.
    #[doc(hidden)]
    fn attach(slot: Slot) -> Option<Self>;
}

/// One series of a block, and a counted reference to it.
pub struct Slot {
    keep: Keep,
    place: Place,
}

impl Slot {
    pub(crate) fn new(keep: Keep, place: Place) -> Self {
        Self { keep, place }
    }

    pub(crate) fn object(&self) -> Option<&Object> {
        match self.place {
            Place::Object(index) => self.keep.block().object(index),
            Place::Word(_) => None,
        }
    }

    pub(crate) fn into_keep(self) -> Keep {
        self.keep
    }

    pub(crate) fn into_cell(self) -> Option<Cell> {
        match self.place {
            Place::Word(index) => Cell::new(self.keep, index),
            Place::Object(_) => None,
        }
    }
}

/// The cells of a registered set, from which its handles are taken in order.
pub struct SetCells {
    block: Arc<Block>,
    taken: usize,
}

impl SetCells {
    /// For a block whose handles were all counted.
    pub(crate) fn new(block: Arc<Block>) -> Self {
        Self { block, taken: 0 }
    }

    /// The handle of the next descriptor.
    ///
    /// # Panics
    ///
    /// If no descriptor is left, or the next one is of another handle type.
    pub fn take<H: MetricHandle>(&mut self) -> H {
        let member = self.block.set.members.get(self.taken);
        let handle = member.and_then(|member| {
            self.taken += 1;
            let fits = member.storage == H::STORAGE
                && member.family.kind() == H::KIND
                && member.family.value_type() == H::VALUE_TYPE;
            let keep = Keep::adopt(Arc::clone(&self.block));
            if fits { H::attach(Slot::new(keep, member.place)) } else { None }
        });
        handle.unwrap_or_else(|| {
            panic!("handle {} of a metric set is not what its descriptor says", self.taken);
        })
    }

    pub(crate) fn block(&self) -> &Arc<Block> {
        &self.block
    }
}

impl Drop for SetCells {
    fn drop(&mut self) {
        for _ in self.taken..self.block.set.members.len() {
            drop(Keep::adopt(Arc::clone(&self.block)));
        }
    }
}

impl std::fmt::Debug for SetCells {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let left = self.block.set.members.len() - self.taken;
        f.debug_struct("SetCells").field("left", &left).finish()
    }
}
