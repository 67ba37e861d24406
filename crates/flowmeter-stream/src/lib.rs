//! The standard metric sets of a stream processor: what tasks and operators of any engine have to say.
//!
//! Names and meanings are Apache Flink's where Flink has the metric, so that its users know what they see.
//!
//! ```
//! use flowmeter_core::{MetricSet, Registry, TaskInfo};
//! use flowmeter_stream::OperatorIoMetrics;
//!
//! let registry = Registry::new();
//! let task_manager = registry.task_manager("host-1", "tm-1");
//! let job = task_manager.job("a3f0", "wordcount");
//! let task = job.task(TaskInfo { name: "count", ..TaskInfo::default() });
//! let operator = task.operator("2.1", "count");
//! let io = OperatorIoMetrics::register(&operator);
//! io.num_records_in.inc_by(512);
//! io.num_buffers_in.inc();
//! ```

#![forbid(unsafe_code)]

mod io;

pub use io::{OperatorIoMetrics, TaskIoMetrics};
