//! Watermarks: how far event time is.

use flowmeter_core::{Counter, Gauge, Metric, MetricGroup, MetricSet, Unit};

/// The watermark of an input or output that none has come through: Flink's.
pub const NO_WATERMARK: i64 = i64::MIN;

/// The watermarks of one operator: one writer, which is the operator's thread. Watermarks are in milliseconds since the Unix epoch
/// where event time is that.
///
/// The watermark of the whole input is the least of all inputs.
///
/// ```
/// # let registry = flowmeter_core::Registry::new();
/// # let task = registry.task_manager("h", "tm").job("j", "job").task(Default::default());
/// # let operator = task.operator("2.1", "join");
/// use flowmeter_stream::Watermarks;
///
/// let mut watermarks = Watermarks::register(&operator, 2);
/// watermarks.advance_input(0, 1_700_000_000_000);
/// watermarks.advance_input(1, 1_700_000_001_000);
/// assert_eq!(watermarks.input(), 1_700_000_000_000);
/// watermarks.advance_output(1_700_000_000_000);
/// ```
#[derive(Debug)]
#[must_use = "watermarks that are dropped show nothing"]
pub struct Watermarks {
    metrics: WatermarkMetrics,
    /// Of each input, with its gauge where there are several.
    inputs: Vec<(i64, Option<Gauge<i64>>)>,
    /// That of the task, if the operator is its first.
    task: Option<Gauge<i64>>,
}

impl Watermarks {
    /// Registers [`WatermarkMetrics`] in the group of an operator with so many inputs; and where there are two or more, the watermark
    /// of each as `currentInput1Watermark` and so on.
    pub fn register(operator: &MetricGroup, inputs: usize) -> Self {
        let metrics = WatermarkMetrics::register(operator);
        metrics.current_input_watermark.set(NO_WATERMARK);
        metrics.current_output_watermark.set(NO_WATERMARK);
        let gauge = |number: usize| {
            let metric = Metric::from(format!("currentInput{number}Watermark"))
                .with_unit(Unit::MILLISECONDS)
                .with_description("Last watermark of this input.");
            let gauge = operator.gauge(metric);
            gauge.set(NO_WATERMARK);
            gauge
        };
        let inputs = (1..=inputs).map(|number| (NO_WATERMARK, (inputs > 1).then(|| gauge(number)))).collect();
        Self { metrics, inputs, task: None }
    }

    /// Shows the watermark of the input as that of the task too, of which this operator is the first.
    pub fn for_task(mut self, task: &MetricGroup) -> Self {
        let TaskWatermarkMetrics { current_input_watermark } = TaskWatermarkMetrics::register(task);
        current_input_watermark.set(self.input());
        self.task = Some(current_input_watermark);
        self
    }

    /// An input has come to this watermark. A watermark never goes back: an older one changes nothing, nor does one of an input
    /// that there is not.
    pub fn advance_input(&mut self, input: usize, watermark: i64) {
        let Some((known, gauge)) = self.inputs.get_mut(input).filter(|(known, _)| *known < watermark) else {
            return;
        };
        *known = watermark;
        if let Some(gauge) = gauge {
            gauge.set(watermark);
        }
        let least = self.inputs.iter().map(|(watermark, _)| *watermark).min().unwrap_or(NO_WATERMARK);
        self.metrics.current_input_watermark.set(least);
        if let Some(task) = &self.task {
            task.set(least);
        }
    }

    /// The operator has emitted this watermark.
    pub fn advance_output(&self, watermark: i64) {
        let output = &self.metrics.current_output_watermark;
        output.set(output.get().max(watermark));
    }

    /// The watermark of the whole input.
    #[must_use]
    pub fn input(&self) -> i64 {
        self.metrics.current_input_watermark.get()
    }
}

/// The watermarks of an operator. [`Watermarks`] fills it.
#[derive(Debug, MetricSet)]
pub struct WatermarkMetrics {
    /// Last watermark received, the least over all inputs.
    #[metric(unit = MILLISECONDS)]
    pub current_input_watermark: Gauge<i64>,
    /// Last watermark emitted.
    #[metric(unit = MILLISECONDS)]
    pub current_output_watermark: Gauge<i64>,
}

/// The watermark of a task.
#[derive(Debug, MetricSet)]
pub struct TaskWatermarkMetrics {
    /// Last watermark received, the least over all inputs.
    #[metric(unit = MILLISECONDS)]
    pub current_input_watermark: Gauge<i64>,
}

/// How far an operator is ahead of others, where sources wait for each other.
#[derive(Debug, MetricSet)]
pub struct WatermarkAlignmentMetrics {
    /// How far the watermark is ahead of that of the slowest source.
    #[metric(unit = MILLISECONDS)]
    pub watermark_alignment_drift: Gauge<i64>,
}

/// Event time in operators that wait for it.
#[derive(Debug, MetricSet)]
pub struct LateRecordMetrics {
    /// Records that were dropped because they came after the watermark had passed them.
    #[metric(unit = RECORDS)]
    pub num_late_records_dropped: Counter,
}
