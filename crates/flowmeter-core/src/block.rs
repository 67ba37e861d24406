//! What one registration stores.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::cell::Words;
use crate::exemplars::{ExemplarSlot, Exemplars};
use crate::family::{FamilySet, Member, Place};
use crate::histogram::{HistogramCells, HistogramLayout, SharedHistogramCells};
use crate::node::Node;
use crate::sample::{Presence, Sample, Text};
use crate::set::Storage;
use crate::shards::Shards;
use crate::time_meter::TimeCells;
use crate::{Clock, Exemplar, Family, HistogramSnapshot, MetricKind, ValueType};

/// The cells of one registration, of a set or of a single metric.
///
/// Handles, the group and the reporters' indexes share it; the last of them frees it.
pub(crate) struct Block {
    words: Words,
    rare: OnceLock<Box<Rare>>,
    pub(crate) set: Arc<FamilySet>,
    node: Arc<Node>,
    /// Whether it belongs to its group. A detached block works, but nobody reads it, so nobody waits for its handles.
    attached: bool,
    /// Whether a callback sets the cells.
    collected: bool,
    /// Not while that has not returned so far, nor when it panicked as it last ran.
    presence: Presence,
    /// Whether it was taken out of its group, which may stay open.
    removed: AtomicBool,
    /// The reporters that want what callbacks leave here, a bit for each; some may share one.
    readers: AtomicU32,
    /// When it was registered, in monotonic nanoseconds.
    start: u64,
    /// The order of registration; written once, under the desk's lock.
    sequence: AtomicU64,
}

type Objects = Box<[Object]>;

/// What most blocks have not, behind one pointer.
#[derive(Default)]
struct Rare {
    objects: Objects,
    /// From the first one on.
    exemplars: OnceLock<Exemplars>,
}

impl Rare {
    fn of(objects: Objects) -> OnceLock<Box<Self>> {
        OnceLock::from(Box::new(Self { objects, exemplars: OnceLock::new() }))
    }
}

/// A value that does not fit a word with one writer.
pub(crate) enum Object {
    Sum(Arc<Shards>),
    Value(Arc<AtomicU64>),
    Sample(Arc<Sample>),
    Text(Arc<Text>),
    Time(Arc<TimeCells>),
    Histogram(Arc<HistogramCells>),
    SharedHistogram(Arc<SharedHistogramCells>),
}

impl Object {
    fn new(storage: Storage, family: &Family, clock: &Arc<dyn Clock>) -> Self {
        let (value_type, layout) = (family.value_type(), HistogramLayout::of(family));
        match (family.kind(), storage) {
            (MetricKind::Histogram, Storage::Shared) => {
                Self::SharedHistogram(Arc::new(SharedHistogramCells::new(layout)))
            }
            (MetricKind::Histogram, _) => Self::Histogram(Arc::new(HistogramCells::new(layout))),
            (_, Storage::Timed) => Self::Time(Arc::new(TimeCells::new(clock))),
            (_, Storage::Sampled) if value_type == ValueType::Text => Self::Text(Arc::default()),
            (_, Storage::Sampled) => Self::Sample(Arc::default()),
            (MetricKind::Gauge, _) if value_type == ValueType::Text => Self::Text(Arc::new(Text::empty())),
            (MetricKind::Gauge, _) => Self::Value(Arc::default()),
            _ => Self::Sum(Arc::new(Shards::new())),
        }
    }

    /// The value as bits, if it is a number and has one.
    pub(crate) fn read(&self) -> Option<u64> {
        match self {
            Self::Sum(shards) => Some(shards.sum()),
            Self::Value(word) => Some(word.load(Relaxed)),
            Self::Sample(sample) => sample.get(),
            Self::Time(cells) => Some(cells.read()),
            Self::Text(_) | Self::Histogram(_) | Self::SharedHistogram(_) => None,
        }
    }

    /// Copies a histogram into `snapshot`. Returns whether it is one.
    pub(crate) fn read_histogram(&self, snapshot: &mut HistogramSnapshot) -> bool {
        match self {
            Self::Histogram(cells) => cells.read_into(snapshot),
            Self::SharedHistogram(cells) => cells.read_into(snapshot),
            _ => return false,
        }
        true
    }

    /// Copies what classic buckets need of a histogram into `snapshot`.
    pub(crate) fn read_classic_histogram(&self, snapshot: &mut HistogramSnapshot) {
        match self {
            Self::Histogram(cells) => cells.read_classic_into(snapshot),
            Self::SharedHistogram(cells) => cells.read_classic_into(snapshot),
            _ => {}
        }
    }
}

impl Block {
    /// The block of a registration at a time on the core's clock, with a handle counted for each series.
    pub(crate) fn attached(
        set: Arc<FamilySet>,
        node: &Arc<Node>,
        words: Words,
        collected: bool,
        start: Duration,
    ) -> Arc<Self> {
        let block = Self {
            collected,
            presence: Presence::new(!collected),
            ..Self::new(set, node, words, true, start)
        };
        block.add_handles(block.set.members.len() as u64);
        Arc::new(block)
    }

    /// The block of a registration whose values are kept elsewhere, so that it has no handles.
    pub(crate) fn given(
        set: Arc<FamilySet>,
        node: &Arc<Node>,
        objects: Objects,
        start: Duration,
    ) -> Arc<Self> {
        Arc::new(Self { rare: Rare::of(objects), ..Self::new(set, node, Words::None, true, start) })
    }

    /// The block of a registration that was refused.
    pub(crate) fn detached(set: Arc<FamilySet>, node: &Arc<Node>) -> Arc<Self> {
        let words = Words::new(set.words);
        Arc::new(Self::new(set, node, words, false, Duration::ZERO))
    }

    fn new(set: Arc<FamilySet>, node: &Arc<Node>, words: Words, attached: bool, start: Duration) -> Self {
        let rare = match set.objects {
            0 => OnceLock::new(),
            _ => {
                let members = set.members.iter().filter(|member| matches!(member.place, Place::Object(_)));
                let new = |member: &Member| Object::new(member.storage, &member.family, &node.core().clock);
                Rare::of(members.map(new).collect())
            }
        };
        Self {
            words,
            rare,
            set,
            node: Arc::clone(node),
            attached,
            collected: false,
            presence: Presence::new(true),
            removed: AtomicBool::new(false),
            readers: AtomicU32::new(0),
            start: u64::try_from(start.as_nanos()).unwrap_or(u64::MAX),
            sequence: AtomicU64::new(0),
        }
    }

    pub(crate) fn words(&self) -> &Words {
        &self.words
    }

    /// The words, when nobody else has the block any more.
    pub(crate) fn into_words(self) -> Words {
        self.words
    }

    pub(crate) fn object(&self, index: usize) -> Option<&Object> {
        self.rare.get()?.objects.get(index)
    }

    /// The place of a word, by where it is.
    pub(crate) fn place_of_word(&self, word: &AtomicU64) -> Option<Place> {
        let is_it = |index: &usize| self.words.get(*index).is_some_and(|own| ptr::eq(own, word));
        (0..self.set.words).find(is_it).map(Place::Word)
    }

    /// The place of the object that `is_it` tells from others.
    pub(crate) fn place_of_object(&self, is_it: impl Fn(&Object) -> bool) -> Option<Place> {
        self.rare.get()?.objects.iter().position(is_it).map(Place::Object)
    }

    /// Keeps an exemplar of a series, if it can without waiting and anybody reads the block.
    pub(crate) fn keep_exemplar(&self, place: Option<Place>, slot: ExemplarSlot, exemplar: Exemplar) {
        if let Some(place) = place.filter(|_| self.attached) {
            let rare = self.rare.get_or_init(Box::default);
            let series = self.set.words + self.set.objects;
            rare.exemplars.get_or_init(|| Exemplars::new(series)).keep(self.series(place), slot, exemplar);
        }
    }

    /// The exemplars of a series.
    pub(crate) fn exemplars(&self, place: Place) -> Vec<Exemplar> {
        let exemplars = self.rare.get().and_then(|rare| rare.exemplars.get());
        exemplars.map_or_else(Vec::new, |exemplars| exemplars.of(self.series(place)))
    }

    /// Which of the block's series is at a place, in no order that matters.
    fn series(&self, place: Place) -> usize {
        match place {
            Place::Word(index) => index,
            Place::Object(index) => self.set.words + index,
        }
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// When it was registered, on the core's clock.
    pub(crate) fn start(&self) -> Duration {
        Duration::from_nanos(self.start)
    }

    pub(crate) fn is_collected(&self) -> bool {
        self.collected
    }

    /// Whether the cells are set; to be asked before they are read.
    pub(crate) fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Whether callbacks leave values here.
    fn is_sampled(&self) -> bool {
        self.collected || self.set.members.first().is_some_and(|member| member.storage == Storage::Sampled)
    }

    /// Notes that a reporter wants the values.
    pub(crate) fn add_reader(&self, reader: u32) {
        if self.is_sampled() {
            self.readers.fetch_or(reader, Relaxed);
        }
    }

    /// Whether any of these reporters wants the values.
    pub(crate) fn is_read_by(&self, readers: u32) -> bool {
        self.readers.load(Relaxed) & readers != 0
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Relaxed)
    }

    pub(crate) fn set_removed(&self) {
        self.removed.store(true, Relaxed);
    }

    pub(crate) fn set_sequence(&self, sequence: u64) {
        self.sequence.store(sequence, Relaxed);
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence.load(Relaxed)
    }

    /// The name of each family of the block, with a number for the block.
    pub(crate) fn names(&self, number: u32) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.set.members.iter().map(move |member| (member.family.name_id(), number))
    }

    fn drop_handles(&self, n: u64) {
        if self.attached {
            self.node.lifecycle().drop_handles(n);
        }
    }

    /// Counts handles to come; each is then adopted, or given up with [`Block::drop_handles`].
    pub(crate) fn add_handles(&self, n: u64) {
        if self.attached {
            self.node.lifecycle().add_handles(n);
        }
    }
}

/// What makes a handle one: it keeps the cells alive and is counted, so that a reporter can tell when the values of a
/// closed group are final.
pub(crate) struct Keep(Arc<Block>);

impl Keep {
    /// A handle that was counted already.
    pub(crate) fn adopt(block: Arc<Block>) -> Self {
        Self(block)
    }

    pub(crate) fn block(&self) -> &Block {
        &self.0
    }
}

impl Clone for Keep {
    fn clone(&self) -> Self {
        self.0.add_handles(1);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Keep {
    fn drop(&mut self) {
        self.0.drop_handles(1);
    }
}
