//! What a task sees of a checkpoint: how late its first barrier comes, and how long the last one lets it wait.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use flowmeter_core::{Clock, Gauge, MetricGroup, MetricSet};

use crate::state_times::nanoseconds;

/// In a word that says since when the barriers are being aligned, rather than how long that took.
const RUNNING: u64 = 1 << 63;

/// The barriers of checkpoints that come in through the inputs of a task: one writer, which is the task's thread.
///
/// ```
/// # let registry = flowmeter_core::Registry::new();
/// # let task_manager = registry.task_manager("h", "tm");
/// # let job = task_manager.job("j", "job");
/// # let task = job.task(Default::default());
/// # let triggered = std::time::Duration::ZERO;
/// use flowmeter_stream::BarrierAlignment;
///
/// let alignment = BarrierAlignment::register(&task);
/// alignment.first_barrier(triggered); // when the checkpoint was triggered, since the Unix epoch
/// alignment.last_barrier();
/// ```
#[derive(Debug)]
#[must_use = "an alignment that is dropped measures nothing"]
pub struct BarrierAlignment {
    words: Arc<Words>,
    clock: Arc<dyn Clock>,
    _one_writer: PhantomData<std::cell::Cell<()>>,
}

#[derive(Debug)]
struct Words {
    /// How long the last alignment took, or [`RUNNING`] and when it began.
    alignment: AtomicU64,
    start_delay: AtomicU64,
}

impl BarrierAlignment {
    /// Registers [`TaskCheckpointMetrics`] in the group of a task.
    pub fn register(task: &MetricGroup) -> Self {
        let words = Arc::new(Words { alignment: AtomicU64::new(0), start_delay: AtomicU64::new(0) });
        let (shown, clock) = (Arc::clone(&words), Arc::clone(task.clock()));
        task.collector(move |metrics: &TaskCheckpointMetrics| {
            let alignment = shown.alignment.load(Relaxed);
            let so_far = || nanoseconds(clock.monotonic()).saturating_sub(alignment & !RUNNING);
            metrics.checkpoint_alignment_time.set(if alignment & RUNNING == 0 {
                alignment
            } else {
                so_far()
            });
            metrics.checkpoint_start_delay_nanos.set(shown.start_delay.load(Relaxed));
        });
        Self { words, clock: Arc::clone(task.clock()), _one_writer: PhantomData }
    }

    /// The first barrier of a checkpoint came in, which was triggered at this time since the Unix epoch by the clock of the
    /// JobManager.
    pub fn first_barrier(&self, triggered: Duration) {
        let delay = self.clock.unix().saturating_sub(triggered);
        self.words.start_delay.store(nanoseconds(delay), Relaxed);
        self.words.alignment.store(nanoseconds(self.clock.monotonic()) & !RUNNING | RUNNING, Relaxed);
    }

    /// The last barrier of the checkpoint came in, or the checkpoint was given up.
    pub fn last_barrier(&self) {
        let alignment = self.words.alignment.load(Relaxed);
        if alignment & RUNNING != 0 {
            let took = nanoseconds(self.clock.monotonic()).saturating_sub(alignment & !RUNNING);
            self.words.alignment.store(took & !RUNNING, Relaxed);
        }
    }
}

impl Drop for BarrierAlignment {
    fn drop(&mut self) {
        self.last_barrier();
    }
}

/// What a task sees of checkpoints. [`BarrierAlignment`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct TaskCheckpointMetrics {
    /// Time between the first and the last barrier of the last checkpoint, or since the first if the last is still to come.
    #[metric(unit = NANOSECONDS)]
    pub checkpoint_alignment_time: Gauge<u64>,
    /// Time from the trigger of the last checkpoint to its first barrier at the task. It grows under back pressure.
    #[metric(unit = NANOSECONDS)]
    pub checkpoint_start_delay_nanos: Gauge<u64>,
}
