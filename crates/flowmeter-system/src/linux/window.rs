//! The time that a rate is over.

use std::time::Duration;

/// Reports that follow each other sooner than this have the same rates: over less, clock ticks make anything of them.
const SHORTEST: Duration = Duration::from_secs(1);

/// Since when something is counted for a rate. Reports of all reporters move it on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    since: Duration,
    /// There has been a window of full length.
    settled: bool,
}

/// A window that has passed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) seconds: f64,
    /// The next window begins now, so counting begins anew.
    pub(crate) ends: bool,
}

impl Window {
    pub(crate) fn new(now: Duration) -> Self {
        Self { since: now, settled: false }
    }

    /// The window until now; nothing if the last rate still holds.
    pub(crate) fn until(&mut self, now: Duration) -> Option<Span> {
        let elapsed = now.saturating_sub(self.since);
        let ends = elapsed >= SHORTEST;
        if elapsed.is_zero() || (self.settled && !ends) {
            return None;
        }
        if ends {
            *self = Self { since: now, settled: true };
        }
        Some(Span { seconds: elapsed.as_secs_f64(), ends })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_each_other() {
        let at = Duration::from_millis;
        let mut window = Window::new(at(1000));
        assert_eq!(window.until(at(1000)), None);
        assert_eq!(window.until(at(1500)), Some(Span { seconds: 0.5, ends: false }), "better than nothing");
        assert_eq!(window.until(at(3000)), Some(Span { seconds: 2.0, ends: true }));
        assert_eq!(window.until(at(3500)), None, "the last one holds");
        assert_eq!(window.until(at(4000)), Some(Span { seconds: 1.0, ends: true }));
        assert_eq!(window.until(at(10)), None, "a clock that went back");
    }
}
