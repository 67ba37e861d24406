//! What is counted: label sets and names as a job has them, and values as latencies are.

/// The labels of every series.
pub const LABELS: [&str; 6] = ["host", "tm_id", "job_id", "task_name", "operator_name", "subtask_index"];

/// Values for [`LABELS`].
pub type LabelSet = [String; 6];

/// How many families each label set has.
pub const FAMILIES: usize = 20;

/// The families, as a peer's user would name them.
pub const FAMILY_NAMES: [&str; FAMILIES] = [
    "taskmanager_job_task_operator_num_records_in_total",
    "taskmanager_job_task_operator_num_records_out_total",
    "taskmanager_job_task_operator_num_bytes_in_total",
    "taskmanager_job_task_operator_num_bytes_out_total",
    "taskmanager_job_task_operator_num_buffers_in_total",
    "taskmanager_job_task_operator_num_buffers_out_total",
    "taskmanager_job_task_operator_num_activations_total",
    "taskmanager_job_task_operator_num_late_records_dropped_total",
    "taskmanager_job_task_operator_num_records_in_errors_total",
    "taskmanager_job_task_operator_num_records_out_errors_total",
    "taskmanager_job_task_operator_num_splits_processed_total",
    "taskmanager_job_task_operator_num_timers_fired_total",
    "taskmanager_job_task_operator_num_state_reads_total",
    "taskmanager_job_task_operator_num_state_writes_total",
    "taskmanager_job_task_operator_num_cache_hits_total",
    "taskmanager_job_task_operator_num_cache_misses_total",
    "taskmanager_job_task_operator_num_windows_opened_total",
    "taskmanager_job_task_operator_num_windows_closed_total",
    "taskmanager_job_task_operator_num_retries_total",
    "taskmanager_job_task_operator_num_checkpoints_total",
];

/// The bounds of the peers' histograms.
pub const BOUNDS: [f64; 10] = [10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5];

/// A small generator of numbers that are the same in every run (xorshift64*).
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// A sequence of its own for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15))
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number from 0 to 1, both excluded.
    fn next_unit(&mut self) -> f64 {
        ((self.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
}

/// How many [`latencies`] there are.
pub const LATENCIES: usize = 4096;

/// Values with a median of 1000 and a long tail: lognormal, sigma 1.5.
#[must_use]
pub fn latencies() -> Box<[f64; LATENCIES]> {
    let mut numbers = Numbers::new(7);
    let mut normal = || {
        let (radius, angle) = (numbers.next_unit(), numbers.next_unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    };
    Box::new(std::array::from_fn(|_| (1000_f64.ln() + 1.5 * normal()).exp().clamp(1.0, 5e6)))
}

/// Label sets of five jobs with fifty operators each; as many subtasks as it takes.
#[must_use]
pub fn label_sets(count: usize) -> Vec<LabelSet> {
    let subtasks = count.div_ceil(250).max(1);
    (0..count)
        .map(|i| label_set(i / (50 * subtasks), i / subtasks % 50, &(i % subtasks).to_string()))
        .collect()
}

/// The label set of one subtask of an operator of a job.
#[must_use]
pub fn label_set(job: usize, operator: usize, subtask: &str) -> LabelSet {
    let mut numbers = Numbers::new(job as u64);
    [
        "stream-taskmanager-1-7f9c6d5b8-x2k4q".to_owned(),
        "a81bc81b-dead-4e5d-abff-90865d1e13b1".to_owned(),
        format!("{:016x}{:016x}", numbers.next_u64(), numbers.next_u64()),
        format!("Source: orders-{operator:02} -> Map -> Filter -> KeyBy"),
        format!("TumblingEventTimeWindows({operator:02}) -> Aggregate"),
        subtask.to_owned(),
    ]
}
