//! What a reporter reads: families, and the series of each.

use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::block::Object;
use crate::family::Place;
use crate::index::{Accepted, Account, Entry, FamilyEntry, Index, Page, Part};
use crate::reporter::{ReportMark, ReportNumber};
use crate::set::Storage;
use crate::{Exemplar, Family, GroupView, HistogramSnapshot, MetricKind, Number, Value, ValueType};

/// All series that a reporter sees, at the time of one report.
///
/// Each registration is in it whole or not at all. Values are read one after another, not at one instant.
pub struct Report<'a> {
    index: &'a Index,
    number: ReportNumber,
    /// The time of the report, on both clocks.
    now: Duration,
    unix: Duration,
    /// The memory that histograms are read into, one at a time.
    snapshot: RefCell<HistogramSnapshot>,
    /// How many differences were asked for, and which of them the backend has accepted for certain.
    asked: Cell<u64>,
    acknowledged: RefCell<Accepted>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(index: &'a Index, number: ReportNumber, now: Duration, unix: Duration) -> Self {
        Self {
            index,
            number,
            now,
            unix,
            snapshot: RefCell::default(),
            asked: Cell::new(0),
            acknowledged: RefCell::default(),
        }
    }

    /// Which of the reporter's reports it is.
    #[must_use]
    pub fn number(&self) -> ReportNumber {
        self.number
    }

    /// The time of the report, since the Unix epoch.
    #[must_use]
    pub fn unix_time(&self) -> Duration {
        self.unix
    }

    /// Tells that the backend has accepted all differences that were asked for up to a mark, whatever becomes of the rest.
    /// A report that succeeds need not: all of it is accepted then.
    pub fn acknowledge(&self, mark: ReportMark) {
        self.acknowledge_between(ReportMark::default(), mark);
    }

    /// The same of what was asked for behind one mark and up to another, for a reporter whose backend may accept what is
    /// later in the report and not what is earlier. The mark by default is before all of it.
    pub fn acknowledge_between(&self, after: ReportMark, mark: ReportMark) {
        self.acknowledged.borrow_mut().add(after.0, mark.0);
    }

    pub(crate) fn acknowledged(self) -> Accepted {
        self.acknowledged.into_inner()
    }

    fn next_mark(&self) -> u64 {
        self.asked.set(self.asked.get() + 1);
        self.asked.get()
    }

    /// The families that have series, sorted by what the reporter prepared for them.
    pub fn families(&self) -> impl Iterator<Item = FamilyView<'_>> + use<'_, 'a> {
        self.index.families().map(|(prepared, entry)| FamilyView {
            report: self,
            prepared,
            entry,
            is_classic: false,
        })
    }
}

impl std::fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Report").field("number", &self.number).field("unix_time", &self.unix).finish()
    }
}

/// How many values are read before they are written.
const LOT: usize = 16;

/// One family of a report.
pub struct FamilyView<'a> {
    report: &'a Report<'a>,
    prepared: &'a [u8],
    entry: &'a FamilyEntry,
    /// Whether histograms are read for classic buckets alone.
    is_classic: bool,
}

impl<'a> FamilyView<'a> {
    /// Name, kind, unit and description.
    #[must_use]
    pub fn family(&self) -> &'a Family {
        &self.entry.family
    }

    /// What the reporter prepared for the family.
    #[must_use]
    pub fn prepared(&self) -> &'a [u8] {
        self.prepared
    }

    /// The same family for a format that has classic buckets alone, which histograms are read for in less time: with
    /// [bounds of their own](crate::HistogramOptions::with_bounds) without exponential buckets, of which the count is
    /// not the sum then, and others with one exponential bucket an octave.
    #[must_use]
    pub fn for_classic_buckets(mut self) -> Self {
        self.is_classic = true;
        self
    }

    /// Calls `visit` with each series, in the order of registration, until it returns an error.
    ///
    /// # Errors
    ///
    /// The first error of `visit`.
    #[inline]
    pub fn for_each<E>(&self, mut visit: impl FnMut(&SeriesView<'_>) -> Result<(), E>) -> Result<(), E> {
        let index = self.report.index;
        if let [part] = &*self.entry.parts {
            if let Place::Word(word) = part.place {
                return self.visit_words(index.entries(part.set), part, word, &mut visit);
            }
            return index.entries(part.set).iter().try_for_each(|entry| self.visit(entry, part, &mut visit));
        }
        // One family in several sets: each is in order, so the earliest of their next ones is next.
        let mut rest: Vec<_> = self.entry.parts.iter().map(|part| (index.entries(part.set), part)).collect();
        while let Some((entries, part)) = rest
            .iter_mut()
            .filter(|(entries, _)| !entries.is_empty())
            .min_by_key(|(entries, _)| entries[0].block.sequence())
            && let [entry, later @ ..] = *entries
        {
            *entries = later;
            self.visit(entry, part, &mut visit)?;
        }
        Ok(())
    }

    /// The common case: one set, values in words. They are read a lot at a time, because each is in another place: the
    /// reads of a lot overlap, where one at a time would wait for memory again and again.
    #[inline]
    fn visit_words<E>(
        &self,
        entries: &[Entry],
        part: &Part,
        word: usize,
        visit: &mut impl FnMut(&SeriesView<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let family = &self.entry.family;
        let (kind, value_type) = (family.kind(), family.value_type());
        for lot in entries.chunks(LOT) {
            let mut words = [0; LOT];
            let read = |entry: &Entry| entry.block.words().get(word).map_or(0, |word| word.load(Relaxed));
            for (entry, bits) in lot.iter().zip(&mut words) {
                *bits = read(entry);
            }
            for (entry, mut bits) in lot.iter().zip(words) {
                if let Some(page) = entry.page(part.member) {
                    if !is_shown(entry, page) {
                        continue;
                    }
                    // Read again: what was read before it was known to be there may be from before it was.
                    bits = entry.shown_sum(part.member, read(entry));
                }
                visit(&SeriesView {
                    report: self.report,
                    entry,
                    member: part.member,
                    value: value_of(kind, value_type, bits),
                })?;
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn visit<E>(
        &self,
        entry: &Entry,
        part: &Part,
        visit: &mut impl FnMut(&SeriesView<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let family = &self.entry.family;
        let page = entry.page(part.member);
        if page.is_some_and(|page| !is_shown(entry, page)) {
            return Ok(());
        }
        let bits = match part.place {
            Place::Word(word) => match entry.block.words().get(word) {
                Some(word) => word.load(Relaxed),
                None => return Ok(()),
            },
            Place::Object(object) => {
                let Some(object) = entry.block.object(object) else { return Ok(()) };
                if family.kind() == MetricKind::Histogram {
                    // Taken out, because a visitor may read other histograms.
                    let mut snapshot = self.report.snapshot.take();
                    if self.is_classic {
                        object.read_classic_histogram(&mut snapshot);
                    } else {
                        object.read_histogram(&mut snapshot);
                    }
                    entry.show_histogram(part.member, &mut snapshot);
                    let result = visit(&SeriesView {
                        report: self.report,
                        entry,
                        member: part.member,
                        value: Value::Histogram(&snapshot),
                    });
                    self.report.snapshot.replace(snapshot);
                    return result;
                }
                if let Object::Text(text) = object {
                    let Some(text) = &*text.get() else { return Ok(()) };
                    return visit(&SeriesView {
                        report: self.report,
                        entry,
                        member: part.member,
                        value: Value::Text(text),
                    });
                }
                match object.read() {
                    Some(bits) => bits,
                    None => return Ok(()),
                }
            }
        };
        let bits = entry.shown_sum(part.member, bits);
        visit(&SeriesView {
            report: self.report,
            entry,
            member: part.member,
            value: value_of(family.kind(), family.value_type(), bits),
        })
    }
}

impl std::fmt::Debug for FamilyView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FamilyView").field(self.family()).finish()
    }
}

/// Whether a series is shown: not if another has its identity, nor before its callback has returned. To be asked before
/// its cells are read.
#[inline(always)]
fn is_shown(entry: &Entry, page: &Page) -> bool {
    page.is_shown() && entry.block.presence().is_present()
}

#[inline(always)]
fn value_of(kind: MetricKind, value_type: ValueType, bits: u64) -> Value<'static> {
    match (kind, value_type) {
        (MetricKind::Gauge, ValueType::Bool) => Value::Bool(bits != 0),
        (MetricKind::Gauge, ValueType::F64) => Value::Number(Number::F64(f64::from_bits(bits))),
        (_, ValueType::I64) => Value::Number(Number::I64(bits.cast_signed())),
        _ => Value::Number(Number::U64(bits)),
    }
}

/// One series of a family.
pub struct SeriesView<'a> {
    report: &'a Report<'a>,
    entry: &'a Entry,
    member: usize,
    value: Value<'a>,
}

impl<'a> SeriesView<'a> {
    /// What the reporter prepared for the series' group.
    #[inline]
    #[must_use]
    pub fn prepared(&self) -> &'a [u8] {
        &self.entry.prepared
    }

    /// The value.
    #[inline]
    #[must_use]
    pub fn value(&self) -> Value<'a> {
        self.value
    }

    /// What a sum that only grows has grown by since the value that the backend accepted last, for a reporter that wants
    /// [`deltas`](crate::Reporter::deltas); nothing for other values. From now on the report has it, and the next one
    /// goes on from here if this one succeeds or is [acknowledged](Report::acknowledge) so far.
    #[must_use]
    pub fn delta(&self) -> Option<u64> {
        let member = self.entry.block.set.members.get(self.member)?;
        let account = self.entry.account(self.member).filter(|_| member.family.kind().is_monotonic_sum())?;
        let Value::Number(Number::U64(value)) = self.value else { return None };
        Some(account.ask(self.report.next_mark(), value, member.storage))
    }

    /// Whether the backend has ever accepted a [`delta`](Self::delta) or a [`histogram_delta`](Self::histogram_delta) of the
    /// series, before this report. If not, it may not know that there is the series, though that has not grown.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.entry.account(self.member).is_some_and(Account::is_known)
    }

    /// Since when a [`delta`](Self::delta) or a [`histogram_delta`](Self::histogram_delta) of the series counts, since the Unix
    /// epoch: the [time](Report::unix_time) of the last report of which the backend accepted one, or the series'
    /// [start](Self::start_time) before the first. So the differences that a backend accepts of a series follow one another
    /// without a gap. Never later than this report, even if the system's clock was set back meanwhile.
    #[must_use]
    pub fn delta_start(&self) -> Duration {
        let accepted_at = self.entry.account(self.member).and_then(Account::accepted_at);
        accepted_at.unwrap_or_else(|| self.start_time()).min(self.report.unix)
    }

    /// Whether a callback or a collector gives the value, or a [`CollectedCounter`](crate::CollectedCounter) says what something
    /// else keeps: what OTLP calls an observable instrument. A sum of this sort may have begun before there was a metric, and
    /// may begin anew.
    #[must_use]
    pub fn is_observed(&self) -> bool {
        let Entry { block, .. } = self.entry;
        let member = block.set.members.get(self.member);
        block.is_collected() || member.is_some_and(|member| member.storage.is_kept_elsewhere())
    }

    /// What a histogram has recorded since; see [`delta`](Self::delta).
    #[must_use]
    pub fn histogram_delta(&self) -> Option<HistogramSnapshot> {
        let mut delta = HistogramSnapshot::default();
        self.read_histogram_delta(&mut delta).then_some(delta)
    }

    /// The same, written over a snapshot, in the memory that this has. Returns whether there is any.
    #[must_use]
    pub fn read_histogram_delta(&self, delta: &mut HistogramSnapshot) -> bool {
        let (Value::Histogram(snapshot), Some(account)) = (self.value, self.entry.account(self.member))
        else {
            return false;
        };
        account.ask_histogram(self.report.next_mark(), snapshot, delta);
        true
    }

    /// How fast a sum that only grows does so, in its unit a second, for a reporter that wants
    /// [`rates`](crate::Reporter::rates); nothing for other values, nothing within the first second of a series, and
    /// nothing in the first report of one that is older than the [window](crate::ReporterOptions::rate_window).
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let member = self.entry.block.set.members.get(self.member)?;
        let account = self.entry.account(self.member).filter(|_| member.family.kind().is_monotonic_sum())?;
        let Value::Number(Number::U64(value)) = self.value else { return None };
        let base = self.entry.shown_sum(self.member, 0);
        // What the kernel keeps, for one, may have begun long before.
        let start = (member.storage != Storage::Collected).then(|| (self.entry.block.start(), base));
        account.rate(self.report.now, value, start, self.report.index.options().rate_window)
    }

    /// The exemplars of a counter, a meter or a histogram, the least value first: the latest of those that were recorded here,
    /// whatever was reported before. None of the series that it goes on from. What is recorded meanwhile may be in them and not
    /// yet in the value.
    #[must_use]
    pub fn exemplars(&self) -> Vec<Exemplar> {
        let block = &self.entry.block;
        block.set.members.get(self.member).map_or_else(Vec::new, |member| block.exemplars(member.place))
    }

    /// When the series began, since the Unix epoch: with its registration, or that of the series that it goes on from. One
    /// that was withheld because it clashed, and goes on from none, began when it was shown. The same in every report.
    #[must_use]
    pub fn start_time(&self) -> Duration {
        self.entry.block.node().core().epoch + self.entry.start(self.member)
    }

    /// The place in the report behind the last difference that was asked for.
    #[must_use]
    pub fn mark(&self) -> ReportMark {
        ReportMark(self.report.asked.get())
    }

    /// The group that the series belongs to.
    #[must_use]
    pub fn group(&self) -> GroupView<'a> {
        GroupView::of_reporter(self.entry.block.node(), self.report.index.options())
    }
}

impl std::fmt::Debug for SeriesView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeriesView").field("group", &self.group()).field("value", &self.value).finish()
    }
}
