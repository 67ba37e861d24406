//! Registers, records and closes, millions of times, with reporters attached that report all the while; then looks whether
//! each of them has every count and whether memory has stayed as it was. Then gives what reads the calls of JMX's clients as many inputs
//! that mean no good.

#![forbid(unsafe_code)]

mod inputs;

use std::alloc::System;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use flowmeter_bench::data::{FAMILIES, label_sets};
use flowmeter_bench::ours::{OperatorMetrics, Ours, TextReporter};
use flowmeter_core::{
    GroupView, MetricSet as _, Naming, Number, Registry, Report, ReportError, ReportMode, Reporter,
    ReporterContext, ReporterHandle, ReporterOptions, TaskInfo, TaskManagerGroup, Value,
};
use flowmeter_http::Ports;
use flowmeter_prometheus::{PrometheusOptions, PrometheusReporter};
use stats_alloc::{Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: StatsAlloc<System> = StatsAlloc::system();

const PATIENCE: Duration = Duration::from_secs(60);

/// Cycles between two looks at all reporters: fewer than the closed groups that any of them keeps.
const BATCH: u64 = 20_000;

/// Cycles beside bad reporters, at least.
const BAD_CYCLES: u64 = 800_000;

/// What memory may grow by from the second quarter to the last: a part, and so many bytes, since what waits for a report is seen
/// at different heights.
const GROWTH: (f64, f64) = (0.15, 4.0 * 1024.0 * 1024.0);

/// What may wait for two reporters that take nothing, in bytes: 65,536 groups for each, which it goes up to again and again, of
/// some 700 bytes, and what the good ones have.
const WAITING_LIMIT: f64 = 160.0 * 1024.0 * 1024.0;

/// The budget of the heap, in bytes a series.
const HEAP_PER_SERIES: f64 = 82.0;

/// Registers, records and closes with four reporters attached, and says whether a count or memory was lost.
#[derive(Parser)]
struct Arguments {
    /// How many groups come and go beside four reporters. Beside bad reporters it is a quarter of them, and 800,000 at
    /// least.
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(100_000..))]
    cycles: u64,
    /// How many series the largest registry has. One of a quarter of them is beside it.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(100_000..))]
    series: u64,
    /// How many inputs that mean no good are read: as many as groups come and go, unless it is told.
    #[arg(long)]
    inputs: Option<u64>,
}

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let Arguments { cycles, series, inputs } = Arguments::parse();
    let soak = || -> Outcome {
        let pace = cycle("four reporters", cycles, false)?;
        // Long enough for what the bad ones may keep to be full in the first quarter.
        let enough = (cycles / 4).max(BAD_CYCLES);
        let beside_bad_ones =
            cycle("the same beside one that hangs, one that panics and a callback that hangs", enough, true)?;
        say(&format!(
            "cycles a second beside bad reporters: {:.2} of those without",
            beside_bad_ones / pace
        ))?;
        large(series as usize)?;
        inputs::read(inputs.unwrap_or(cycles))?;
        say("no count was lost, and memory stayed as it was")?;
        Ok(())
    };
    match soak() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "flowmeter-soak: {error}");
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// Goes through cycles, and returns how many a second there were.
fn cycle(name: &str, cycles: u64, bad_ones: bool) -> Outcome<f64> {
    let registry = Registry::new();
    let mut reporters = Reporters::add(&registry, bad_ones)?;
    let task_managers = ["tm-0", "tm-1"].map(|id| registry.task_manager("host-1", id));
    let truth = AtomicU64::new(0);
    let (start, mut memory, mut done) = (Instant::now(), Memory::new(), 0);
    while done < cycles {
        thread::scope(|scope| {
            for (task_manager, offset) in task_managers.iter().zip([0, 1]) {
                let truth = &truth;
                scope.spawn(move || tasks(task_manager, (done + offset..done + BATCH).step_by(2), truth));
            }
        });
        done += BATCH;
        reporters.catch_up()?;
        memory.look();
    }
    let pace = done as f64 / start.elapsed().as_secs_f64();
    let truth = truth.load(Relaxed);
    let (held, dropped) = (reporters.totals(), registry.statistics().dropped_unread_series);
    let (early, late) = memory.least();
    let unread =
        if bad_ones { "series that the hanging one has not read, as it must be" } else { "unread series" };
    let shown: Vec<_> = held.iter().map(|(name, total)| format!("{name} {total}")).collect();
    let shown = shown.join(", ");
    say(&format!(
        "{name}: {done} cycles, {pace:.0} a second; counted {truth}; held: {shown}; {dropped} {unread}; memory {:.0} KiB \
         in the second quarter, {:.0} KiB in the last",
        early / 1024.0,
        late / 1024.0
    ))?;
    if held.iter().any(|(_, total)| *total != truth) {
        return Err(format!("a count was lost or doubled: {held:?} and not {truth}").into());
    }
    if !bad_ones && dropped > 0 {
        return Err(format!("{dropped} series were dropped unread").into());
    }
    if bad_ones && (dropped == 0 || registry.statistics().callback_timeouts == 0) {
        return Err("what hangs was not counted".into());
    }
    if !bad_ones && late > early + GROWTH.0 * early + GROWTH.1 {
        return Err(format!("memory has grown by {:.0} bytes", late - early).into());
    }
    if bad_ones && memory.most() > WAITING_LIMIT {
        return Err(format!("memory went up to {:.0} bytes", memory.most()).into());
    }
    reporters.hanging.release();
    Ok(pace)
}

/// The life of some tasks: half of them record a little more after they have closed.
fn tasks(task_manager: &TaskManagerGroup, numbers: impl Iterator<Item = u64>, truth: &AtomicU64) {
    let job = task_manager.job("job-1", "a job");
    let mut sum = 0;
    for number in numbers {
        let id = number.to_string();
        let task = job.task(TaskInfo { id: &id, name: "map", ..TaskInfo::default() });
        let counter = task.counter("records");
        counter.inc_by(number % 1_000);
        sum += number % 1_000;
        if number % 4 < 2 {
            drop(task);
            counter.inc();
            sum += 1;
        }
    }
    truth.fetch_add(sum, Relaxed);
}

/// Live bytes, over time.
struct Memory {
    region: Region<'static, System>,
    looks: Vec<f64>,
}

impl Memory {
    fn new() -> Self {
        Self { region: Region::new(&ALLOCATOR), looks: Vec::new() }
    }

    fn look(&mut self) {
        let change = self.region.change();
        self.looks.push(change.bytes_allocated as f64 - change.bytes_deallocated as f64);
    }

    fn most(&self) -> f64 {
        self.looks.iter().copied().fold(0.0, f64::max)
    }

    /// The least of the second and of the last quarter: what waits for a report goes up and down, and the first quarter fills
    /// what has a limit.
    fn least(&self) -> (f64, f64) {
        let quarter = self.looks.len() / 4;
        let least = |looks: &[f64]| looks.iter().copied().fold(f64::INFINITY, f64::min);
        (least(&self.looks[quarter..2 * quarter]), least(&self.looks[self.looks.len() - quarter..]))
    }
}

/// The reporters of a run, with what their backends hold.
struct Reporters {
    ledgers: Vec<(&'static str, Ledger, ReporterHandle)>,
    prometheus: ReporterHandle,
    scraped: Totals,
    hanging: Gate,
}

impl Reporters {
    fn add(registry: &Registry, bad_ones: bool) -> Outcome<Self> {
        let mut ledgers = Vec::new();
        for (name, kind, milliseconds) in
            [("differences", Kind::Differences, 5), ("whole", Kind::Whole, 11), ("asked", Kind::Asked, 1_000)]
        {
            let ledger = Ledger::new(kind);
            let mut options = ReporterOptions::default().with_interval(Duration::from_millis(milliseconds));
            (options.keep_delivered, options.keep_groups) = (Duration::ZERO, usize::MAX);
            let handle = registry.add_reporter(name, Box::new(ledger.clone()), options)?;
            ledgers.push((name, ledger, handle));
        }
        let mut options = ReporterOptions::default();
        (options.keep_delivered, options.keep_groups) = (Duration::ZERO, usize::MAX);
        let prometheus = PrometheusReporter::new(PrometheusOptions::default().with_ports(Ports::any()));
        let prometheus = registry.add_reporter("prometheus", Box::new(prometheus), options)?;
        let hanging = Gate::default();
        if bad_ones {
            let mut options = ReporterOptions::default().with_interval(Duration::from_millis(5));
            options.restart_backoff = Duration::from_millis(1);
            // Full at once: it has ever fewer chances to take groups in, as it waits longer and longer to be restarted.
            options.keep_groups = 1_000;
            registry.add_reporter("hanging", Box::new(Hanging(hanging.clone())), options.clone())?;
            registry.add_reporter("panicking", Box::new(Panicking), options)?;
            let hanging = hanging.clone();
            registry.add_group("stuck").gauge_callback("never", move || {
                hanging.wait();
                0_u64
            });
        }
        Ok(Self { ledgers, prometheus, scraped: Totals::default(), hanging })
    }

    /// Has every good reporter deliver all there is.
    fn catch_up(&mut self) -> Outcome {
        for (_, _, handle) in &self.ledgers {
            // One fails every third report.
            for attempt in 1.. {
                match handle.report_now(PATIENCE) {
                    Err(error) if attempt == 3 => return Err(error.into()),
                    Err(_) => {}
                    Ok(()) => break,
                }
            }
            handle.wait_delivered(PATIENCE)?;
        }
        self.scraped.present(scrape(&self.prometheus)?);
        self.prometheus.wait_delivered(PATIENCE)?;
        Ok(())
    }

    fn totals(&self) -> Vec<(&'static str, u64)> {
        let ledgers = self.ledgers.iter().map(|(name, ledger, _)| (*name, ledger.total()));
        ledgers.chain([("prometheus", self.scraped.total())]).collect()
    }
}

/// What a backend holds of series that come and go: the last value of each, added up.
#[derive(Default)]
struct Totals {
    gone: u64,
    present: HashMap<u64, u64>,
}

impl Totals {
    /// These are there now, by their task.
    fn present(&mut self, present: HashMap<u64, u64>) {
        let before = std::mem::replace(&mut self.present, present);
        self.gone += before
            .into_iter()
            .filter(|(task, _)| !self.present.contains_key(task))
            .map(|(_, value)| value)
            .sum::<u64>();
    }

    fn total(&self) -> u64 {
        self.gone + self.present.values().sum::<u64>()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Sends differences, and fails every third report half-way.
    Differences,
    /// Sends whole values, and fails every third report.
    Whole,
    /// Reports when it is asked.
    Asked,
}

#[derive(Clone)]
struct Ledger {
    kind: Kind,
    totals: Arc<Mutex<Totals>>,
    reports: u64,
    context: Option<ReporterContext>,
}

impl Ledger {
    fn new(kind: Kind) -> Self {
        Self { kind, totals: Arc::default(), reports: 0, context: None }
    }

    fn total(&self) -> u64 {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).total()
    }
}

impl Reporter for Ledger {
    fn mode(&self) -> ReportMode {
        if self.kind == Kind::Asked { ReportMode::Pull } else { ReportMode::Push }
    }

    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn deltas(&self) -> bool {
        self.kind == Kind::Differences
    }

    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        self.context = Some(context.clone());
        Ok(())
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        let task = group.variables().find(|(key, _)| *key == "task_id").map_or("", |(_, value)| value);
        out.extend_from_slice(task.as_bytes());
    }

    fn accepts(&self, family: &flowmeter_core::Family) -> bool {
        family.name() == "records"
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        self.reports += 1;
        let fails = self.kind != Kind::Asked && self.reports.is_multiple_of(3);
        let (mut present, mut accepted) = (HashMap::new(), 0);
        for family in report.families() {
            family.for_each(|series| {
                let Value::Number(Number::U64(value)) = series.value() else { return Err("not a count") };
                if self.kind != Kind::Differences {
                    let task = std::str::from_utf8(series.prepared()).ok().and_then(|task| task.parse().ok());
                    return match present.insert(task.ok_or("not a task")?, value) {
                        None => Ok(()),
                        Some(_) => Err("a series is there twice"),
                    };
                }
                if fails && present.len() > 100 {
                    return Ok(());
                }
                present.insert(present.len() as u64, 0);
                accepted += series.delta().ok_or("no difference")?;
                report.acknowledge(series.mark());
                Ok(())
            })?;
        }
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        match self.kind {
            Kind::Differences => totals.gone += accepted,
            Kind::Whole if fails => {}
            Kind::Whole | Kind::Asked => totals.present(present),
        }
        if fails {
            return Err("this one does not count".into());
        }
        if let Some(context) = self.context.as_ref().filter(|_| self.kind == Kind::Asked) {
            context.delivered(report.number());
        }
        Ok(())
    }
}

/// Fetches the records of all tasks from the endpoint.
fn scrape(reporter: &ReporterHandle) -> Outcome<HashMap<u64, u64>> {
    let url = reporter.endpoint().ok_or("nothing is served")?;
    let address = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/metrics"));
    let mut stream = TcpStream::connect(address.ok_or("no address")?)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let mut present = HashMap::new();
    for line in text.lines().filter(|line| line.starts_with("taskmanager_job_task_records_total{")) {
        let (_, rest) = line.split_once("task_id=\"").ok_or(line)?;
        let (task, rest) = rest.split_once('"').ok_or(line)?;
        let (_, value) = rest.rsplit_once(' ').ok_or(line)?;
        if present.insert(task.parse()?, value.parse()?).is_some() {
            return Err(format!("twice: {line}").into());
        }
    }
    Ok(present)
}

/// Keeps a reporter from returning until it is released.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, std::sync::Condvar)>);

impl Gate {
    fn wait(&self) {
        let (open, changed) = &*self.0;
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            open = changed.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn release(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }
}

struct Hanging(Gate);

impl Reporter for Hanging {
    fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
        self.0.wait();
        Ok(())
    }
}

struct Panicking;

impl Reporter for Panicking {
    fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
        // Without the message of a panic: there are thousands.
        std::panic::resume_unwind(Box::new("told to"))
    }
}

/// Makes registries of a quarter of the series and of all of them, and says what a series costs in each.
fn large(series: usize) -> Outcome {
    for series in [series / 4, series] {
        let sets = label_sets(series / FAMILIES);
        let ours = Ours::new(&TextReporter::chunked(), &sets);
        ours.report();
        let region = Region::new(&ALLOCATOR);
        let mut times = Vec::new();
        let mut time = |name: &str, work: &mut dyn FnMut()| {
            let start = Instant::now();
            work();
            times.push(format!("{name} {:.0} ns", start.elapsed().as_nanos() as f64 / series as f64));
        };
        let mut subtasks = Vec::new();
        time("registered in", &mut || subtasks = ours.register_all(&sets, OperatorMetrics::register));
        time("first reported in", &mut || ours.report());
        time("reported in", &mut || ours.report());
        let change = region.change();
        let heap = (change.bytes_allocated as f64 - change.bytes_deallocated as f64) / series as f64;
        time("closed in", &mut || subtasks.clear());
        time("let go in", &mut || ours.report());
        say(&format!("{series} series: {heap:.1} B each; each {}", times.join(", ")))?;
        if heap > HEAP_PER_SERIES {
            return Err(format!("{heap} B a series are more than {HEAP_PER_SERIES}").into());
        }
    }
    Ok(())
}
