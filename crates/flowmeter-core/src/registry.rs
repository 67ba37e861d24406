//! The registry: where groups begin and reporters are attached.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::clock::moment_after;
use crate::control::Control;
use crate::core::Core;
use crate::node::Node;
use crate::reporter::{Endpoints, Reporter, ReporterContext};
use crate::runner::{self, Runner, panicked};
use crate::self_metrics::{self, SelfReport};
use crate::source::{Replacement, Source};
use crate::{
    Clock, ConfigSection, Error, JobManagerGroup, MetricGroup, ReportError, ReporterFactory, ReporterOptions,
    ReporterStatus, ScopeFormats, Statistics, SystemClock, TaskManagerGroup,
};

/// How long a registry that is dropped waits for its reporters.
const PATIENCE_ON_DROP: Duration = Duration::from_secs(5);

/// All groups of a process and the reporters that report them.
///
/// Registering, recording and reporting do not wait for each other. Dropping the registry shuts it down, which gives every
/// reporter a last report; groups and handles that outlive it go on working, unseen.
///
/// ```
/// use flowmeter_core::{Registry, TaskInfo};
///
/// let registry = Registry::new();
/// let task_manager = registry.task_manager("host-1", "tm-1");
/// let job = task_manager.job("a3f0", "wordcount");
/// let task = job.task(TaskInfo { id: "2", name: "count", subtask_index: 0, ..TaskInfo::default() });
/// let operator = task.operator("2.1", "count");
/// let late = operator.add_group("windows").counter("lateRecords");
/// late.inc();
/// assert_eq!(operator.view().logical_scope(), "taskmanager.job.task.operator");
/// ```
pub struct Registry {
    core: Arc<Core>,
    root: Arc<Node>,
    reporters: Mutex<Reporters>,
    next_reporter: AtomicU64,
    self_metrics: bool,
    instance: u64,
}

#[derive(Default)]
struct Reporters {
    running: Vec<Arc<Control>>,
    shut_down: bool,
}

/// What can be chosen for a registry. The defaults suit most.
#[derive(Clone)]
#[non_exhaustive]
pub struct RegistryOptions {
    /// Where time comes from: the operating system.
    pub clock: Arc<dyn Clock>,
    /// What flat identifiers are made of: Flink's defaults.
    pub scope_formats: ScopeFormats,
    /// Whether the registry and its reporters report on themselves, in the group `flowmeter`: yes.
    pub self_metrics: bool,
    /// What tells this process apart from others that run the same reporters, such as the id of a TaskManager. Each begins
    /// to report at a time of its own within the first interval. Something random unless set.
    pub instance: Option<String>,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        let clock = Arc::new(SystemClock::new());
        Self { clock, scope_formats: ScopeFormats::default(), self_metrics: true, instance: None }
    }
}

impl RegistryOptions {
    /// Sets where time comes from.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets what flat identifiers are made of.
    #[must_use]
    pub fn with_scope_formats(mut self, formats: ScopeFormats) -> Self {
        self.scope_formats = formats;
        self
    }

    /// Has nothing reported but what the program registers.
    #[must_use]
    pub fn without_self_metrics(mut self) -> Self {
        self.self_metrics = false;
        self
    }

    /// Sets what tells this process apart from others that run the same reporters.
    #[must_use]
    pub fn with_instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }
}

impl fmt::Debug for RegistryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryOptions")
            .field("scope_formats", &self.scope_formats)
            .field("self_metrics", &self.self_metrics)
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// A registry without reporters, on the system's clocks.
    #[must_use]
    pub fn new() -> Self {
        Self::with_options(RegistryOptions::default())
    }

    /// A registry on a clock of the caller's.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::with_options(RegistryOptions { clock, ..RegistryOptions::default() })
    }

    /// A registry with options.
    #[must_use]
    pub fn with_options(options: RegistryOptions) -> Self {
        let RegistryOptions { clock, scope_formats, self_metrics, instance } = options;
        let core = Core::new(clock, scope_formats);
        let root = Node::root(&core);
        if self_metrics {
            self_metrics::register_registry(&root, &core.counts.tallies());
        }
        let instance = match instance {
            Some(instance) => runner::stable_hash(&instance),
            None => RandomState::new().hash_one(()),
        };
        let next_reporter = AtomicU64::new(1);
        Self { core, root, reporters: Mutex::default(), next_reporter, self_metrics, instance }
    }

    /// The group of a JobManager: variable `host`.
    pub fn job_manager(&self, host: &str) -> JobManagerGroup {
        JobManagerGroup::new(&self.root, host)
    }

    /// The group of a TaskManager: variables `host` and `tm_id`.
    pub fn task_manager(&self, host: &str, id: &str) -> TaskManagerGroup {
        TaskManagerGroup::new(&self.root, host, id)
    }

    /// A group outside of any JobManager or TaskManager, for what else a process has to count. It stays open until
    /// it is closed or the registry ends.
    #[must_use]
    pub fn add_group(&self, name: &str) -> MetricGroup {
        MetricGroup::new(Arc::clone(&self.root)).add_group(name)
    }

    /// Adds a reporter and starts its thread. It sees what is registered already and what will be.
    ///
    /// # Errors
    ///
    /// When another reporter has the name, the reporter cannot start (a port is taken, say), or the registry was
    /// shut down.
    pub fn add_reporter(
        &self,
        name: &str,
        reporter: Box<dyn Reporter>,
        options: ReporterOptions,
    ) -> Result<ReporterHandle, Error> {
        self.add_source(name, options, || Ok(Source::of(reporter)))
    }

    /// Adds a reporter that a factory makes from a section of a configuration, whose keys are those of the factory and
    /// [those of all reporters](ReporterOptions::keys). A reporter that panics is replaced by a new one.
    ///
    /// # Errors
    ///
    /// When a key of the section is unknown, a value is missing or not what its key takes, or for what
    /// [`add_reporter`](Self::add_reporter) fails for.
    pub fn add_configured_reporter(
        &self,
        name: &str,
        factory: Arc<dyn ReporterFactory>,
        mut section: ConfigSection,
    ) -> Result<ReporterHandle, Error> {
        let options = configured(name, &*factory, &mut section)?;
        self.add_source(name, options, || Source::build(factory, section))
    }

    /// Puts another reporter into the place of a running one, which reports once more and is stopped; then the other starts, in
    /// its name. What the backend has of each series stays known: differences go on where they were, so no count is lost and none
    /// is doubled, though filters, variables and names may be others. What the former could not deliver, the other one does.
    /// [Handles](ReporterHandle) and counts of reports stay.
    ///
    /// # Errors
    ///
    /// When there is no such reporter, or it does not get to it within `patience`: then it stays as it is, unless it was being
    /// replaced already. When the other cannot start: then the former was started again, and goes on.
    pub fn replace_reporter(
        &self,
        name: &str,
        reporter: Box<dyn Reporter>,
        options: ReporterOptions,
        patience: Duration,
    ) -> Result<ReporterHandle, Error> {
        self.replace_source(name, options, patience, || Ok(Source::of(reporter)))
    }

    /// The same with a reporter that a factory makes from a section of a configuration, which may be of another type.
    ///
    /// # Errors
    ///
    /// When the section is wrong, in which case nothing has changed, or for what [`replace_reporter`](Self::replace_reporter)
    /// fails for.
    pub fn replace_configured_reporter(
        &self,
        name: &str,
        factory: Arc<dyn ReporterFactory>,
        mut section: ConfigSection,
        patience: Duration,
    ) -> Result<ReporterHandle, Error> {
        let options = configured(name, &*factory, &mut section)?;
        self.replace_source(name, options, patience, || Source::build(factory, section))
    }

    fn replace_source(
        &self,
        name: &str,
        options: ReporterOptions,
        patience: Duration,
        source: impl FnOnce() -> Result<Source, ReportError>,
    ) -> Result<ReporterHandle, Error> {
        let replace = move || {
            let handle =
                self.reporter(name).ok_or_else(|| Error::UnknownReporter { name: name.to_owned() })?;
            let source = source().map_err(|source| Error::of_start(name, source))?;
            let (reader, root) = (self.next_reporter.fetch_add(1, Relaxed), Arc::clone(&self.root));
            handle.control.replace(Replacement { source, options, reader, root }, patience)?;
            Ok(handle)
        };
        // One that does not come to run is dropped here, and may panic as well.
        let replaced = catch_unwind(AssertUnwindSafe(replace));
        replaced.unwrap_or_else(|panic| Err(Error::of_start(name, panicked(&*panic).into())))
    }

    fn add_source(
        &self,
        name: &str,
        options: ReporterOptions,
        source: impl FnOnce() -> Result<Source, ReportError>,
    ) -> Result<ReporterHandle, Error> {
        if name.trim().is_empty() || name.contains(char::is_control) {
            return Err(Error::InvalidReporterName { name: name.escape_debug().to_string() });
        }
        let control = Control::new(name, Arc::clone(&self.core.clock));
        let reservation = self.reserve(&control)?;
        let context = ReporterContext::new(Arc::clone(&control), &options);
        let start = || {
            source().and_then(|mut source| {
                let (endpoints, traits) = source.start(&context)?;
                control.note(|state| state.endpoints = endpoints);
                let self_report =
                    self.self_metrics.then(|| SelfReport::new(&self.root, name, &control.counts));
                let id = self.next_reporter.fetch_add(1, Relaxed);
                let sequence = self.core.open_inbox(id);
                let present = self.root.collect_blocks(sequence);
                let runner = Runner::new(&self.core, id, context, options, source, traits, self.instance);
                let runner = runner.with_self_report(self_report);
                let thread = thread::Builder::new().name(format!("flowmeter-{name}"));
                thread.spawn(move || runner.run(present)).inspect_err(|_| self.core.close_inbox(id))?;
                Ok(())
            })
        };
        // What cannot start is dropped here, and may panic as well.
        let started = catch_unwind(AssertUnwindSafe(start));
        match started.unwrap_or_else(|panic| Err(panicked(&*panic).into())) {
            Ok(()) => {
                std::mem::forget(reservation);
                Ok(ReporterHandle { control })
            }
            Err(source) => Err(Error::of_start(name, source)),
        }
    }

    /// The running reporters, in the order in which they were added.
    #[must_use]
    pub fn reporters(&self) -> Vec<ReporterHandle> {
        let handle = |control: &Arc<Control>| ReporterHandle { control: Arc::clone(control) };
        self.lock().running.iter().map(handle).collect()
    }

    /// The running reporter of this name.
    #[must_use]
    pub fn reporter(&self, name: &str) -> Option<ReporterHandle> {
        self.reporters().into_iter().find(|reporter| reporter.name() == name)
    }

    /// Has a reporter report one last time and stops it, waiting no longer than `deadline`; it is left to itself after
    /// that. Its name is free at once.
    ///
    /// # Errors
    ///
    /// When there is no such reporter, its last report or its end fails, or it does not end in time.
    pub fn remove_reporter(&self, name: &str, deadline: Duration) -> Result<(), Error> {
        let mut reporters = self.lock();
        let position = reporters.running.iter().position(|control| **control.name() == *name);
        let control = position.map(|position| reporters.running.remove(position));
        drop(reporters);
        let control = control.ok_or_else(|| Error::UnknownReporter { name: name.to_owned() })?;
        control.stop(deadline);
        control.wait_stopped(deadline)
    }

    /// Takes the name, so that no other reporter starts under it meanwhile.
    fn reserve<'a>(&'a self, control: &'a Arc<Control>) -> Result<Reservation<'a>, Error> {
        let name = control.name();
        let mut reporters = self.lock();
        if reporters.shut_down {
            return Err(Error::ShutDown { name: name.to_string() });
        }
        if reporters.running.iter().any(|other| other.name() == name) {
            return Err(Error::DuplicateReporter { name: name.to_string() });
        }
        reporters.running.push(Arc::clone(control));
        Ok(Reservation { registry: self, control })
    }

    /// What the registry refused, withheld or lost so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.core.counts.snapshot()
    }

    /// Has every reporter report one last time and stops them, waiting for all of them together no longer than
    /// `deadline`. Says for each how it ended; one that does not end in time is left to itself.
    pub fn shutdown(&self, deadline: Duration) -> Vec<(String, Result<(), Error>)> {
        let mut reporters = self.lock();
        reporters.shut_down = true;
        let running = std::mem::take(&mut reporters.running);
        drop(reporters);
        for control in &running {
            control.stop(deadline);
        }
        let end = moment_after(deadline);
        let outcomes = running
            .iter()
            .map(|control| {
                let left = end.saturating_duration_since(Instant::now());
                (control.name().to_string(), control.wait_stopped(left))
            })
            .collect();
        self.core.sampler.stop();
        self.core.bury_all();
        outcomes
    }

    fn lock(&self) -> MutexGuard<'_, Reporters> {
        self.reporters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks whether a section is one for a factory. Returns what it says of any reporter.
fn configured(
    name: &str,
    factory: &dyn ReporterFactory,
    section: &mut ConfigSection,
) -> Result<ReporterOptions, Error> {
    for (key, value) in factory.defaults() {
        section.set_default(key, value);
    }
    let options = || {
        section.check(factory.keys().iter().chain(ReporterOptions::keys()))?;
        section.check_type(factory.reporter_type())?;
        ReporterOptions::from_section(section)
    };
    options().map_err(|source| Error::Configuration { name: name.to_owned(), source })
}

/// The name of a reporter that is being started, which is free again if that fails.
struct Reservation<'a> {
    registry: &'a Registry,
    control: &'a Arc<Control>,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.registry.lock().running.retain(|other| !Arc::ptr_eq(other, self.control));
        // A shutdown may wait for it already.
        self.control.note(|state| state.stopped = Some(Ok(())));
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        for (_, outcome) in self.shutdown(PATIENCE_ON_DROP) {
            if let Err(error) = outcome {
                warn!("{error}");
            }
        }
        self.root.close();
        self.core.bury_all();
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reporters: Vec<_> =
            self.lock().running.iter().map(|control| Arc::clone(control.name())).collect();
        f.debug_struct("Registry").field("reporters", &reporters).finish_non_exhaustive()
    }
}

/// A running reporter.
#[derive(Clone)]
pub struct ReporterHandle {
    control: Arc<Control>,
}

impl ReporterHandle {
    /// The name it was added under.
    #[must_use]
    pub fn name(&self) -> &str {
        self.control.name()
    }

    /// Where people find what it serves, as a URL; nothing for a reporter that serves nothing, or is down. A restart may
    /// change it.
    #[must_use]
    pub fn endpoint(&self) -> Option<String> {
        self.control.endpoints().own
    }

    /// Where people find all that it serves, as URLs: its [endpoint](Self::endpoint) under the name it was added under, and what it serves by
    /// other protocols under the names of those.
    #[must_use]
    pub fn endpoints(&self) -> Vec<(String, String)> {
        let Endpoints { own, others } = self.control.endpoints();
        let own = own.map(|url| (self.name().to_owned(), url));
        own.into_iter().chain(others.into_iter().map(|(name, url)| (name.to_owned(), url))).collect()
    }

    /// Stops the reporter and starts it again, a new one if it came from a factory, and waits for that, but not longer than
    /// `patience`. What it has delivered is not forgotten: no count is lost and none is doubled.
    ///
    /// # Errors
    ///
    /// When it does not stop or start cleanly, in which case it will be tried again later, or not in time, or it was shut down.
    pub fn restart(&self, patience: Duration) -> Result<(), Error> {
        self.control.restart(patience)
    }

    /// Has the reporter report now and waits for it, but not longer than `patience`.
    ///
    /// # Errors
    ///
    /// When the report fails, does not end in time, or the reporter has ended.
    pub fn report_now(&self, patience: Duration) -> Result<(), Error> {
        self.control.report_now(patience)
    }

    /// Waits until the final values of every group that is closed by now have reached the backend, but not longer
    /// than `patience`.
    ///
    /// # Errors
    ///
    /// When that has not happened in time, or not before the reporter ended.
    pub fn wait_delivered(&self, patience: Duration) -> Result<(), Error> {
        self.control.wait_delivered(patience)
    }

    /// What became of its reports so far.
    #[must_use]
    pub fn status(&self) -> ReporterStatus {
        self.control.status()
    }
}

impl fmt::Debug for ReporterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReporterHandle").field("name", &self.name()).field("status", &self.status()).finish()
    }
}
