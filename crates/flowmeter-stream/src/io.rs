//! What goes in and out of tasks and operators, and how long they work on it.

use flowmeter_core::{Counter, MetricSet};

/// Input, output and work of one operator.
///
/// | metric | unit | in Flink |
/// |---|---|---|
/// | `numRecordsIn`, `numRecordsOut` | records | the same |
/// | `numBuffersIn`, `numBuffersOut` | buffers | only for tasks, `numBuffersOut` |
/// | `numActivations` | | the count behind a task's `mailboxMailsPerSecond` |
/// | `busyTime` | nanoseconds | only for tasks, `accumulateBusyTimeMs` |
#[derive(Debug, MetricSet)]
pub struct OperatorIoMetrics {
    /// Records received.
    #[metric(unit = RECORDS)]
    pub num_records_in: Counter,
    /// Records emitted.
    #[metric(unit = RECORDS)]
    pub num_records_out: Counter,
    /// Buffers, containers or batches received.
    ///
    /// Whatever the engine hands over at once.
    #[metric(unit = BUFFERS)]
    pub num_buffers_in: Counter,
    /// Buffers, containers or batches emitted.
    #[metric(unit = BUFFERS)]
    pub num_buffers_out: Counter,
    /// How often the operator was given the thread.
    pub num_activations: Counter,
    /// Time for which the operator had the thread.
    ///
    /// In nanoseconds, without what operators inside it had.
    #[metric(unit = NANOSECONDS)]
    pub busy_time: Counter,
}

/// Input, output and work of one parallel instance of a task.
///
/// | metric | unit | in Flink |
/// |---|---|---|
/// | `numRecordsIn`, `numRecordsOut` | records | the same |
/// | `numBuffersIn`, `numBuffersOut` | buffers | `numBuffersOut` the same |
/// | `numActivations` | | the count behind `mailboxMailsPerSecond` |
/// | `busyTime`, `idleTime` | nanoseconds | `accumulateBusyTimeMs`, `accumulateIdleTimeMs` |
///
/// Busy and idle time sum up to the time since the task began, apart from the time for which it was back-pressured.
#[derive(Debug, MetricSet)]
pub struct TaskIoMetrics {
    /// Records received.
    #[metric(unit = RECORDS)]
    pub num_records_in: Counter,
    /// Records emitted.
    #[metric(unit = RECORDS)]
    pub num_records_out: Counter,
    /// Buffers, containers or batches received.
    ///
    /// Whatever the engine hands over at once.
    #[metric(unit = BUFFERS)]
    pub num_buffers_in: Counter,
    /// Buffers, containers or batches emitted.
    #[metric(unit = BUFFERS)]
    pub num_buffers_out: Counter,
    /// How often the task was given the thread.
    pub num_activations: Counter,
    /// Time for which the task worked.
    #[metric(unit = NANOSECONDS)]
    pub busy_time: Counter,
    /// Time for which the task had nothing to work on.
    #[metric(unit = NANOSECONDS)]
    pub idle_time: Counter,
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowmeter_core::{Descriptor, Registry};

    #[test]
    fn each_handle_is_the_metric_of_its_name() {
        let registry = Registry::new();
        let task = TaskIoMetrics::register(&registry.add_group("task"));
        let operator = OperatorIoMetrics::register(&registry.add_group("operator"));
        for (name, handle) in [
            ("numRecordsIn", &task.num_records_in),
            ("numRecordsOut", &task.num_records_out),
            ("numBuffersIn", &task.num_buffers_in),
            ("numBuffersOut", &task.num_buffers_out),
            ("numActivations", &task.num_activations),
            ("busyTime", &task.busy_time),
            ("idleTime", &task.idle_time),
        ] {
            let position = TaskIoMetrics::DESCRIPTORS.iter().position(|known| known.metric().name() == name);
            handle.inc_by(position.unwrap() as u64 + 1);
        }
        for (name, handle) in [
            ("numRecordsIn", &operator.num_records_in),
            ("numRecordsOut", &operator.num_records_out),
            ("numBuffersIn", &operator.num_buffers_in),
            ("numBuffersOut", &operator.num_buffers_out),
            ("numActivations", &operator.num_activations),
            ("busyTime", &operator.busy_time),
        ] {
            let position =
                OperatorIoMetrics::DESCRIPTORS.iter().position(|known| known.metric().name() == name);
            handle.inc_by(position.unwrap() as u64 + 1);
        }
        let expected = |descriptors: &'static [Descriptor]| {
            descriptors
                .iter()
                .zip(1..)
                .map(|(known, value)| (known.metric().name().to_owned(), value))
                .collect()
        };
        let read = reported(&registry);
        assert_eq!(read("task"), expected(TaskIoMetrics::DESCRIPTORS));
        assert_eq!(read("operator"), expected(OperatorIoMetrics::DESCRIPTORS));
    }

    /// What a reporter reads, by name, for a scope.
    fn reported(registry: &Registry) -> impl Fn(&str) -> std::collections::BTreeMap<String, u64> {
        use flowmeter_core::{Number, Report, ReportError, Reporter, ReporterOptions, Value};
        use std::sync::mpsc;

        struct Send(mpsc::Sender<(String, String, u64)>);
        impl Reporter for Send {
            fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
                for family in report.families() {
                    family.for_each(|series| {
                        let Value::Number(Number::U64(value)) = series.value() else { return Ok(()) };
                        let (scope, name) = (family.family().logical_scope(), family.family().name());
                        self.0.send((scope.to_owned(), name.to_owned(), value))
                    })?;
                }
                Ok(())
            }
        }
        let (sender, receiver) = mpsc::channel();
        registry.add_reporter("send", Box::new(Send(sender)), ReporterOptions::default()).unwrap();
        assert!(
            registry.shutdown(std::time::Duration::from_secs(20)).iter().all(|(_, outcome)| outcome.is_ok())
        );
        let all: Vec<_> = receiver.try_iter().collect();
        move |scope| {
            let of_scope = all.iter().filter(|(known, ..)| known == scope);
            of_scope.map(|(_, name, value)| (name.clone(), *value)).collect()
        }
    }
}
