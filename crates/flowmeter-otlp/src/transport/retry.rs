//! When a request that failed is sent again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant, SystemTime};

use crate::RetryOptions;

/// The longest that a receiver can have itself be left alone.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// How often it is looked whether the program is to end.
const LOOK: Duration = Duration::from_millis(20);

/// Whether and when what failed is worth another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// It would fail again.
    Never,
    /// After a wait that grows.
    Backoff,
    /// After the time that the receiver asked for.
    After(Duration),
}

/// Waits that grow: each is twice as long as the one before, give or take some.
pub(super) struct Backoff {
    options: RetryOptions,
    next: Duration,
}

impl Backoff {
    pub(super) fn new(options: RetryOptions) -> Self {
        Self { options, next: options.initial_backoff }
    }

    /// The next wait, which is at least what the receiver asked for.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(self.options.max_backoff);
        let jittered = wait.mul_f64(1.0 + self.options.jitter * (2.0 * chance() - 1.0));
        asked.map_or(jittered, |asked| asked.min(LONGEST_REST).max(jittered))
    }
}

/// A number from 0 to 1.
fn chance() -> f64 {
    // Each state has keys of its own.
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

/// What a receiver asks for in `Retry-After`: seconds, or a date.
pub(super) fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// As it should.
    Out,
    /// At once, since the program ends.
    Stopping,
    /// At once, since there is not so much time.
    NoTime,
}

/// Waits until a time, unless that is not before the deadline.
pub(super) async fn wait(until: Instant, deadline: Instant, is_stopping: &dyn Fn() -> bool) -> Waited {
    loop {
        let now = Instant::now();
        if now >= deadline {
            return Waited::NoTime;
        }
        if is_stopping() {
            return Waited::Stopping;
        }
        if until >= deadline {
            return Waited::NoTime;
        }
        if now >= until {
            return Waited::Out;
        }
        tokio::time::sleep_until((now + LOOK).min(until).into()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest() {
        let ms = Duration::from_millis;
        let mut backoff =
            Backoff::new(RetryOptions::default().with_backoff(ms(100), ms(300)).with_jitter(0.0));
        let waits: Vec<_> =
            [None, Some(ms(150)), None, Some(Duration::MAX)].map(|asked| backoff.next(asked)).into();
        assert_eq!(waits, [ms(100), ms(200), ms(300), LONGEST_REST]);
    }

    #[test]
    fn waits_differ_by_chance_within_bounds() {
        let waits: Vec<_> = (0..100)
            .map(|_| {
                let options = RetryOptions::default().with_backoff(Duration::from_secs(1), Duration::MAX);
                Backoff::new(options).next(None).as_secs_f64()
            })
            .collect();
        assert!(waits.iter().all(|wait| (0.8..=1.2).contains(wait)), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait < 1.0) && waits.iter().any(|wait| *wait > 1.0), "{waits:?}");
    }

    #[test]
    fn receivers_ask_in_seconds_or_with_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let asked = |text| retry_after(text, now);
        assert_eq!(asked(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:07 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("99999999999999999999"), None);
        assert_eq!((asked("-1"), asked("soon"), asked("")), (None, None, None));
    }
}
