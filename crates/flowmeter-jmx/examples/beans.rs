//! A process that jconsole can open.
//!
//! ```text
//! cargo run -p flowmeter-jmx --example beans
//! jconsole 127.0.0.1:9250
//! ```

use std::thread;
use std::time::Duration;

use flowmeter_core::{Registry, ReporterOptions, TaskInfo};
use flowmeter_jmx::{JmxOptions, JmxReporter};

fn main() -> Result<(), flowmeter_core::Error> {
    let registry = Registry::new();
    let reporter = Box::new(JmxReporter::new(JmxOptions::default()));
    let handle = registry.add_reporter("jmx", reporter, ReporterOptions::default())?;
    let task_manager = registry.task_manager("localhost", "tm-1");
    let job = task_manager.job("00ff", "WordCount");
    let task = job.task(TaskInfo { id: "1", name: "Source: lines -> map", ..TaskInfo::default() });
    let operator = task.operator("a1", "map");
    let (records, latency) = (operator.meter("numRecordsIn"), operator.histogram::<u64>("latency"));
    #[expect(clippy::print_stdout, reason = "it is a program")]
    {
        println!("{}", handle.endpoint().unwrap_or_default());
    }
    for number in 0.. {
        records.mark();
        latency.record(number % 100);
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
