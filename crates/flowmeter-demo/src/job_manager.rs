//! The JobManager: starts TaskManagers, hands out the job, watches, and compares what it reads with what was counted.

mod console;
mod fleet;
mod reporting;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use flowmeter::system::CountingAllocator;

use crate::arguments::{Arguments, Instrument, Job};
use crate::control::{Setup, ToTaskManager};
use crate::exposition;
use crate::interrupts::Interrupts;
use crate::job::{JobKind, JobSpec, text};
use crate::serving::{self, Endpoints};
use crate::summary::{Reported, Summary};
use console::Console;
use fleet::{Event, Fleet};
use reporting::{MeasuredJob, Reporting};

/// How long an endpoint may take to answer.
const SCRAPE_PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes of an answer.
const SCRAPE_LIMIT: u64 = 256 << 20;

/// Runs a job to its end.
///
/// # Errors
///
/// What kept it from that, or the counts that differ, in one line. No TaskManager is left behind.
pub fn run(arguments: &Arguments, allocator: &'static CountingAllocator) -> Result<(), String> {
    let mut console = Console::new(arguments.json);
    let job = job_spec(arguments)?;
    if let Some(path) = &arguments.output {
        check_output(path)?;
    }
    let interrupts = Interrupts::watch()?;

    let measured = arguments.instrument == Instrument::On;
    let reporting = if measured { Some(Reporting::start(arguments, allocator)?) } else { None };
    let job_id = random_id();
    let task_managers = usize::from(arguments.task_managers);
    let name = job.kind.name();
    let running = reporting.as_ref().map(|reporting| reporting.job(&job_id, name, task_managers));
    let reads_stdin = matches!(job.kind, JobKind::WordCount { splits: None });
    let mut fleet = Fleet::start(task_managers, reads_stdin, interrupts.clone())?;

    let own = reporting.as_ref().map(|reporting| reporting.endpoints.clone()).unwrap_or_default();
    console.started("jobmanager", reporting::ID, std::process::id(), &own);
    let setup = Setup {
        job,
        job_id: job_id.clone(),
        ports: reporting.as_ref().map(|reporting| reporting.remaining),
        statsd: arguments.statsd.as_ref().map(ToString::to_string),
        otlp: arguments.otlp.clone(),
    };
    let endpoints = fleet.set_up(&setup, |index, pid, endpoints| {
        console.started("taskmanager", &crate::task_manager::id(index), pid, endpoints);
        if let Some(running) = &running {
            running.registered(index + 1);
        }
    })?;
    console.table();

    let began = Instant::now();
    fleet.begin()?;
    let (truth, output) = watch(&mut fleet, &mut console, running.as_ref()).inspect_err(|error| {
        running.as_ref().inspect(|running| running.fails(error));
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let interruptions = interrupts.so_far();
    interrupts.job_ended();
    drop(running);

    if let Some(path) = &arguments.output {
        write_output(path, output)?;
    }
    let reported = if measured { Some(scrape(&endpoints)?) } else { None };
    let summary = Summary { truth, reported, interrupted: interruptions > 0, seconds };
    console.summary(&summary);
    fleet.mind_further_interrupts(interruptions);
    linger(arguments, &mut fleet, reporting.as_ref(), &mut console)?;
    console.result()?;
    match summary.differences().first() {
        None => Ok(()),
        Some(difference) => Err(difference.clone()),
    }
}

fn job_spec(arguments: &Arguments) -> Result<JobSpec, String> {
    let kind = match (arguments.job, &arguments.input) {
        (Job::Wordcount, Some(input)) if input != Path::new("-") => {
            check_apart(input, arguments.output.as_deref())?;
            let splits = text::splits(input).map_err(|error| format!("{error} (--input)"))?;
            JobKind::WordCount { splits: Some(splits) }
        }
        (Job::Wordcount, _) => JobKind::WordCount { splits: None },
        (Job::Nexmark, _) => JobKind::Nexmark { events: arguments.events },
    };
    Ok(JobSpec {
        kind,
        rate: arguments.rate(),
        duration: arguments.duration(),
        keep_output: arguments.output.is_some(),
    })
}

/// Watches until all TaskManagers have finished.
fn watch(
    fleet: &mut Fleet,
    console: &mut Console,
    running: Option<&MeasuredJob<'_>>,
) -> Result<(crate::job::Truth, Vec<String>), String> {
    let (mut truth, mut output) = (crate::job::Truth::default(), Vec::new());
    let mut produced = vec![0; fleet.len()];
    let mut heard = vec![false; fleet.len()];
    let mut stopping = false;
    running.inspect(|running| running.begins());
    while fleet.unfinished() > 0 {
        match fleet.next(Duration::from_millis(100))? {
            Event::Progress(index, source_records) => {
                produced[index] = source_records;
                if !std::mem::replace(&mut heard[index], true) && heard.iter().all(|heard| *heard) {
                    running.inspect(|running| running.all_tasks_run());
                }
                console.progress(produced.iter().sum());
            }
            Event::Output(mut lines) => output.append(&mut lines),
            Event::Finished(counts) => truth.add(&counts),
            Event::Interrupted if !stopping => {
                stopping = true;
                running.inspect(|running| running.is_cancelled());
                console.note(
                    "stopping: what the sources have produced is worked on; Ctrl-C again to end at once",
                );
                fleet.tell_all(&ToTaskManager::Stop)?;
            }
            Event::Interrupted | Event::Nothing => {}
        }
    }
    console.end_progress();
    Ok((truth, output))
}

/// Reads the counts of all operators from the TaskManagers' endpoints. It only peeks, so that closed groups stay for the
/// scrapers that the endpoints are for.
fn scrape(task_managers: &[Endpoints]) -> Result<Reported, String> {
    let config = ureq::Agent::config_builder().timeout_global(Some(SCRAPE_PATIENCE)).build();
    let agent = ureq::Agent::new_with_config(config);
    let mut reported = Reported::default();
    for endpoint in task_managers.iter().filter_map(serving::prometheus) {
        let failed = |error: ureq::Error| format!("cannot read {endpoint}: {error}");
        let mut response = agent.get(format!("{endpoint}?peek")).call().map_err(failed)?;
        let text = response.body_mut().with_config().limit(SCRAPE_LIMIT).read_to_string().map_err(failed)?;
        let samples =
            flowmeter_testkit::exposition::parse(&text).map_err(|error| format!("{endpoint}: {error}"))?;
        exposition::add_counts(&samples, &mut reported)?;
    }
    Ok(reported)
}

/// Keeps all endpoints up until somebody has scraped the final values, unless it is told to stay, or the time is over.
fn linger(
    arguments: &Arguments,
    fleet: &mut Fleet,
    reporting: Option<&Reporting>,
    console: &mut Console,
) -> Result<(), String> {
    let Some(reporter) = reporting.and_then(Reporting::reporter) else {
        fleet.tell_all(&ToTaskManager::Linger(Duration::ZERO))?;
        return fleet.wait_ended(Duration::ZERO);
    };
    let mut time = arguments.linger;
    if !time.is_zero() {
        let shown = humantime::format_duration(time);
        console.note(&match arguments.stay {
            true => format!("endpoints stay up for {shown}; Ctrl-C to end"),
            false => format!(
                "endpoints stay up until their final values were scraped, for {shown} at most; Ctrl-C to end"
            ),
        });
    }
    if arguments.stay {
        fleet.stay(time)?;
        time = Duration::ZERO;
    }
    fleet.tell_all(&ToTaskManager::Linger(time))?;
    let began = Instant::now();
    fleet.wait_ended(time)?;
    // The JobManager's own endpoint has groups that closed, too.
    while !fleet.is_interrupted() && began.elapsed() < time {
        if reporter.wait_delivered(Duration::from_millis(50)).is_ok() {
            break;
        }
    }
    Ok(())
}

/// Refuses to write the result over what it is made from.
fn check_apart(input: &Path, output: Option<&Path>) -> Result<(), String> {
    match output.and_then(|output| Some((output, fs::canonicalize(output).ok()?))) {
        Some((output, path)) if fs::canonicalize(input).is_ok_and(|input| input == path) => {
            Err(format!("--output {} is the --input: give another file", output.display()))
        }
        _ => Ok(()),
    }
}

/// Finds out before the job whether its result can be written after it. What is there stays as it is.
fn check_output(path: &Path) -> Result<(), String> {
    let existed = path.exists();
    let opened = fs::OpenOptions::new().create(true).append(true).open(path);
    let checked = opened.and_then(|_| if existed { Ok(()) } else { fs::remove_file(path) });
    checked.map_err(|error| format!("cannot write {}: {error} (--output)", path.display()))
}

fn write_output(path: &Path, mut lines: Vec<String>) -> Result<(), String> {
    lines.sort_unstable();
    let write = || -> io::Result<()> {
        let mut file = io::BufWriter::new(fs::File::create(path)?);
        for line in &lines {
            writeln!(file, "{line}")?;
        }
        file.flush()
    };
    write().map_err(|error| format!("cannot write {}: {error} (--output)", path.display()))
}

/// 128 bits in hexadecimal digits, different for each run.
fn random_id() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let part = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", part(), part())
}
