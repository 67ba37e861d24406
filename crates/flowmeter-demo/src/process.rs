//! What each process of a job reports of itself and its host.

use std::path::Path;

use flowmeter::statsd::{Address, HistogramMode, StatsdOptions};
use flowmeter::system::{CountingAllocator, SystemOptions, register, register_allocator};
use flowmeter::{Error, Flowmeter, FlowmeterBuilder, MetricGroup, ScopeFormats, ScopeKind};

use crate::{otlp, serving};

/// Measures this process in the group of its JobManager or TaskManager.
pub(crate) fn measure(group: &MetricGroup, allocator: &'static CountingAllocator) {
    register(group, &SystemOptions::default());
    register_allocator(group, allocator);
}

/// What operators are called where names are all that there is. By default a task and the operator that it is named after are
/// called the same, as in Flink. Nothing would be counted twice, but of what both have only the task's would be sent, and
/// a run is to show the series of either.
const OPERATOR: &str = "<host>.taskmanager.<tm_id>.<job_name>.<task_name>.<operator_name>.<subtask_index>";

/// Reports to a StatsD daemon as well.
pub(crate) fn with_statsd(builder: FlowmeterBuilder, address: Address) -> FlowmeterBuilder {
    let formats = ScopeFormats::default().with(ScopeKind::Operator, OPERATOR).unwrap_or_default();
    // Timers, for a daemon that works out statistics of its own, as Etsy's does.
    let options = StatsdOptions::default().with_address(address).with_histograms(HistogramMode::Timers);
    builder.scope_formats(formats).statsd("statsd", options)
}

/// Begins with the reporters of a file, if there is one, for the process of this name.
///
/// # Errors
///
/// What is wrong with the file, or with environment variables.
pub(crate) fn builder(config: Option<&Path>, process: &str) -> Result<FlowmeterBuilder, String> {
    let builder = match config {
        Some(path) => Flowmeter::from_config_file(path).map_err(|error| format!("{error} (--config)"))?,
        None => Flowmeter::builder(),
    };
    Ok(builder.instance(process))
}

/// Starts all reporters.
///
/// # Errors
///
/// Why one cannot, with the option that it is about.
pub(crate) fn start(builder: FlowmeterBuilder) -> Result<Flowmeter, String> {
    builder.start().map_err(|error| match &error {
        Error::ReporterStart { name, .. } if name == otlp::REPORTER => format!("{error} (--otlp)"),
        Error::ReporterStart { name, .. } if name == serving::JMX => {
            format!("{error} (--jmx-ports, --jolokia-ports)")
        }
        Error::ReporterStart { name, .. } if serving::is_own(name) => format!("{error} (--ports)"),
        _ => format!("{error} (--config)"),
    })
}
