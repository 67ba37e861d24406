//! A registry with every kind of metric, and what a reporter sends of it.

#![allow(dead_code, reason = "each test uses some of it")]

use std::any::Any;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{Clock, Metric, Registry, ReporterHandle, ReporterOptions, TaskInfo, Unit};
use flowmeter_statsd::{Address, StatsdOptions, StatsdReporter};
use flowmeter_testkit::{MockClock, PATIENCE, on_request, quiet_registry_on};
use tempfile::TempDir;

/// A registry on a clock of its own.
pub(crate) struct Job {
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<MockClock>,
    held: Vec<Box<dyn Any>>,
}

impl Job {
    pub(crate) fn empty() -> Self {
        let clock = Arc::new(MockClock::default());
        Self { registry: quiet_registry_on(Arc::clone(&clock) as Arc<dyn Clock>), clock, held: Vec::new() }
    }

    /// With every kind of metric.
    pub(crate) fn full() -> Self {
        let mut job = Self::empty();
        let task_manager = job.registry.task_manager("host-1", "tm.1:7");
        let of_job = task_manager.job("a3f0", "word count");
        let task =
            of_job.task(TaskInfo { id: "2", name: "map -> sink", subtask_index: 1, ..TaskInfo::default() });
        let operator = task.operator("2.1", "count");
        let records =
            Metric::new("numRecordsIn").with_unit(Unit::RECORDS).with_rate_name("numRecordsInPerSecond");
        let counter = operator.counter(records);
        counter.inc_by(u64::MAX - 3);
        let idle = operator.counter("idle");
        let busy = task.counter(Metric::new("busyTime").with_unit(Unit::NANOSECONDS));
        busy.inc_by(1_234_567_890);
        let alone = job.registry.add_group("apart").counter("n");
        alone.inc();
        let meter = task.meter("mails");
        meter.mark_by(120);
        let queue = task.up_down_counter("queueLength");
        queue.add(-3);
        let state = task.text_gauge("state");
        state.set("RUNNING so far");
        let split = task.text_gauge("split");
        split.set("a|b");
        let gauges = task_manager.add_group_kv("user.key", "x,y|z=1;a\nb").add_group("Status.CPU");
        let floats = [
            (Metric::new("load").with_unit(Unit::RATIO), 0.25),
            (Metric::new("nan"), f64::NAN),
            (Metric::new("infinite"), f64::NEG_INFINITY),
            (Metric::new("tiny"), -1.5e-9),
            (Metric::new("zero"), -0.0),
        ];
        let floats = floats.map(|(metric, value)| {
            let gauge = gauges.gauge::<f64>(metric);
            gauge.set(value);
            gauge
        });
        let lag = gauges.gauge::<i64>(Metric::new("lag").with_unit(Unit::MILLISECONDS));
        lag.set(-1_500);
        let healthy = gauges.gauge::<bool>("healthy");
        healthy.set(true);
        let process = task_manager.add_group("process");
        let renamed = Metric::new("cpuLoad").with_policy_names(&[("flink", "Status.JVM.CPU.Load")]);
        let renamed = process.gauge::<f64>(renamed);
        renamed.set(1e7);
        let elsewhere = operator.add_group("latency").add_group_kv("source_id", "s:1");
        let latencies = Metric::new("latency")
            .with_policy_names(&[("flink", "/taskmanager.job.task.latency.source_id.operator_id.latency")]);
        let latencies = elsewhere.histogram::<f64>(latencies);
        latencies.record(2.5);
        let sizes = operator.histogram::<u64>(Metric::new("batchSize").with_unit(Unit::RECORDS));
        [0, 1, 2, 3, 4, 5, 1_000_000].into_iter().for_each(|size| sizes.record(size));
        (0..1_000).for_each(|_| sizes.record(3));
        let wait = operator.histogram::<Duration>("wait");
        [5, 50, 500].into_iter().for_each(|micros| wait.record(Duration::from_micros(micros)));
        let balance = operator.histogram::<f64>("balance");
        [-2.0, -1.5, 0.0, 0.5].into_iter().for_each(|value| balance.record(value));
        let empty = operator.histogram::<u64>("empty");
        job.hold((counter, idle, busy, alone, meter, queue, state, split));
        job.hold((floats, lag, healthy, renamed, latencies, sizes, wait, balance, empty));
        job.hold((task_manager, of_job, task, operator));
        job
    }

    pub(crate) fn hold(&mut self, handles: impl Any) {
        self.held.push(Box::new(handles));
    }

    /// Has a reporter send somewhere where it can be read.
    pub(crate) fn send(&self, options: StatsdOptions) -> Wire {
        self.send_as(options, on_request())
    }

    pub(crate) fn send_as(&self, options: StatsdOptions, reporter_options: ReporterOptions) -> Wire {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("statsd");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let reporter = StatsdReporter::new(options.with_address(Address::UnixDatagram(path)));
        let handle = self.registry.add_reporter("statsd", Box::new(reporter), reporter_options).unwrap();
        Wire { handle, socket, _folder: folder }
    }
}

/// What a reporter sends.
pub(crate) struct Wire {
    pub(crate) handle: ReporterHandle,
    socket: UnixDatagram,
    _folder: TempDir,
}

impl Wire {
    /// The packets of one report.
    pub(crate) fn report(&self) -> Vec<Vec<u8>> {
        let handle = &self.handle;
        let (mut packets, mut buffer) = (Vec::new(), vec![0; 1 << 17]);
        // The socket holds a few packets, so it is read meanwhile.
        std::thread::scope(|scope| {
            let report = scope.spawn(|| handle.report_now(PATIENCE));
            loop {
                let has_ended = report.is_finished();
                while let Ok(length) = self.socket.recv(&mut buffer) {
                    packets.push(buffer[..length].to_vec());
                }
                if has_ended {
                    break;
                }
                std::thread::yield_now();
            }
            report.join().unwrap().unwrap();
        });
        packets
    }

    /// The lines of one report.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = |packet: Vec<u8>| String::from_utf8(packet).unwrap();
        let packets = self.report().into_iter().map(lines);
        packets.flat_map(|packet| packet.split('\n').map(str::to_owned).collect::<Vec<_>>()).collect()
    }
}
