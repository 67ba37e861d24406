//! What others can tell a reporter's thread and learn from it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use crate::clock::moment_after;
use crate::reporter::{Endpoints, ReportNumber};
use crate::self_metrics::ReporterCounts;
use crate::source::Replacement;
use crate::{Clock, Error, ReportError};

/// The most that is kept of the time that a reporter has to stop, for what comes after its last report.
const LONGEST_END: Duration = Duration::from_millis(250);

pub(crate) struct Control {
    name: Arc<str>,
    clock: Arc<dyn Clock>,
    pub(crate) counts: ReporterCounts,
    state: Mutex<State>,
    /// There is something to do. Not the reporter's thread alone may wait for it: whoever has its context can
    /// pause.
    work: Condvar,
    /// Something was done.
    done: Condvar,
}

#[derive(Default)]
pub(crate) struct State {
    /// Reports asked for; finished ones cover all requests up to this number.
    requested: u64,
    finished: u64,
    outcome: Option<String>,
    pub(crate) delivered: Option<(ReportNumber, Duration)>,
    /// Looks at the index asked for and done.
    looks: u64,
    looked: u64,
    pub(crate) undelivered: usize,
    /// Restarts asked for and done.
    restarts_wanted: u64,
    restarts_done: u64,
    restart_outcome: Option<String>,
    /// One that has not begun.
    replacement: Option<Box<Replacement>>,
    /// One that waits, or has begun: there is one at a time.
    replacing: Option<Replacing>,
    /// Spans or events came since the reporter last looked.
    milestones_came: bool,
    pub(crate) endpoints: Endpoints,
    /// It panicked and is to be restarted.
    pub(crate) down: bool,
    /// Until when whoever stops the reporter waits for it to report.
    stop_by: Option<Instant>,
    /// What is reported is the last of it.
    is_last: bool,
    pub(crate) stopped: Option<Result<(), String>>,
    pub(crate) last_error: Option<String>,
    /// How often in a row it failed for that reason, since it last worked.
    failed_alike: u64,
}

/// How far a replacement has come.
#[derive(Default)]
struct Replacing {
    /// What became of it, for whoever asked for it.
    outcome: Option<Result<(), ReportError>>,
    /// Nobody waits for it any more.
    is_alone: bool,
}

/// What became of a reporter's reports so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReporterStatus {
    /// Reports that succeeded.
    pub reports: u64,
    /// What failed or panicked: reports, restarts, and the preparing of names.
    pub failures: u64,
    /// Of these, what panicked.
    pub panics: u64,
    /// Reports that were due while another one ran or the reporter was down.
    pub skipped: u64,
    /// How often it was restarted.
    pub restarts: u64,
    /// Whether it panicked and waits to be restarted.
    pub is_down: bool,
    /// What the last failure said.
    pub last_error: Option<String>,
    /// Closed groups whose final values have not reached the backend yet, as of the reporter's last look.
    pub undelivered_groups: usize,
    /// Series in its index.
    pub series: u64,
    /// Bytes that it says it has sent.
    pub bytes: u64,
    /// Values that it says it could not say or deliver, for ever.
    pub dropped_values: u64,
    /// Values that it says it has sent without knowing whether they arrived.
    pub uncertain_values: u64,
    /// Spans and events that it has taken.
    pub reported_milestones: u64,
    /// Spans and events that it did not get, because too many waited for it, or that were given up.
    pub dropped_milestones: u64,
}

/// What a reporter's thread is to do.
pub(crate) enum Work {
    Report(Asked),
    Look(Asked),
    /// Spans or events came.
    Milestones,
    /// The time that it waited for has come.
    Due(Asked),
    Replace(Box<Replacement>),
    Restart {
        wanted: u64,
    },
    Stop,
}

/// The requests that an answer covers.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    report: u64,
    look: u64,
}

impl Control {
    pub(crate) fn new(name: &str, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            clock,
            counts: ReporterCounts::default(),
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
        })
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn request(&self) -> u64 {
        let mut state = self.lock();
        state.requested += 1;
        self.work.notify_all();
        state.requested
    }

    /// Asks for a report and waits for it.
    pub(crate) fn report_now(&self, patience: Duration) -> Result<(), Error> {
        let request = self.request();
        let state = self.wait(patience, |state| state.finished >= request || state.stopped.is_some())?;
        if state.finished < request {
            return Err(self.stopped());
        }
        state.outcome.clone().map_or(Ok(()), |message| Err(self.failed(message)))
    }

    /// Asks for a restart and waits for it.
    pub(crate) fn restart(&self, patience: Duration) -> Result<(), Error> {
        let mut state = self.lock();
        state.restarts_wanted += 1;
        let wanted = state.restarts_wanted;
        drop(state);
        self.work.notify_all();
        let state = self.wait(patience, |state| state.restarts_done >= wanted || state.stopped.is_some())?;
        if state.restarts_done < wanted {
            return Err(self.stopped());
        }
        state.restart_outcome.clone().map_or(Ok(()), |message| Err(self.failed(message)))
    }

    /// Has another reporter take the place of this one and waits for it. If that has not begun in time, it will not.
    pub(crate) fn replace(&self, replacement: Replacement, patience: Duration) -> Result<(), Error> {
        let until = moment_after(patience);
        let is_free = |state: &State| state.replacing.is_none() || state.stopped.is_some();
        let mut state = self.wait(patience, is_free)?;
        if state.stopped.is_some() {
            drop(state);
            return Err(self.stopped());
        }
        (state.replacement, state.replacing) = (Some(Box::new(replacement)), Some(Replacing::default()));
        drop(state);
        self.work.notify_all();
        let is_done = |state: &State| {
            state.stopped.is_some() || state.replacing.as_ref().is_some_and(|it| it.outcome.is_some())
        };
        let waited = self.wait(until.saturating_duration_since(Instant::now()), is_done).map(drop);
        let mut state = self.lock();
        let withdrawn = state.replacement.take();
        let outcome = state.replacing.as_mut().and_then(|replacing| replacing.outcome.take());
        let goes_on = outcome.is_none() && withdrawn.is_none() && state.stopped.is_none();
        match &mut state.replacing {
            // Others have to wait until it is over.
            Some(replacing) if goes_on => replacing.is_alone = true,
            replacing => *replacing = None,
        }
        drop(state);
        self.done.notify_all();
        // Not under the lock: it is the code of others.
        drop(withdrawn);
        match (outcome, waited) {
            (Some(outcome), _) => outcome.map_err(|source| Error::of_start(self.name(), source)),
            (None, Ok(())) => Err(self.stopped()),
            (None, Err(_)) => Err(Error::Timeout { name: self.name.to_string(), waited: patience }),
        }
    }

    /// Waits until every group that is closed by now has reached the backend or was let go.
    pub(crate) fn wait_delivered(&self, patience: Duration) -> Result<(), Error> {
        let mut state = self.lock();
        state.looks += 1;
        let look = state.looks;
        drop(state);
        self.work.notify_all();
        let settled =
            |state: &State| (state.looked >= look && state.undelivered == 0) || state.stopped.is_some();
        let state = self.wait(patience, settled)?;
        if state.undelivered == 0 { Ok(()) } else { Err(self.stopped()) }
    }

    pub(crate) fn delivered(&self, report: ReportNumber) {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        if state.delivered.is_none_or(|(latest, _)| latest < report) {
            state.delivered = Some((report, now));
        }
        state.looks += 1;
        drop(state);
        self.work.notify_all();
    }

    /// Wakes the reporter's thread for spans and events.
    pub(crate) fn milestone_came(&self) {
        self.lock().milestones_came = true;
        self.work.notify_all();
    }

    /// Has the reporter stop, for which it has so long.
    pub(crate) fn stop(&self, patience: Duration) {
        // Whoever waits is to hear what became of the last report, and not that it took too long.
        let stop_by = moment_after(patience.saturating_sub(LONGEST_END.min(patience / 10)));
        let mut state = self.lock();
        state.stop_by = Some(state.stop_by.map_or(stop_by, |earlier| earlier.min(stop_by)));
        drop(state);
        self.work.notify_all();
    }

    /// Tells that all that is reported from now on is the last of it.
    pub(crate) fn note_last(&self) {
        self.lock().is_last = true;
    }

    /// How long what is reported now may still take; nothing while nobody stops the reporter.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let state = self.lock();
        let left = state.stop_by?.saturating_duration_since(Instant::now());
        Some(if state.is_last { left } else { Duration::ZERO })
    }

    /// Waits on the reporter's thread until it is to stop, at most for a time. Returns whether it is.
    pub(crate) fn wait_for_stop(&self, patience: Duration) -> bool {
        let waited = self.work.wait_timeout_while(self.lock(), patience, |state| state.stop_by.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.stop_by.is_some()
    }

    pub(crate) fn wait_stopped(&self, patience: Duration) -> Result<(), Error> {
        let state = self.wait(patience, |state| state.stopped.is_some())?;
        match &state.stopped {
            Some(Err(message)) => Err(self.failed(message.clone())),
            _ => Ok(()),
        }
    }

    pub(crate) fn endpoints(&self) -> Endpoints {
        self.lock().endpoints.clone()
    }

    pub(crate) fn status(&self) -> ReporterStatus {
        let (state, counts) = (self.lock(), &self.counts);
        ReporterStatus {
            reports: counts.reports.get(),
            failures: counts.failures.get(),
            panics: counts.panics.get(),
            skipped: counts.skipped.get(),
            restarts: counts.restarts.get(),
            is_down: state.down,
            last_error: state.last_error.clone(),
            undelivered_groups: state.undelivered,
            series: counts.series.get(),
            bytes: counts.bytes.get(),
            dropped_values: counts.dropped.get(),
            uncertain_values: counts.uncertain.get(),
            reported_milestones: counts.reported_milestones.get(),
            dropped_milestones: counts.dropped_milestones.get(),
        }
    }

    /// Counts a failure at a time since the Unix epoch, and says so: of the same again and again, at the first, second, fourth, eighth
    /// and so on, since a backend that is down for a day is no news every ten seconds.
    pub(crate) fn note_failure(&self, message: &str, now: Duration) {
        self.counts.failures.add(1);
        self.counts.last_error_time.set(now.as_secs());
        let mut times = 1;
        self.note(|state| {
            if state.last_error.as_deref() == Some(message) {
                times += state.failed_alike;
            }
            state.failed_alike = times;
            state.last_error = Some(message.to_owned());
        });
        if times.is_power_of_two() {
            warn!(reporter = &*self.name, message, times, "a reporter failed");
        } else {
            debug!(reporter = &*self.name, message, times, "a reporter failed");
        }
    }

    /// Notes that all was reported. After a failure that is worth a line.
    pub(crate) fn note_success(&self) {
        let mut state = self.lock();
        let failed = std::mem::take(&mut state.failed_alike) > 0;
        drop(state);
        if failed {
            info!(reporter = &*self.name, "a reporter that failed works again");
        }
    }

    /// Changes the state, and wakes those who wait for it to change.
    pub(crate) fn note(&self, note: impl FnOnce(&mut State)) {
        note(&mut self.lock());
        self.done.notify_all();
    }

    pub(crate) fn note_finished(&self, asked: Asked, outcome: Result<(), String>) {
        self.note(|state| {
            state.finished = asked.report;
            state.outcome = outcome.err();
        });
    }

    pub(crate) fn note_looked(&self, asked: Asked) {
        self.note(|state| state.looked = asked.look);
    }

    pub(crate) fn note_replaced(&self, outcome: Result<(), ReportError>) {
        self.note(|state| match &mut state.replacing {
            Some(replacing) if !replacing.is_alone => replacing.outcome = Some(outcome),
            replacing => *replacing = None,
        });
    }

    pub(crate) fn note_restarted(&self, wanted: u64, outcome: Result<(), String>) {
        self.note(|state| {
            state.restarts_done = wanted;
            state.restart_outcome = outcome.err();
        });
    }

    fn wait(
        &self,
        patience: Duration,
        until: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.lock();
        let waited = self.done.wait_timeout_while(state, patience, |state| !until(state));
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() && !until(&state) {
            return Err(Error::Timeout { name: self.name.to_string(), waited: patience });
        }
        Ok(state)
    }

    fn failed(&self, message: String) -> Error {
        Error::Report { name: self.name.to_string(), message }
    }

    fn stopped(&self) -> Error {
        Error::Stopped { name: self.name.to_string() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work, at most until `due`. A reporter that is down does not look after its index.
    pub(crate) fn next_work(&self, due: Instant) -> Work {
        let mut state = self.lock();
        loop {
            if state.stop_by.is_some() {
                return Work::Stop;
            }
            if let Some(replacement) = state.replacement.take() {
                return Work::Replace(replacement);
            }
            if state.restarts_wanted > state.restarts_done {
                return Work::Restart { wanted: state.restarts_wanted };
            }
            let asked = Asked { report: state.requested, look: state.looks };
            if asked.report > state.finished {
                return Work::Report(asked);
            }
            // What is due comes first: whoever looks again and again must not keep reports from being made.
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Work::Due(asked);
            }
            if state.milestones_came && !state.down {
                state.milestones_came = false;
                return Work::Milestones;
            }
            if asked.look > state.looked && !state.down {
                return Work::Look(asked);
            }
            state = self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
