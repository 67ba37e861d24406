//! flowmeter, set up as its users do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use flowmeter_core::{
    Counter, Descriptor, Family, GroupView, Metric, MetricGroup, MetricSet, Naming, OperatorGroup, Registry,
    Report, ReportError, Reporter, ReporterHandle, ReporterOptions, SetCells, TaskGroup, TaskInfo,
    TaskManagerGroup, TaskManagerJobGroup,
};
use flowmeter_http::Ports;
use flowmeter_prometheus::{ChunkWriter, GzipEncoder, PrometheusOptions, PrometheusReporter, TextEncoder};

use crate::data::{FAMILIES, LabelSet};
use crate::harness::thread_cpu;

/// Long enough for any report here.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// Twenty counters that are registered together.
#[derive(Debug)]
pub struct OperatorMetrics(pub [Counter; FAMILIES]);

impl MetricSet for OperatorMetrics {
    const DESCRIPTORS: &'static [Descriptor] = &[
        counter("numRecordsIn"),
        counter("numRecordsOut"),
        counter("numBytesIn"),
        counter("numBytesOut"),
        counter("numBuffersIn"),
        counter("numBuffersOut"),
        counter("numActivations"),
        counter("numLateRecordsDropped"),
        counter("numRecordsInErrors"),
        counter("numRecordsOutErrors"),
        counter("numSplitsProcessed"),
        counter("numTimersFired"),
        counter("numStateReads"),
        counter("numStateWrites"),
        counter("numCacheHits"),
        counter("numCacheMisses"),
        counter("numWindowsOpened"),
        counter("numWindowsClosed"),
        counter("numRetries"),
        counter("numCheckpoints"),
    ];

    fn from_cells(cells: &mut SetCells) -> Self {
        Self(std::array::from_fn(|_| cells.take()))
    }
}

impl OperatorMetrics {
    /// Registers the same counters one by one, each with a call of its own.
    #[must_use]
    pub fn register_one_by_one(group: &MetricGroup) -> Self {
        Self(std::array::from_fn(|i| group.counter(Self::DESCRIPTORS[i].metric().clone())))
    }

    /// Registers only one of them.
    pub fn register_one(group: &MetricGroup) -> Counter {
        group.counter(Self::DESCRIPTORS[0].metric().clone())
    }
}

const fn counter(name: &'static str) -> Descriptor {
    Descriptor::of::<Counter>(Metric::new(name))
}

/// The Prometheus text reporter without a network: what it writes goes into one buffer, or nowhere.
#[derive(Clone, Debug)]
pub struct TextReporter(Arc<Output>);

#[derive(Debug)]
struct Output {
    text: Mutex<Text>,
    nanoseconds: AtomicU64,
}

/// Where the text goes.
#[derive(Debug)]
enum Text {
    Nowhere,
    Whole(Vec<u8>),
    Chunks,
    Gzip(Vec<u8>),
    Zlib(Vec<u8>),
}

impl TextReporter {
    /// Writes the whole text into one buffer.
    #[must_use]
    pub fn whole() -> Self {
        Self::new(Text::Whole(Vec::new()))
    }

    /// Writes the text in chunks, as the endpoint does, for a scraper that takes them at once.
    #[must_use]
    pub fn chunked() -> Self {
        Self::new(Text::Chunks)
    }

    /// Compresses the text, chunk by chunk.
    #[must_use]
    pub fn gzip() -> Self {
        Self::new(Text::Gzip(Vec::new()))
    }

    /// Compresses it with zlib-rs in place of our own encoder.
    #[must_use]
    pub fn gzip_by_zlib() -> Self {
        Self::new(Text::Zlib(Vec::new()))
    }

    /// Prepares names and labels, but writes nothing.
    #[must_use]
    pub fn mute() -> Self {
        Self::new(Text::Nowhere)
    }

    fn new(text: Text) -> Self {
        Self(Arc::new(Output { text: Mutex::new(text), nanoseconds: AtomicU64::new(0) }))
    }

    /// CPU time that the last report took, in nanoseconds.
    #[must_use]
    pub fn last_report(&self) -> f64 {
        self.0.nanoseconds.load(Ordering::Relaxed) as f64
    }

    /// What the last report wrote, if it is in one buffer.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        match &*self.0.text.lock().expect("no report panicked") {
            Text::Whole(text) | Text::Gzip(text) | Text::Zlib(text) => text.clone(),
            Text::Nowhere | Text::Chunks => Vec::new(),
        }
    }
}

impl Reporter for TextReporter {
    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        TextEncoder.prepare_group(group, out);
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        TextEncoder.prepare_family(family, out);
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let mut text = self.0.text.lock().map_err(|error| error.to_string())?;
        let start = thread_cpu();
        match &mut *text {
            Text::Nowhere => {}
            Text::Whole(text) => {
                text.clear();
                TextEncoder.encode(report, text, usize::MAX, |_| ());
            }
            Text::Chunks => ChunkWriter::default()
                .write(drop, |text, full| TextEncoder.encode(report, text, ChunkWriter::CHUNK, full)),
            Text::Gzip(out) => {
                out.clear();
                let mut encoder = GzipEncoder::new();
                encode_in_chunks(report, |chunk| encoder.write(chunk, out));
                encoder.finish(out);
            }
            Text::Zlib(out) => {
                out.clear();
                let mut encoder = GzEncoder::new(out, Compression::fast());
                encode_in_chunks(report, |chunk| encoder.write_all(chunk).expect("memory takes all"));
                encoder.finish().expect("memory takes all");
            }
        }
        self.0.nanoseconds.store((thread_cpu() - start) as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// Writes the text into one chunk again and again, for `take` to do with it what it likes.
fn encode_in_chunks(report: &Report<'_>, mut take: impl FnMut(&[u8])) {
    let mut text = Vec::with_capacity(ChunkWriter::CHUNK + ChunkWriter::CHUNK / 8);
    TextEncoder.encode(report, &mut text, ChunkWriter::CHUNK, |text| {
        take(text);
        text.clear();
    });
    take(&text);
}

/// A registry with a reporter that reports when it is told, and the jobs that label sets belong to.
pub struct Ours {
    jobs: Vec<(String, TaskManagerJobGroup)>,
    _task_manager: TaskManagerGroup,
    /// The reporter.
    pub reporter: ReporterHandle,
    /// The registry.
    pub registry: Registry,
}

/// One subtask of an operator with its metrics.
pub struct Subtask<M> {
    /// The metrics.
    pub metrics: M,
    _operator: OperatorGroup,
    _task: TaskGroup,
}

impl Ours {
    /// Makes groups for the jobs of some label sets.
    #[must_use]
    pub fn new(reporter: &TextReporter, sets: &[LabelSet]) -> Self {
        Self::with_job_names(reporter, sets, |_| "")
    }

    /// The same, with jobs that have names, made of their ids: flat identifiers tell them apart by these.
    #[must_use]
    pub fn with_job_names(reporter: &TextReporter, sets: &[LabelSet], name: fn(&str) -> &str) -> Self {
        let registry = Registry::new();
        let options = ReporterOptions::default().with_interval(Duration::MAX);
        let reporter = registry
            .add_reporter("text", Box::new(reporter.clone()), options)
            .expect("nothing can fail to start");
        let task_manager = registry.task_manager(&sets[0][0], &sets[0][1]);
        let mut jobs: Vec<(String, TaskManagerJobGroup)> = Vec::new();
        for set in sets {
            if jobs.last().is_none_or(|(id, _)| *id != set[2]) {
                jobs.push((set[2].clone(), task_manager.job(&set[2], name(&set[2]))));
            }
        }
        Self { jobs, _task_manager: task_manager, reporter, registry }
    }

    /// Registers one label set: a group for the task, one for the operator, and metrics there.
    #[must_use]
    pub fn register<M>(
        &self,
        set: &LabelSet,
        subtask_index: usize,
        metrics: impl FnOnce(&MetricGroup) -> M,
    ) -> Subtask<M> {
        let (_, job) = self.jobs.iter().find(|(id, _)| *id == set[2]).expect("made for these label sets");
        let task = job.task(TaskInfo { name: &set[3], subtask_index, ..TaskInfo::default() });
        let operator = task.operator("", &set[4]);
        Subtask { metrics: metrics(&operator), _operator: operator, _task: task }
    }

    /// Registers all label sets, with the same metrics in each.
    #[must_use]
    pub fn register_all<M>(&self, sets: &[LabelSet], metrics: impl Fn(&MetricGroup) -> M) -> Vec<Subtask<M>> {
        sets.iter().map(|set| self.register(set, set[5].parse().unwrap_or(0), &metrics)).collect()
    }

    /// Adds the real reporter, with its server. Closed groups leave with the first scrape, for the series to stay as many.
    #[must_use]
    pub fn add_endpoint(&self) -> Endpoint {
        let options = PrometheusOptions::default().with_ports(Ports::any());
        let reporter = Box::new(PrometheusReporter::new(options));
        let options = ReporterOptions::default().with_retention(Duration::ZERO, Duration::ZERO);
        let reporter = self.registry.add_reporter("prometheus", reporter, options);
        Endpoint(reporter.expect("any port will do"))
    }

    /// Has the reporter report.
    pub fn report(&self) {
        self.reporter.report_now(PATIENCE).expect("the reporter cannot fail");
    }
}

/// The real reporter, with its server.
pub struct Endpoint(ReporterHandle);

impl Endpoint {
    /// Fetches a text and throws it away.
    pub fn scrape(&self) {
        let url = self.0.endpoint().expect("it serves");
        let address = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/metrics"));
        let mut stream = TcpStream::connect(address.expect("it serves HTTP")).expect("it listens");
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("it reads");
        let mut buffer = vec![0; 256 * 1024];
        while stream.read(&mut buffer).expect("it answers") > 0 {}
    }
}
