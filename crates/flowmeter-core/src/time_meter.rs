//! Time spent in a state.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::block::{Keep, Object};
use crate::one_writer::{OneWriter, one_writer};
use crate::set::{Attach, MetricHandle, Slot, Storage};
use crate::sync::{AtomicU64, Ordering::Relaxed};
use crate::{Clock, MetricKind, Unit, ValueType};

/// How long a task was in some state, such as busy or back-pressured: Flink's `TimerGauge`.
///
/// It is a meter of nanoseconds, so its rate is the share of time: a rate of 250,000,000 is 250 ms a second, or 25 %. An
/// interval that is still open counts while it lasts, so a task that is stuck in a state shows it. One thread at a time
/// keeps it. Starting and stopping read the clock; adding does not.
///
/// ```
/// # let registry = flowmeter_core::Registry::new();
/// let busy = registry.add_group("g").time_meter("busyTime");
/// {
///     let _busy = busy.time();
///     // work
/// }
/// busy.add(std::time::Duration::from_millis(5));
/// assert!(busy.total() >= std::time::Duration::from_millis(5));
/// ```
#[must_use = "a meter that is dropped measures nothing"]
pub struct TimeMeter {
    cells: Arc<TimeCells>,
    _keep: Keep,
    _one_writer: OneWriter,
}

impl TimeMeter {
    /// Begins an interval, unless one is open.
    pub fn start(&self) {
        self.cells.start();
    }

    /// Ends the interval that is open, if one is.
    pub fn stop(&self) {
        self.cells.stop();
    }

    /// Begins an interval that ends when the guard is dropped.
    #[must_use = "the interval ends when this is dropped"]
    pub fn time(&self) -> TimeGuard<'_> {
        self.start();
        TimeGuard(self)
    }

    /// Adds an interval that was measured elsewhere, without a look at the clock.
    pub fn add(&self, interval: Duration) {
        self.cells.add(nanoseconds(interval));
    }

    /// All time so far, with that of the interval that is open.
    #[must_use]
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.cells.read())
    }

    /// The longest interval so far, the one that is open included.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.cells.longest())
    }
}

/// An open interval of a [`TimeMeter`].
#[derive(Debug)]
pub struct TimeGuard<'a>(&'a TimeMeter);

impl Drop for TimeGuard<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Drop for TimeMeter {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Attach for TimeMeter {
    const STORAGE: Storage = Storage::Timed;

    fn attach(slot: Slot) -> Option<Self> {
        let Some(Object::Time(cells)) = slot.object() else { return None };
        Some(Self { cells: Arc::clone(cells), _keep: slot.into_keep(), _one_writer: PhantomData })
    }
}

impl MetricHandle for TimeMeter {
    const KIND: MetricKind = MetricKind::Meter;
    const VALUE_TYPE: ValueType = ValueType::U64;
    const UNIT: Unit = Unit::NANOSECONDS;
}

one_writer!(TimeMeter);

impl fmt::Debug for TimeMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TimeMeter").field(&self.total()).finish()
    }
}

/// The memory of one [`TimeMeter`]: one writer, any readers.
pub(crate) struct TimeCells {
    clock: Arc<dyn Clock>,
    /// While no interval is open the total; while one is, what has to be added to the clock's time to have it, and
    /// [`OPEN`]. One word, so that a reader can never meet an interval that is both over and still open.
    state: AtomicU64,
    /// When the open interval began, for the longest one.
    since: AtomicU64,
    longest: AtomicU64,
    /// The most that a reader has seen. An interval ends a moment after its end was taken from the clock, and who looks in
    /// between must not have seen more than there is in the end.
    shown: AtomicU64,
}

const OPEN: u64 = 1 << 63;

impl TimeCells {
    pub(crate) fn new(clock: &Arc<dyn Clock>) -> Self {
        let zero = || AtomicU64::new(0);
        Self { clock: Arc::clone(clock), state: zero(), since: zero(), longest: zero(), shown: zero() }
    }

    fn now(&self) -> u64 {
        nanoseconds(self.clock.monotonic())
    }

    fn start(&self) {
        let state = self.state.load(Relaxed);
        if state & OPEN == 0 {
            let now = self.now();
            self.since.store(now, Relaxed);
            self.state.store(state.wrapping_sub(now) | OPEN, Relaxed);
        }
    }

    fn stop(&self) {
        let state = self.state.load(Relaxed);
        if state & OPEN != 0 {
            let now = self.now();
            self.state.store(state.wrapping_add(now) & !OPEN, Relaxed);
            self.note_longest(now.saturating_sub(self.since.load(Relaxed)));
        }
    }

    fn add(&self, interval: u64) {
        let state = self.state.load(Relaxed);
        self.state.store(state.wrapping_add(interval) & !OPEN | state & OPEN, Relaxed);
        self.note_longest(interval);
    }

    fn note_longest(&self, interval: u64) {
        if interval > self.longest.load(Relaxed) {
            self.longest.store(interval, Relaxed);
        }
    }

    /// All time so far. For readers it never goes back.
    pub(crate) fn read(&self) -> u64 {
        let mut state = self.state.load(Relaxed);
        let total = loop {
            if state & OPEN == 0 {
                break state;
            }
            let now = self.now();
            // Over meanwhile? Then this time is not part of it.
            match self.state.load(Relaxed) {
                same if same == state => break state.wrapping_add(now) & !OPEN,
                other => state = other,
            }
        };
        self.shown.fetch_max(total, Relaxed).max(total)
    }

    fn longest(&self) -> u64 {
        let is_open = self.state.load(Relaxed) & OPEN != 0;
        let open = if is_open { self.now().saturating_sub(self.since.load(Relaxed)) } else { 0 };
        self.longest.load(Relaxed).max(open)
    }
}

/// As many as fit beside [`OPEN`]: 292 years.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX) & !OPEN
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn monotonic(&self) -> Duration {
            Duration::from_nanos(self.0.load(Relaxed))
        }

        fn unix(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Start,
        Stop,
        Add(u64),
        Pass(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            Just(Step::Start),
            Just(Step::Stop),
            (0_u64..1_000).prop_map(Step::Add),
            (0_u64..1_000).prop_map(Step::Pass),
        ];
        prop::collection::vec(step, 0..60)
    }

    proptest! {
        #[test]
        fn totals_and_longest_intervals_are_those_of_the_definition(steps in steps(), begin in 0_u64..1 << 40) {
            let hand = Arc::new(Hand(AtomicU64::new(begin)));
            let clock: Arc<dyn Clock> = hand.clone();
            let cells = TimeCells::new(&clock);
            let (mut total, mut longest, mut open) = (0, 0, None);
            for step in steps {
                match step {
                    Step::Start => {
                        cells.start();
                        open = open.or(Some(0));
                    }
                    Step::Stop => {
                        cells.stop();
                        longest = longest.max(open.take().unwrap_or(0));
                    }
                    Step::Add(interval) => {
                        cells.add(interval);
                        total += interval;
                        longest = longest.max(interval);
                    }
                    Step::Pass(time) => {
                        hand.0.fetch_add(time, Relaxed);
                        if let Some(open) = &mut open {
                            *open += time;
                            total += time;
                        }
                    }
                }
                prop_assert_eq!(cells.read(), total);
                prop_assert_eq!(cells.longest(), longest.max(open.unwrap_or(0)));
            }
        }
    }

    #[test]
    fn readers_never_see_time_go_back() {
        let clock: Arc<dyn Clock> = Arc::new(crate::SystemClock::new());
        let cells = TimeCells::new(&clock);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for _ in 0..200_000 {
                    cells.start();
                    cells.stop();
                }
            });
            let mut seen = 0;
            while !writer.is_finished() {
                let total = cells.read();
                assert!(total >= seen, "{total} after {seen}");
                seen = total;
            }
        });
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::Ordering;
    use loom::thread;

    /// A clock that moves on with each look, and orders who looks as time does.
    struct Looks(AtomicU64);

    impl Clock for Looks {
        fn monotonic(&self) -> Duration {
            Duration::from_nanos(self.0.fetch_add(1, Ordering::AcqRel))
        }

        fn unix(&self) -> Duration {
            Duration::ZERO
        }
    }

    /// An interval begins and ends while a reader looks twice, which never sees the total go back. Nor does it see time
    /// after the end of the interval, but for the moment until the writer looked at the clock again.
    #[test]
    fn time_neither_goes_back_nor_on() {
        loom::model(|| {
            let clock: Arc<dyn Clock> = Arc::new(Looks(AtomicU64::new(1)));
            let cells = Arc::new(TimeCells::new(&clock));
            let reader = {
                let cells = Arc::clone(&cells);
                thread::spawn(move || {
                    let [first, second] = [cells.read(), cells.read()];
                    assert!(first <= second, "{second} after {first}");
                    second
                })
            };
            cells.add(10);
            cells.start();
            cells.stop();
            let total = cells.state.load(Relaxed);
            let later = 10 + (cells.now() - cells.since.load(Relaxed));
            let seen = reader.join().unwrap();
            let last = cells.read();
            assert!(
                total.max(seen) <= last && last < later,
                "{last} after {seen}, between {total} and {later}"
            );
        });
    }
}
