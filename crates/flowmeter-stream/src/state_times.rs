//! How long something was in each of some states.

use std::time::Duration;

use crate::sync::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence, yield_now,
};

/// Time by state, of something that is in one of `N` states or in none: one writer, any readers.
///
/// A change of state is one moment, which ends one state and begins the other, so all of them add up to the time since the
/// first began. A reader sees all of them at one moment, with the state that goes on counted up to it.
#[derive(Debug)]
pub(crate) struct StateTimes<const N: usize> {
    /// Odd while the writer changes what is below.
    sequence: AtomicU64,
    /// The state, or [`NONE`].
    state: AtomicU64,
    /// When it began, or the last one ended, in nanoseconds; [`NONE`] if there was none.
    since: AtomicU64,
    totals: [AtomicU64; N],
    /// The longest stay in each state that ended since a reader last [took](Self::take_longest) them.
    longest: [AtomicU64; N],
}

const NONE: u64 = u64::MAX;

/// What a reader sees, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen<const N: usize> {
    /// The moment.
    pub(crate) now: u64,
    pub(crate) state: Option<usize>,
    /// Whether it has ever been in a state, rather than had its time [added](StateTimes::add).
    pub(crate) has_begun: bool,
    pub(crate) totals: [u64; N],
    /// How long the state has been going on.
    pub(crate) ongoing: u64,
}

impl<const N: usize> StateTimes<N> {
    pub(crate) fn new() -> Self {
        let zeros = || std::array::from_fn(|_| AtomicU64::new(0));
        Self {
            sequence: AtomicU64::new(0),
            state: AtomicU64::new(NONE),
            since: AtomicU64::new(NONE),
            totals: zeros(),
            longest: zeros(),
        }
    }

    /// Begins a state, or none. One that goes on is not begun again, and one that is said to begin before the last begins when
    /// that did, or times would be counted twice. For the writer alone.
    pub(crate) fn switch(&self, to: Option<usize>, now: Duration) {
        let to = to.map_or(NONE, |state| state as u64);
        let (state, since) = (self.state.load(Relaxed), self.since.load(Relaxed));
        if to == state {
            return;
        }
        let now = if since == NONE { nanoseconds(now) } else { nanoseconds(now).max(since) };
        let left = usize::try_from(state).ok().filter(|state| *state < N);
        let stay = now.saturating_sub(since);
        let sequence = self.sequence.load(Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Relaxed);
        fence(Release);
        if let Some(left) = left {
            self.add(left, stay);
        }
        self.state.store(to, Relaxed);
        self.since.store(now, Relaxed);
        self.sequence.store(sequence.wrapping_add(2), Release);
        if let Some(left) = left {
            self.note_stay(left, stay);
        }
    }

    /// Adds time that was measured elsewhere. For the writer alone.
    #[inline]
    pub(crate) fn add(&self, state: usize, time: u64) {
        self.totals[state].store(self.totals[state].load(Relaxed).wrapping_add(time), Relaxed);
    }

    /// Notes a stay in a state that was measured elsewhere. For the writer alone.
    pub(crate) fn note_stay(&self, state: usize, time: u64) {
        self.longest[state].fetch_max(time, Relaxed);
    }

    /// The total of a state without what goes on. For the writer, which knows what does.
    pub(crate) fn total(&self, state: usize) -> u64 {
        self.totals[state].load(Relaxed)
    }

    /// The state. For the writer.
    pub(crate) fn state(&self) -> Option<usize> {
        usize::try_from(self.state.load(Relaxed)).ok().filter(|state| *state < N)
    }

    /// All of it at one moment, the time of which `now` says when it is asked.
    pub(crate) fn see(&self, now: impl Fn() -> Duration) -> Seen<N> {
        loop {
            let sequence = self.sequence.load(Acquire);
            let (state, since) = (self.state(), self.since.load(Relaxed));
            let mut totals = std::array::from_fn(|state| self.totals[state].load(Relaxed));
            let now = nanoseconds(now());
            fence(Acquire);
            if sequence.is_multiple_of(2) && self.sequence.load(Relaxed) == sequence {
                let mut ongoing = 0;
                if let Some(state) = state {
                    ongoing = now.saturating_sub(since);
                    totals[state] = u64::wrapping_add(totals[state], ongoing);
                }
                return Seen { now, state, has_begun: since != NONE, totals, ongoing };
            }
            yield_now();
        }
    }

    /// The longest stay in each state that ended since this was last called.
    pub(crate) fn take_longest(&self) -> [u64; N] {
        std::array::from_fn(|state| self.longest[state].swap(0, Relaxed))
    }
}

/// As many as fit: 584 years.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_states_add_up_to_the_time_since_the_first(
            steps in prop::collection::vec((0_usize..4, 0_u64..1_000), 1..40),
            begin in 0_u64..1_000,
        ) {
            let times = StateTimes::<3>::new();
            let (mut now, mut expected, mut longest) = (begin, [0; 3], [0; 3]);
            let mut current: Option<usize> = None;
            let mut stay = 0;
            for (to, pass) in steps {
                let to = (to < 3).then_some(to);
                times.switch(to, Duration::from_nanos(now));
                if current != to {
                    if let Some(current) = current {
                        longest[current] = stay.max(longest[current]);
                    }
                    stay = 0;
                }
                current = to;
                now += pass;
                if let Some(current) = current {
                    expected[current] += pass;
                    stay += pass;
                }
                let seen = times.see(|| Duration::from_nanos(now));
                prop_assert_eq!((seen.state, seen.totals), (current, expected));
            }
            prop_assert_eq!(times.take_longest(), longest);
            prop_assert_eq!(times.take_longest(), [0; 3]);
        }
    }

    #[test]
    fn a_reader_sees_one_moment() {
        let times = StateTimes::<2>::new();
        let clock = AtomicU64::new(0);
        let now = || Duration::from_nanos(clock.load(Relaxed));
        times.switch(Some(0), now());
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for step in 0..100_000 {
                    clock.fetch_add(7, Relaxed);
                    times.switch(Some(step % 2), now());
                }
            });
            while !writer.is_finished() {
                let seen = times.see(now);
                assert_eq!(seen.totals.iter().sum::<u64>(), seen.now);
            }
        });
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    /// A reader that looks while the state changes sees times that add up to what its clock says.
    #[test]
    fn a_reader_sees_one_moment() {
        loom::model(|| {
            let times = Arc::new(StateTimes::<2>::new());
            times.switch(Some(0), Duration::ZERO);
            let reader = {
                let times = Arc::clone(&times);
                thread::spawn(move || {
                    let seen = times.see(|| Duration::from_nanos(100));
                    assert_eq!(seen.totals.iter().sum::<u64>(), 100, "{seen:?}");
                })
            };
            times.switch(Some(1), Duration::from_nanos(10));
            reader.join().unwrap();
        });
    }
}
