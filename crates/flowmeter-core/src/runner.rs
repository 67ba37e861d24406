//! The thread of a reporter.

mod replacing;

use std::any::Any;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::block::Block;
use crate::clock::moment_after;
use crate::control::{Asked, Control, Work};
use crate::core::{Core, INBOX_LIMIT, Mail};
use crate::index::{Accepted, Index};
use crate::milestone::{Delivery, Failure};
use crate::reporter::{Endpoints, ReportMode, ReportNumber, Reporter, ReporterContext};
use crate::self_metrics::SelfReport;
use crate::source::{Source, Traits};
use crate::{Report, ReporterOptions};

/// How often a pull reporter looks after its index when nobody asks for a report.
const HOUSEKEEPING: Duration = Duration::from_secs(5);

/// How often the last spans and events are handed over while the reporter panics: as a batch, one by one up to the one that
/// causes it, and then the rest.
const LAST_ATTEMPTS: usize = 3;

/// How often the time before a restart doubles.
const DOUBLINGS: u32 = 16;

/// The shortest time before a restart but the first.
const SHORTEST_BACKOFF: Duration = Duration::from_millis(1);

/// The longest time before a restart, unless the first is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// Whether a reporter can report.
enum Life {
    Up,
    /// It panicked and was stopped, and is to be started again then.
    Down {
        until: Instant,
    },
}

/// A reporter with its index, on its thread.
pub(crate) struct Runner {
    core: Arc<Core>,
    id: u64,
    control: Arc<Control>,
    context: ReporterContext,
    options: Arc<ReporterOptions>,
    traits: Traits,
    source: Source,
    life: Life,
    /// How often it was restarted since a report last returned.
    attempts: u32,
    index: Index,
    /// If it wants spans and events.
    delivery: Option<Delivery>,
    number: ReportNumber,
    /// What came through the inbox.
    collected: Mail,
    /// The number of registrations at the last look: memory to free is left to registering threads while there are any.
    registrations: u64,
    self_report: Option<SelfReport>,
    /// What tells processes apart that run the same reporter, so that they need not all report at one moment.
    instance: u64,
}

impl Runner {
    pub(crate) fn new(
        core: &Arc<Core>,
        id: u64,
        context: ReporterContext,
        options: ReporterOptions,
        source: Source,
        traits: Traits,
        instance: u64,
    ) -> Self {
        let (options, control) = (Arc::new(options), Arc::clone(context.control()));
        let index = Index::new(core, &control, id, traits, &options);
        let delivery = traits.milestones.then(|| Delivery::new(core, &control, &options));
        Self {
            core: Arc::clone(core),
            id,
            control,
            context,
            options,
            traits,
            source,
            life: Life::Up,
            attempts: 0,
            index,
            delivery,
            number: ReportNumber::default(),
            collected: Mail::default(),
            registrations: 0,
            self_report: None,
            instance,
        }
    }

    pub(crate) fn with_self_report(mut self, self_report: Option<SelfReport>) -> Self {
        self.self_report = self_report;
        self
    }

    /// Runs until the reporter is stopped. `present` are the blocks that will not come through the inbox.
    pub(crate) fn run(self, present: Vec<Arc<Block>>) {
        let (core, id, control) = (Arc::clone(&self.core), self.id, Arc::clone(&self.control));
        // The reporter's own panics are caught where it is called. Should anything else panic, it does not go unseen.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.run_until_stopped(present))) {
            let message = panicked(&*panic);
            warn!(reporter = &**control.name(), message, "the thread of a reporter has ended");
            core.close_inbox(id);
            control.note(|state| state.stopped = Some(Err(message)));
        }
    }

    fn run_until_stopped(mut self, present: Vec<Arc<Block>>) {
        self.index.admit_all(present, &*self.source.reporter);
        let mut due = moment_after(self.first_pause());
        loop {
            let until = match self.life {
                Life::Up => due,
                Life::Down { until } => until,
            };
            match self.control.next_work(until) {
                Work::Report(asked) => {
                    self.answer(asked);
                    due = self.next_due(due, false);
                }
                Work::Due(_) if matches!(self.life, Life::Down { .. }) => drop(self.start_again()),
                Work::Due(asked) if self.traits.mode == ReportMode::Push => {
                    self.answer(asked);
                    due = self.next_due(due, true);
                }
                Work::Due(asked) | Work::Look(asked) => {
                    self.look();
                    // Those that failed, if it is time: a pull reporter may be asked for a report by nobody.
                    let _ = self.deliver_milestones(Delivery::deliver_unless_failed);
                    self.control.note_looked(asked);
                    if self.traits.mode == ReportMode::Pull {
                        due = moment_after(self.pause());
                    }
                }
                Work::Milestones => drop(self.deliver_milestones(Delivery::deliver_unless_failed)),
                Work::Replace(replacement) => {
                    let outcome = self.replace(*replacement);
                    due = moment_after(self.first_pause());
                    self.control.note_replaced(outcome);
                }
                Work::Restart { wanted } => {
                    let stopped = self.stop_reporter();
                    let outcome = self.start_again();
                    self.control.note_restarted(wanted, stopped.and(outcome));
                }
                Work::Stop => break,
            }
        }
        self.stop();
    }

    /// When the next report is due after one, which may have been the one that was `due`. One that outlasts its interval skips
    /// the ticks that it missed.
    fn next_due(&self, due: Instant, was_due: bool) -> Instant {
        let (now, pause) = (Instant::now(), self.pause());
        if self.traits.mode == ReportMode::Pull {
            return moment_after(pause);
        }
        if due > now {
            return due;
        }
        let passed = (now - due).as_nanos() / pause.as_nanos() + 1;
        self.control.counts.skipped.add(u64::try_from(passed).unwrap_or(u64::MAX) - u64::from(was_due));
        due + pause * u32::try_from(passed).unwrap_or(u32::MAX)
    }

    /// The last report, for which all that is closed is final, and the end of the reporter.
    fn stop(mut self) {
        self.control.note_last();
        if matches!(self.life, Life::Down { .. }) {
            let _ = self.start_again();
        }
        let milestones = self.deliver_last_milestones();
        let outcome = match (self.traits.mode, &self.life) {
            (ReportMode::Push, Life::Up) => match self.report(Duration::ZERO) {
                // It panicked and was restarted: once more, since the last report matters most.
                Err(_) if self.attempts > 0 && matches!(self.life, Life::Up) => self.report(Duration::ZERO),
                outcome => outcome,
            },
            (ReportMode::Pull, Life::Up) => Ok(()),
            (_, Life::Down { .. }) => Err(self.why_down()),
        };
        self.collect();
        let undelivered = self.index.undelivered();
        self.index.drop_undelivered();
        let stopped = self.stop_reporter();
        self.core.close_inbox(self.id);
        let control = Arc::clone(&self.control);
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(self))).map_err(|panic| panicked(&*panic));
        control.note(|state| {
            (state.endpoints, state.undelivered) = (Endpoints::default(), undelivered);
            state.stopped = Some(outcome.and(milestones).and(stopped).and(dropped));
        });
    }

    /// Answers requests for a report.
    fn answer(&mut self, asked: Asked) {
        let milestones = self.deliver_milestones(Delivery::deliver);
        let outcome = match self.life {
            Life::Up => {
                let outcome = self.report(self.options.grace);
                // It looked after the index as well.
                self.control.note_looked(asked);
                outcome
            }
            Life::Down { .. } => Err(self.why_down()),
        };
        let outcome = outcome.and(milestones.map_err(|failure| failure.message));
        if outcome.is_ok() {
            self.control.note_success();
        }
        self.control.note_finished(asked, outcome);
    }

    fn report(&mut self, grace: Duration) -> Result<(), String> {
        let began = Instant::now();
        self.collect();
        self.core.sampler.sample(&self.core, self.index.reader(), self.options.callback_patience);
        let now = self.core.clock.monotonic();
        // Before any value is read: what is recorded later than this is in no report, if these are taken for final.
        self.index.settle_contests(now, grace);
        let finals = self.index.final_groups(now, grace);
        self.number.0 += 1;
        let Self { index, source, number, core, .. } = self;
        let unix = core.clock.unix();
        let report = Report::new(index, *number, (now, unix), core.epochs(now, unix));
        let outcome = catch_unwind(AssertUnwindSafe(|| source.reporter.report(&report)));
        let has_panicked = outcome.is_err();
        let outcome = match outcome {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(panic) => Err(panicked(&*panic)),
        };
        let time = report.unix_time();
        let accepted = if outcome.is_ok() { Accepted::all() } else { report.acknowledged() };
        index.settle_accounts(&accepted, time);
        match &outcome {
            Ok(()) => {
                self.control.counts.reports.add(1);
                self.index.reported(&finals, *number, self.traits.mode, now);
            }
            Err(message) => self.note_failure(message),
        }
        self.settle();
        self.self_report.as_ref().inspect(|self_report| self_report.took(began.elapsed()));
        if has_panicked {
            self.control.counts.panics.add(1);
            self.restart_after_panic();
        } else {
            self.attempts = 0;
        }
        outcome
    }

    /// Hands spans and events over to a reporter that is up.
    fn deliver_milestones(
        &mut self,
        deliver: fn(&mut Delivery, &mut dyn Reporter) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (Some(delivery), Life::Up) = (&mut self.delivery, &self.life) else { return Ok(()) };
        let outcome = deliver(delivery, &mut *self.source.reporter);
        if let Err(failure) = &outcome {
            let pause = match self.traits.mode {
                ReportMode::Push => self.options.interval,
                ReportMode::Pull => HOUSEKEEPING,
            };
            delivery.retry_at(moment_after(pause));
            self.note_failure(&failure.message);
            if failure.has_panicked {
                self.control.counts.panics.add(1);
                self.restart_after_panic();
            }
        }
        outcome
    }

    /// Hands over the last ones. Though the reporter panics of them, it is up for the last report if it can be.
    fn deliver_last_milestones(&mut self) -> Result<(), String> {
        let attempts = self.attempts;
        let mut outcome = Ok(());
        for _ in 0..LAST_ATTEMPTS {
            outcome = self.deliver_milestones(Delivery::deliver);
            if !outcome.as_ref().is_err_and(|failure| failure.has_panicked) {
                break;
            }
            if matches!(self.life, Life::Down { .. }) {
                let _ = self.start_again();
            }
        }
        self.attempts = attempts;
        outcome.map_err(|failure| failure.message)
    }

    fn note_failure(&self, message: &str) {
        self.control.note_failure(message, self.core.clock.unix());
    }

    /// Stops a reporter that panicked, and starts it again: at once the first time since it reported, then later and later.
    fn restart_after_panic(&mut self) {
        if let Err(message) = self.stop_reporter() {
            warn!(
                reporter = &**self.control.name(),
                message, "a reporter that panicked could not be stopped"
            );
        }
        if self.attempts == 0 {
            let _ = self.start_again();
        } else {
            self.wait_to_restart();
        }
    }

    fn stop_reporter(&mut self) -> Result<(), String> {
        match self.life {
            Life::Up => self.source.stop(),
            // It was stopped when it went down.
            Life::Down { .. } => Ok(()),
        }
    }

    /// Starts the stopped reporter, or a new one.
    fn start_again(&mut self) -> Result<(), String> {
        self.attempts = self.attempts.saturating_add(1);
        self.control.counts.restarts.add(1);
        let started = self.source.replace().and_then(|()| {
            let (endpoints, traits) = self.source.start(&self.context)?;
            // What the index has prepared is in the terms of the first.
            if traits == self.traits {
                return Ok(endpoints);
            }
            let _ = self.source.stop();
            Err("it is another kind of reporter now".into())
        });
        match started {
            Ok(endpoints) => {
                self.life = Life::Up;
                self.control.note(|state| (state.endpoints, state.down) = (endpoints, false));
                Ok(())
            }
            Err(error) => {
                let message = error.to_string();
                self.note_failure(&message);
                self.wait_to_restart();
                Err(message)
            }
        }
    }

    fn wait_to_restart(&mut self) {
        let pause = backoff(self.options.restart_backoff, self.attempts);
        self.life = Life::Down { until: moment_after(pause) };
        self.control.note(|state| (state.endpoints, state.down) = (Endpoints::default(), true));
    }

    fn why_down(&self) -> String {
        let error = self.control.lock().last_error.clone().unwrap_or_default();
        format!("it is down until it is restarted; its last error was: {error}")
    }

    /// Looks after the index without reporting.
    fn look(&mut self) {
        self.collect();
        self.settle();
    }

    /// Takes in what was registered, up to the returned sequence, and what was removed.
    fn collect(&mut self) -> u64 {
        // Two vectors take turns, so that registering threads need not grow one after each report.
        let sequence = self.core.collect_inbox(self.id, &mut self.collected);
        let Mail { blocks, removals } = &mut self.collected;
        self.index.admit_all(blocks.drain(..), &*self.source.reporter);
        blocks.shrink_to(INBOX_LIMIT);
        for removal in removals.drain(..) {
            self.index.remove_series(&removal);
        }
        removals.shrink_to(INBOX_LIMIT);
        self.index.note_closed();
        self.control.counts.series.set(self.index.series() as u64);
        sequence
    }

    fn settle(&mut self) {
        let delivered = self.control.lock().delivered;
        if let Some((report, at)) = delivered {
            self.index.delivered(report, at);
        }
        self.index.settle(self.core.clock.monotonic(), self.traits.mode, &self.options);
        let undelivered = self.index.undelivered();
        self.control.counts.series.set(self.index.series() as u64);
        self.control.note(|state| state.undelivered = undelivered);
        let registrations = self.core.registrations();
        if std::mem::replace(&mut self.registrations, registrations) == registrations {
            self.core.bury_all();
        }
    }

    /// How long to wait when nothing comes up.
    fn pause(&self) -> Duration {
        let pause = match self.traits.mode {
            ReportMode::Push => self.options.interval,
            ReportMode::Pull => {
                let now = self.core.clock.monotonic();
                let leaving = self.index.next_leaving(&self.options);
                leaving.map_or(HOUSEKEEPING, |leaving| leaving.saturating_sub(now).min(HOUSEKEEPING))
            }
        };
        pause.max(Duration::from_millis(1))
    }

    /// The same before the first report: a part of the interval that is another one for each instance and reporter, so that
    /// processes that begin together do not all report together ever after.
    fn first_pause(&self) -> Duration {
        match self.traits.mode {
            ReportMode::Push => staggered(self.pause(), self.instance, self.control.name()),
            ReportMode::Pull => self.pause(),
        }
    }
}

/// How long to wait before another attempt after so many.
fn backoff(first: Duration, attempts: u32) -> Duration {
    let first = first.max(SHORTEST_BACKOFF);
    let doublings = attempts.saturating_sub(1).min(DOUBLINGS);
    first.saturating_mul(1 << doublings).min(first.max(LONGEST_BACKOFF))
}

fn staggered(interval: Duration, instance: u64, reporter: &str) -> Duration {
    let part = u128::from(stable_hash(&(instance, reporter)) >> 32) + 1;
    let nanoseconds = u128::from(u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX));
    Duration::from_nanos(u64::try_from((nanoseconds * part) >> 32).unwrap_or(u64::MAX))
}

/// A hash that is the same in every run of a program.
pub(crate) fn stable_hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// What a panic said.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("no message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_waits_twice_as_long_up_to_a_minute() {
        let seconds = |first, attempts| backoff(Duration::from_secs(first), attempts).as_secs();
        assert_eq!(
            (1..=8).map(|attempts| seconds(1, attempts)).collect::<Vec<_>>(),
            [1, 2, 4, 8, 16, 32, 60, 60]
        );
        assert_eq!((seconds(90, 1), seconds(90, u32::MAX)), (90, 90), "longer if it begins with more");
        assert_eq!(backoff(Duration::ZERO, 1), Duration::from_millis(1));
        assert_eq!(backoff(Duration::MAX, 9), Duration::MAX);
    }

    #[test]
    fn first_reports_are_spread_over_the_interval_and_the_same_each_time() {
        let interval = Duration::from_secs(10);
        let mut seconds = [0; 10];
        for instance in 0..1_000 {
            let pause = staggered(interval, instance, "prom");
            assert_eq!(pause, staggered(interval, instance, "prom"));
            assert!(pause <= interval);
            seconds[(pause.as_secs_f64().ceil() as usize).clamp(1, 10) - 1] += 1;
        }
        assert!(seconds.iter().all(|&instances| instances > 50), "{seconds:?}");
        assert_ne!(staggered(interval, 1, "a"), staggered(interval, 1, "b"));
        assert!(staggered(Duration::MAX, 1, "a") > Duration::from_secs(3600));
    }
}
