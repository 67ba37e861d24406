//! Whether a task is busy, idle or back-pressured, and for how long.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{Clock, Counter, Gauge, MetricGroup, MetricSet};

use crate::state_times::{Seen, StateTimes, nanoseconds};
use crate::window::{Share, Turn, Window};

/// What a task does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskActivity {
    /// It works on records.
    Busy,
    /// It has nothing to work on.
    Idle,
    /// It waits for room in its output, and still answers to timers and checkpoints.
    SoftBackPressured,
    /// It is blocked in its output, and answers to nothing.
    HardBackPressured,
}

impl TaskActivity {
    const ALL: [Self; 4] = [Self::Busy, Self::Idle, Self::SoftBackPressured, Self::HardBackPressured];
}

/// The time of one parallel instance of a task by what it did: one writer, which is the task's thread.
///
/// A task is in one activity at a time, and a change from one to the other is one moment, so busy, idle and back-pressured time
/// add up to the time since the first. What goes on counts up to the moment of a report, so a task that is stuck shows it. All
/// gauges of [`TaskTimeMetrics`] are worked out from that when a report wants them, on another thread.
///
/// ```
/// # let registry = flowmeter_core::Registry::new();
/// # let task_manager = registry.task_manager("h", "tm");
/// # let job = task_manager.job("j", "job");
/// # let task = job.task(Default::default());
/// use flowmeter_stream::{TaskActivity, TaskTimes};
///
/// let times = TaskTimes::register(&task);
/// times.switch(TaskActivity::Idle);
/// {
///     let _busy = times.during(TaskActivity::Busy); // until the end of the block, then idle again
///     // work
/// }
/// ```
///
/// An engine that measures by itself [adds](Self::add) what it measured instead.
#[derive(Debug)]
#[must_use = "times that are dropped measure nothing"]
pub struct TaskTimes {
    times: Arc<StateTimes<4>>,
    clock: Arc<dyn Clock>,
    _one_writer: PhantomData<std::cell::Cell<()>>,
}

impl TaskTimes {
    /// Registers [`TaskTimeMetrics`] in the group of a task. The task is in no activity yet.
    pub fn register(task: &MetricGroup) -> Self {
        let (times, clock) = (Arc::new(StateTimes::new()), Arc::clone(task.clock()));
        let mut shown = Shown::new(Arc::clone(&times), Arc::clone(&clock));
        task.collector(move |metrics: &TaskTimeMetrics| shown.show(metrics));
        Self { times, clock, _one_writer: PhantomData }
    }

    /// Begins an activity now, which ends the one before. One that goes on just goes on.
    pub fn switch(&self, to: TaskActivity) {
        self.switch_at(to, self.clock.monotonic());
    }

    /// The same at a time of the registry's clock, for who has looked at it already. A time before the last change
    /// counts as that of the last change.
    pub fn switch_at(&self, to: TaskActivity, now: Duration) {
        self.times.switch(Some(to as usize), now);
    }

    /// Ends the activity: the task has ended, or does not count for a while.
    pub fn stop(&self) {
        self.times.switch(None, self.clock.monotonic());
    }

    /// Begins an activity until the guard is dropped, and then the one before again.
    #[must_use = "the activity ends when this is dropped"]
    pub fn during(&self, activity: TaskActivity) -> TaskActivityGuard<'_> {
        let before = self.times.state();
        self.switch(activity);
        TaskActivityGuard { times: self, before }
    }

    /// Adds time that was measured elsewhere, without a look at the clock.
    #[inline]
    pub fn add(&self, activity: TaskActivity, time: Duration) {
        self.times.add(activity as usize, nanoseconds(time));
    }

    /// Notes how long one whole stay took that was measured elsewhere, and whose time was [added](Self::add): of back
    /// pressure the longest are of interest.
    pub fn note_stay(&self, activity: TaskActivity, time: Duration) {
        self.times.note_stay(activity as usize, nanoseconds(time));
    }

    /// What an activity has had so far, without that which goes on.
    #[must_use]
    pub fn total(&self, activity: TaskActivity) -> Duration {
        Duration::from_nanos(self.times.total(activity as usize))
    }
}

impl Drop for TaskTimes {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An activity that ends when this is dropped.
#[derive(Debug)]
pub struct TaskActivityGuard<'a> {
    times: &'a TaskTimes,
    before: Option<usize>,
}

impl Drop for TaskActivityGuard<'_> {
    fn drop(&mut self) {
        self.times.times.switch(self.before, self.times.clock.monotonic());
    }
}

/// The time of a task by what it does, in all of Flink's forms and in nanoseconds. [`TaskTimes`] fills it.
///
/// Gauges by second are over five seconds or more, as those of Flink, or since the task was registered. Those of one
/// report add up to 1000 for a task that switches; time that is added when it is over may be shown in another window
/// than it was in.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct TaskTimeMetrics {
    /// Time for which the task worked.
    #[metric(unit = NANOSECONDS)]
    pub busy_time: Counter,
    /// Time for which the task had nothing to work on.
    #[metric(unit = NANOSECONDS)]
    pub idle_time: Counter,
    /// Time for which the task waited for room in its output and still answered to timers and checkpoints.
    #[metric(unit = NANOSECONDS)]
    pub soft_back_pressured_time: Counter,
    /// Time for which the task was blocked in its output and answered to nothing.
    #[metric(unit = NANOSECONDS)]
    pub hard_back_pressured_time: Counter,
    /// Share of the last seconds for which the task worked.
    #[metric(unit = MILLISECONDS_PER_SECOND)]
    pub busy_time_ms_per_second: Gauge<f64>,
    /// Share of the last seconds for which the task had nothing to work on.
    #[metric(unit = MILLISECONDS_PER_SECOND)]
    pub idle_time_ms_per_second: Gauge<f64>,
    /// Share of the last seconds for which the task was back-pressured, softly or hard.
    #[metric(unit = MILLISECONDS_PER_SECOND)]
    pub back_pressured_time_ms_per_second: Gauge<f64>,
    /// Share of the last seconds for which the task waited for room in its output and still answered.
    #[metric(unit = MILLISECONDS_PER_SECOND)]
    pub soft_back_pressured_time_ms_per_second: Gauge<f64>,
    /// Share of the last seconds for which the task was blocked in its output.
    #[metric(unit = MILLISECONDS_PER_SECOND)]
    pub hard_back_pressured_time_ms_per_second: Gauge<f64>,
    /// The longest single soft back pressure of the last seconds.
    #[metric(unit = MILLISECONDS)]
    pub max_soft_back_pressure_time_ms: Gauge<u64>,
    /// The longest single hard back pressure of the last seconds.
    #[metric(unit = MILLISECONDS)]
    pub max_hard_back_pressure_time_ms: Gauge<u64>,
    /// Time for which the task worked, as Flink has it.
    #[metric(unit = MILLISECONDS)]
    pub accumulate_busy_time_ms: Gauge<u64>,
    /// Time for which the task had nothing to work on, as Flink has it.
    #[metric(unit = MILLISECONDS)]
    pub accumulate_idle_time_ms: Gauge<u64>,
    /// Time for which the task was back-pressured, as Flink has it.
    #[metric(unit = MILLISECONDS)]
    pub accumulate_back_pressured_time_ms: Gauge<u64>,
    /// Whether the task is back-pressured.
    pub is_back_pressured: Gauge<bool>,
}

/// What the last reports have shown.
struct Shown {
    times: Arc<StateTimes<4>>,
    clock: Arc<dyn Clock>,
    window: Window,
    shares: [Share; 4],
    totals: [u64; 4],
    /// The longest stays of this window.
    longest: [u64; 4],
}

impl Shown {
    fn new(times: Arc<StateTimes<4>>, clock: Arc<dyn Clock>) -> Self {
        let window = Window::new(clock.monotonic());
        Self { times, clock, window, shares: Default::default(), totals: [0; 4], longest: [0; 4] }
    }

    fn show(&mut self, metrics: &TaskTimeMetrics) {
        let Seen { now, state, has_begun, totals, ongoing } = self.times.see(|| self.clock.monotonic());
        // A state ends a moment after its end was taken from the clock: who looked in between has seen that moment.
        self.totals = std::array::from_fn(|state| self.totals[state].max(totals[state]));
        let [busy, idle, soft, hard] = self.totals;
        for (counter, total) in [
            (&metrics.busy_time, busy),
            (&metrics.idle_time, idle),
            (&metrics.soft_back_pressured_time, soft),
            (&metrics.hard_back_pressured_time, hard),
        ] {
            counter.inc_by(total - counter.get());
        }
        for (gauge, total) in [
            (&metrics.accumulate_busy_time_ms, busy),
            (&metrics.accumulate_idle_time_ms, idle),
            (&metrics.accumulate_back_pressured_time_ms, soft.saturating_add(hard)),
        ] {
            gauge.set(total / 1_000_000);
        }
        if let Turn::Show { passed, ends } = self.window.turn(Duration::from_nanos(now)) {
            self.show_window(metrics, passed, ends, state, ongoing);
        }
        // An engine that adds what it has measured never is in a state: what it added lately has to do.
        let is_now = state.is_some_and(|state| state >= TaskActivity::SoftBackPressured as usize);
        let was_lately = !has_begun && metrics.back_pressured_time_ms_per_second.get() > 0.0;
        metrics.is_back_pressured.set(is_now || was_lately);
    }

    fn show_window(
        &mut self,
        metrics: &TaskTimeMetrics,
        passed: Duration,
        ends: bool,
        state: Option<usize>,
        ongoing: u64,
    ) {
        let [busy, idle, soft, hard] = TaskActivity::ALL
            .map(|activity| activity as usize)
            .map(|activity| self.shares[activity].of(self.totals[activity], passed, ends));
        metrics.busy_time_ms_per_second.set(busy);
        metrics.idle_time_ms_per_second.set(idle);
        metrics.soft_back_pressured_time_ms_per_second.set(soft);
        metrics.hard_back_pressured_time_ms_per_second.set(hard);
        metrics.back_pressured_time_ms_per_second.set(soft + hard);
        for (longest, ended) in self.longest.iter_mut().zip(self.times.take_longest()) {
            *longest = ended.max(*longest);
        }
        let mut longest = if ends { std::mem::take(&mut self.longest) } else { self.longest };
        if let Some(state) = state {
            longest[state] = longest[state].max(ongoing);
        }
        for (gauge, activity) in [
            (&metrics.max_soft_back_pressure_time_ms, TaskActivity::SoftBackPressured),
            (&metrics.max_hard_back_pressure_time_ms, TaskActivity::HardBackPressured),
        ] {
            gauge.set(longest[activity as usize] / 1_000_000);
        }
    }
}
