//! Watermarks: how far event time is.

use flowmeter_core::{Counter, Gauge, Metric, MetricGroup, MetricSet, Unit};

/// The watermark of an input or output that none has come through: Flink's.
pub const NO_WATERMARK: i64 = i64::MIN;

/// The watermark of an input or output through which nothing more will come: Flink's.
pub const MAX_WATERMARK: i64 = i64::MAX;

pub(crate) const INPUT_WATERMARK_DESCRIPTION: &str = "Last watermark of this input.";

/// The watermarks of one operator: one writer, which is the operator's thread. Watermarks are in milliseconds since the
/// Unix epoch where event time is that.
///
/// The watermark of the whole input is the least of all inputs that have not ended and are not idle. There is no series
/// before the first watermark, and the [last](MAX_WATERMARK), which only says that an input has ended, leaves the one
/// before to be seen: both are no times.
///
/// ```
/// # let registry = flowmeter_core::Registry::new();
/// # let task_manager = registry.task_manager("h", "tm");
/// # let job = task_manager.job("j", "job");
/// # let task = job.task(Default::default());
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
    operator: MetricGroup,
    /// That of the task, if the operator is its first.
    task: Option<MetricGroup>,
    inputs: Vec<Input>,
    /// Those of the whole input, of the operator and its task.
    input: Option<(Gauge<i64>, Option<Gauge<i64>>)>,
    /// What they show.
    shown: i64,
    output: Option<(Gauge<i64>, i64)>,
}

#[derive(Debug)]
struct Input {
    watermark: i64,
    is_idle: bool,
    /// Where there are several.
    gauge: Option<Gauge<i64>>,
}

impl Watermarks {
    /// Will register [`InputWatermarkMetrics`] and [`OutputWatermarkMetrics`] in the group of an operator with so many
    /// inputs, each with its first watermark; and where there are two or more inputs, the watermark of each as
    /// `currentInput1Watermark` and so on.
    pub fn register(operator: &MetricGroup, inputs: usize) -> Self {
        let input = |_| Input { watermark: NO_WATERMARK, is_idle: false, gauge: None };
        let inputs = (0..inputs).map(input).collect();
        Self {
            operator: operator.clone(),
            task: None,
            inputs,
            input: None,
            shown: NO_WATERMARK,
            output: None,
        }
    }

    /// Shows the watermark of the input as that of the task too, of which this operator is the first.
    pub fn for_task(mut self, task: &MetricGroup) -> Self {
        if let Some((_, of_task)) = &mut self.input {
            let gauge = InputWatermarkMetrics::register(task).current_input_watermark;
            gauge.set(self.shown);
            *of_task = Some(gauge);
        }
        self.task = Some(task.clone());
        self
    }

    /// An input has come to this watermark. A watermark never goes back: an older one changes nothing, nor does one of an input
    /// that there is not.
    pub fn advance_input(&mut self, input: usize, watermark: i64) {
        let several = self.inputs.len() > 1;
        let Some(known) = self.inputs.get_mut(input).filter(|known| known.watermark < watermark) else {
            return;
        };
        known.watermark = watermark;
        if several && watermark != MAX_WATERMARK {
            let operator = &self.operator;
            known.gauge.get_or_insert_with(|| operator.gauge(input_metric(input + 1))).set(watermark);
        }
        self.show();
    }

    /// Nothing comes through an input for now, so that it does not hold back the others, or something does again.
    pub fn set_idle(&mut self, input: usize, is_idle: bool) {
        if let Some(known) = self.inputs.get_mut(input) {
            known.is_idle = is_idle;
            self.show();
        }
    }

    fn show(&mut self) {
        let least = self.input();
        if least != NO_WATERMARK && least != MAX_WATERMARK {
            let (operator, task) = (&self.operator, &self.task);
            let (of_operator, of_task) = self.input.get_or_insert_with(|| {
                let gauge =
                    |group: &MetricGroup| InputWatermarkMetrics::register(group).current_input_watermark;
                (gauge(operator), task.as_ref().map(gauge))
            });
            // One that was idle may come back behind the others.
            self.shown = self.shown.max(least);
            of_operator.set(self.shown);
            of_task.iter().for_each(|gauge| gauge.set(self.shown));
        }
    }

    /// The operator has emitted this watermark.
    pub fn advance_output(&mut self, watermark: i64) {
        if watermark != NO_WATERMARK && watermark != MAX_WATERMARK {
            let operator = &self.operator;
            let (gauge, last) = self.output.get_or_insert_with(|| {
                (OutputWatermarkMetrics::register(operator).current_output_watermark, NO_WATERMARK)
            });
            *last = (*last).max(watermark);
            gauge.set(*last);
        }
    }

    /// The watermark of the whole input: [`NO_WATERMARK`] before each input had one, or when all are idle,
    /// [`MAX_WATERMARK`] when all have ended.
    #[must_use]
    pub fn input(&self) -> i64 {
        let active = self.inputs.iter().filter(|input| !input.is_idle);
        active.map(|input| input.watermark).min().unwrap_or(NO_WATERMARK)
    }
}

/// The metric of one of several inputs, from 1.
fn input_metric(number: usize) -> Metric {
    Metric::from(format!("currentInput{number}Watermark"))
        .with_unit(Unit::MILLISECONDS)
        .with_description(INPUT_WATERMARK_DESCRIPTION)
}

/// What has come in of event time: for operators and tasks. [`Watermarks`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct InputWatermarkMetrics {
    /// Last watermark received, the least over all inputs that have not ended and are not idle.
    #[metric(unit = MILLISECONDS)]
    pub current_input_watermark: Gauge<i64>,
}

/// What an operator has emitted of event time. [`Watermarks`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct OutputWatermarkMetrics {
    /// Last watermark emitted.
    #[metric(unit = MILLISECONDS)]
    pub current_output_watermark: Gauge<i64>,
}

/// How far an operator is ahead of others, where sources wait for each other.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct WatermarkAlignmentMetrics {
    /// How far the watermark is ahead of that of the slowest source.
    #[metric(unit = MILLISECONDS)]
    pub watermark_alignment_drift: Gauge<i64>,
}

/// Event time in operators that wait for it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct LateRecordMetrics {
    /// Records that were dropped because they came after the watermark had passed them.
    #[metric(unit = RECORDS)]
    pub num_late_records_dropped: Counter,
}
