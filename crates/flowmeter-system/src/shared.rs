//! Sources that are read once for all callbacks that need them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flowmeter_core::Clock;

/// How old what was read may be for another callback. A pass over all callbacks takes less, and the next one, which
/// may be another reporter's that has other series, begins with a reading of its own.
const FRESH: Duration = Duration::from_millis(100);

/// A source and what was last read of it.
///
/// Each callback of a pass looks once. So the first that has seen what was last read begins a new pass, and reads.
pub(crate) struct Shared<T> {
    clock: Arc<dyn Clock>,
    state: Mutex<State<T>>,
}

struct State<T> {
    source: T,
    /// How often it was read, and when that was done.
    readings: u64,
    at: Duration,
}

/// What one callback has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen(u64);

impl<T> Shared<T> {
    pub(crate) fn new(clock: &Arc<dyn Clock>, source: T) -> Self {
        let state = Mutex::new(State { source, readings: 0, at: Duration::ZERO });
        Self { clock: Arc::clone(clock), state }
    }

    /// What a callback that is made now has seen: all until now.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "nothing comes and goes there"))]
    pub(crate) fn seen(&self) -> Seen {
        Seen(self.state.lock().unwrap_or_else(PoisonError::into_inner).readings)
    }

    /// Looks at what `read` has last left in the source, which it does first if need be. `read` is given what a
    /// callback that it makes has seen.
    pub(crate) fn look<R>(
        &self,
        seen: &mut Seen,
        read: impl FnOnce(&mut T, Duration, Seen),
        look: impl FnOnce(&mut T) -> R,
    ) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.monotonic();
        if seen.0 >= state.readings || now.saturating_sub(state.at) > FRESH {
            state.readings += 1;
            let seen = Seen(state.readings);
            read(&mut state.source, now, seen);
            // Not when it began: what took long to read would be old at once, and be read again for every callback.
            state.at = self.clock.monotonic();
        }
        seen.0 = state.readings;
        look(&mut state.source)
    }
}

#[cfg(test)]
mod tests {
    use flowmeter_testkit::MockClock;

    use super::*;

    #[test]
    fn a_pass_reads_once() {
        let clock = Arc::new(MockClock::default());
        let shared = Shared::new(&(Arc::clone(&clock) as _), 0);
        let look = |seen: &mut Seen| shared.look(seen, |count, _, _| *count += 1, |count| *count);
        let [mut first, mut second] = [Seen::default(); 2];
        assert_eq!([look(&mut first), look(&mut second)], [1, 1]);
        assert_eq!([look(&mut second), look(&mut first)], [2, 2], "in any order");
        assert_eq!([look(&mut second), look(&mut second)], [3, 4], "the first is not wanted any more");
        clock.advance(FRESH);
        assert_eq!(look(&mut first), 4);
        let mut third = Seen::default();
        clock.advance(FRESH);
        assert_eq!(look(&mut third), 5, "what was read long ago is not this pass's");
    }

    #[test]
    fn a_pass_reads_once_what_is_slow_to_read() {
        let clock = Arc::new(MockClock::default());
        let shared = Shared::new(&(Arc::clone(&clock) as _), 0);
        let read = |count: &mut i32, _, _| {
            *count += 1;
            clock.advance(2 * FRESH);
        };
        let mut callbacks = [Seen::default(); 10];
        for pass in 1..=3 {
            assert!(callbacks.iter_mut().all(|seen| shared.look(seen, read, |count| *count) == pass));
        }
    }
}
