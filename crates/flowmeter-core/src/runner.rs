//! The thread of a reporter.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use crate::block::Block;
use crate::clock::moment_after;
use crate::core::{Core, INBOX_LIMIT, Mail};
use crate::index::Index;
use crate::reporter::{Naming, ReportMode, ReportNumber, Reporter, ReporterOptions};
use crate::{Clock, Error, Report};

/// How often a pull reporter looks after its index when nobody asks for a report.
const HOUSEKEEPING: Duration = Duration::from_secs(5);

/// What others can tell a reporter's thread and learn from it.
pub(crate) struct Control {
    name: Arc<str>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// There is something to do.
    work: Condvar,
    /// Something was done.
    done: Condvar,
}

#[derive(Default)]
struct State {
    /// Reports asked for; finished ones cover all requests up to this number.
    requested: u64,
    finished: u64,
    outcome: Option<String>,
    delivered: Option<(ReportNumber, Duration)>,
    /// Looks at the index asked for and done.
    looks: u64,
    looked: u64,
    undelivered: usize,
    stopping: bool,
    stopped: Option<Result<(), String>>,
    reports: u64,
    failures: u64,
    panics: u64,
    last_error: Option<String>,
}

/// What became of a reporter's reports so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReporterStatus {
    /// Reports that succeeded.
    pub reports: u64,
    /// Reports that failed or panicked.
    pub failures: u64,
    /// Of these, those that panicked.
    pub panics: u64,
    /// What the last failure said.
    pub last_error: Option<String>,
    /// Closed groups whose final values have not reached the backend yet, as of the reporter's last look.
    pub undelivered_groups: usize,
}

enum Work {
    Report { request: u64, look: u64 },
    Look { look: u64 },
    Stop,
}

impl Control {
    pub(crate) fn new(name: &str, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            clock,
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn request(&self) -> u64 {
        let mut state = self.lock();
        state.requested += 1;
        self.work.notify_one();
        state.requested
    }

    /// Asks for a report and waits for it.
    pub(crate) fn report_now(&self, patience: Duration) -> Result<(), Error> {
        let request = self.request();
        let state = self.wait(patience, |state| state.finished >= request || state.stopped.is_some())?;
        if state.finished < request {
            return Err(Error::ShutDown { name: self.name.to_string() });
        }
        state.outcome.clone().map_or(Ok(()), |message| Err(self.failed(message)))
    }

    /// Waits until every group that is closed by now has reached the backend or was let go.
    pub(crate) fn wait_delivered(&self, patience: Duration) -> Result<(), Error> {
        let mut state = self.lock();
        state.looks += 1;
        let look = state.looks;
        drop(state);
        self.work.notify_one();
        let settled =
            |state: &State| (state.looked >= look && state.undelivered == 0) || state.stopped.is_some();
        self.wait(patience, settled).map(drop)
    }

    pub(crate) fn delivered(&self, report: ReportNumber) {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        if state.delivered.is_none_or(|(latest, _)| latest < report) {
            state.delivered = Some((report, now));
        }
        state.looks += 1;
        drop(state);
        self.work.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.work.notify_one();
    }

    pub(crate) fn wait_stopped(&self, patience: Duration) -> Result<(), Error> {
        let state = self.wait(patience, |state| state.stopped.is_some())?;
        match &state.stopped {
            Some(Err(message)) => Err(self.failed(message.clone())),
            _ => Ok(()),
        }
    }

    pub(crate) fn status(&self) -> ReporterStatus {
        let state = self.lock();
        ReporterStatus {
            reports: state.reports,
            failures: state.failures,
            panics: state.panics,
            last_error: state.last_error.clone(),
            undelivered_groups: state.undelivered,
        }
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work, at most until `due`, when there is a report to make or the index to look after.
    fn next_work(&self, due: Instant, when_due: impl Fn(&State) -> Work) -> Work {
        let mut state = self.lock();
        loop {
            if state.stopping {
                return Work::Stop;
            }
            if state.requested > state.finished {
                return Work::Report { request: state.requested, look: state.looks };
            }
            if state.looks > state.looked {
                return Work::Look { look: state.looks };
            }
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return when_due(&state);
            }
            state = self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// What a reporter says of itself, once.
#[derive(Clone, Copy)]
pub(crate) struct Traits {
    naming: Naming,
    mode: ReportMode,
    accounts: bool,
}

impl Traits {
    pub(crate) fn of(reporter: &dyn Reporter) -> Self {
        let accounts = reporter.deltas() || reporter.rates();
        Self { naming: reporter.naming(), mode: reporter.mode(), accounts }
    }
}

/// A reporter with its index, on its thread.
pub(crate) struct Runner {
    core: Arc<Core>,
    id: u64,
    control: Arc<Control>,
    options: Arc<ReporterOptions>,
    mode: ReportMode,
    reporter: Box<dyn Reporter>,
    index: Index,
    number: ReportNumber,
    /// What came through the inbox.
    collected: Mail,
    /// The number of registrations at the last look: memory to free is left to registering threads while there are any.
    registrations: u64,
}

impl Runner {
    pub(crate) fn new(
        core: &Arc<Core>,
        id: u64,
        control: Arc<Control>,
        options: ReporterOptions,
        reporter: Box<dyn Reporter>,
        Traits { naming, mode, accounts }: Traits,
    ) -> Self {
        let options = Arc::new(options);
        let index = Index::new(core, &control.name, (naming, accounts), &options);
        let core = Arc::clone(core);
        let number = ReportNumber::default();
        let collected = Mail::default();
        Self { core, id, control, options, mode, reporter, index, number, collected, registrations: 0 }
    }

    /// Runs until the reporter is stopped. `present` are the blocks that will not come through the inbox.
    pub(crate) fn run(self, present: Vec<Arc<Block>>) {
        let (core, id, control) = (Arc::clone(&self.core), self.id, Arc::clone(&self.control));
        // The reporter's own panics are caught where it is called. Should anything else panic, it does not go unseen.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.run_until_stopped(present))) {
            let message = panicked(&*panic);
            warn!(reporter = control.name(), message, "the thread of a reporter has ended");
            core.close_inbox(id);
            control.lock().stopped = Some(Err(message));
            control.done.notify_all();
        }
    }

    fn run_until_stopped(mut self, present: Vec<Arc<Block>>) {
        self.index.admit_all(present, &*self.reporter);
        let mut due = moment_after(self.pause());
        loop {
            let mode = self.mode;
            let work = self.control.next_work(due, |state| match mode {
                ReportMode::Push => Work::Report { request: state.requested, look: state.looks },
                ReportMode::Pull => Work::Look { look: state.looks },
            });
            match work {
                Work::Report { request, look } => {
                    let outcome = self.report(self.options.grace);
                    self.note(|state| {
                        state.finished = request;
                        // It looked after the index as well.
                        state.looked = look;
                        state.outcome = outcome.err();
                    });
                }
                Work::Look { look } => {
                    self.look();
                    self.note(|state| state.looked = look);
                }
                Work::Stop => break,
            }
            let now = Instant::now();
            if mode == ReportMode::Pull {
                due = moment_after(self.pause());
            }
            // A report that outlasts its interval skips the ticks that it missed.
            while due <= now {
                let pause = self.pause();
                let missed = (now - due).as_nanos() / pause.as_nanos();
                due += pause * u32::try_from(missed + 1).unwrap_or(u32::MAX);
            }
        }
        self.stop();
    }

    /// The last report, for which all that is closed is final, and the end of the reporter.
    fn stop(mut self) {
        let outcome = match self.mode {
            ReportMode::Push => self.report(Duration::ZERO),
            ReportMode::Pull => Ok(()),
        };
        self.collect();
        self.index.drop_undelivered();
        let stopped =
            catch_unwind(AssertUnwindSafe(|| self.reporter.stop())).map_err(|panic| panicked(&*panic));
        self.core.close_inbox(self.id);
        let control = Arc::clone(&self.control);
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(self))).map_err(|panic| panicked(&*panic));
        control.lock().stopped = Some(outcome.and(stopped).and(dropped));
        control.done.notify_all();
    }

    fn report(&mut self, grace: Duration) -> Result<(), String> {
        self.collect();
        self.core.sampler.sample(&self.core, self.options.callback_patience);
        let now = self.core.clock.monotonic();
        // Before any value is read: what is recorded later than this is in no report, if these are taken for final.
        self.index.settle_contests(now, grace);
        let finals = self.index.final_groups(now, grace);
        self.number.0 += 1;
        let Self { index, reporter, number, core, .. } = self;
        let report = Report::new(index, *number, now, core.clock.unix());
        let outcome = match catch_unwind(AssertUnwindSafe(|| reporter.report(&report))) {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(panic) => {
                self.control.lock().panics += 1;
                Err(panicked(&*panic))
            }
        };
        let accepted = if outcome.is_ok() { u64::MAX } else { report.acknowledged() };
        index.settle_accounts(accepted);
        match &outcome {
            Ok(()) => {
                self.control.lock().reports += 1;
                self.index.reported(&finals, *number, self.mode, now);
            }
            Err(message) => {
                warn!(reporter = self.control.name(), message, "a report failed");
                let mut state = self.control.lock();
                state.failures += 1;
                state.last_error = Some(message.clone());
            }
        }
        self.settle();
        outcome
    }

    /// Looks after the index without reporting.
    fn look(&mut self) {
        self.collect();
        self.settle();
    }

    fn collect(&mut self) {
        // Two vectors take turns, so that registering threads need not grow one after each report.
        self.core.collect_inbox(self.id, &mut self.collected);
        let Mail { blocks, removals } = &mut self.collected;
        self.index.admit_all(blocks.drain(..), &*self.reporter);
        blocks.shrink_to(INBOX_LIMIT);
        for removal in removals.drain(..) {
            self.index.remove_series(&removal);
        }
        removals.shrink_to(INBOX_LIMIT);
        self.index.note_closed();
    }

    fn settle(&mut self) {
        let delivered = self.control.lock().delivered;
        if let Some((report, at)) = delivered {
            self.index.delivered(report, at);
        }
        self.index.settle(self.core.clock.monotonic(), self.mode, &self.options);
        let undelivered = self.index.undelivered();
        self.note(|state| state.undelivered = undelivered);
        let registrations = self.core.registrations();
        if std::mem::replace(&mut self.registrations, registrations) == registrations {
            self.core.bury_all();
        }
    }

    /// How long to wait when nothing comes up.
    fn pause(&self) -> Duration {
        let pause = match self.mode {
            ReportMode::Push => self.options.interval,
            ReportMode::Pull => {
                let now = self.core.clock.monotonic();
                let leaving = self.index.next_leaving(&self.options);
                leaving.map_or(HOUSEKEEPING, |leaving| leaving.saturating_sub(now).min(HOUSEKEEPING))
            }
        };
        pause.max(Duration::from_millis(1))
    }

    fn note(&self, note: impl FnOnce(&mut State)) {
        note(&mut self.control.lock());
        self.control.done.notify_all();
    }
}

/// What a panic said.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("no message"))
}
