//! A TaskManager: a process that runs one worker of a job.

use std::env;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use flowmeter::Flowmeter;
use flowmeter::statsd::Address;
use flowmeter::system::CountingAllocator;
use flowmeter_timely::TimelyInstrumentation;
use timely::communication::Hooks;
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};

use crate::arguments::Join;
use crate::control::{FromTaskManager, Receiver, Sender, Setup, TOKEN_VARIABLE, ToTaskManager, ends};
use crate::interrupts::END_SIGNALS;
use crate::job::{JobControl, JobSpec, WorkerResult, measure, run_worker};
use crate::{mesh, otlp, process, serving};

/// How often the JobManager hears how far the sources are.
const PROGRESS_STEP: Duration = Duration::from_millis(250);
/// Lines of output in one message.
const OUTPUT_LINES: usize = 10_000;
/// How long to wait before a lost peer is reported: the JobManager should first see which TaskManager is gone.
const PEER_PATIENCE: Duration = Duration::from_secs(2);

/// The id of a TaskManager.
#[must_use]
pub fn id(index: usize) -> String {
    format!("tm-{index}")
}

/// Joins a JobManager, runs the job, and ends when it is told to.
///
/// # Errors
///
/// What kept it from that, in one line. The JobManager has been told.
pub fn run(join: Join, allocator: &'static CountingAllocator) -> Result<(), String> {
    // What a terminal or a supervisor tells, it tells all processes. The JobManager decides what to do about it.
    let ignored = Arc::new(AtomicBool::new(false));
    for signal in END_SIGNALS {
        signal_hook::flag::register(signal, Arc::clone(&ignored)).map_err(|error| error.to_string())?;
    }
    // A connection that ends tells that the JobManager is gone, but not a process that is stopped.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|error| error.to_string())?;

    let stream = TcpStream::connect(join.job_manager);
    let stream = stream.map_err(|error| format!("cannot reach the JobManager: {error}"))?;
    let (sender, receiver) = ends(stream).map_err(|error| format!("cannot reach the JobManager: {error}"))?;
    report_panics(&sender);
    serve(join.index, allocator, &sender, receiver).inspect_err(|message| {
        let _ = sender.send(&FromTaskManager::Failed { message: message.clone() });
    })
}

/// What comes up while the job runs.
enum Order {
    Linger(Duration),
}

fn serve(
    index: usize,
    allocator: &'static CountingAllocator,
    sender: &Sender<FromTaskManager>,
    mut receiver: Receiver<ToTaskManager>,
) -> Result<(), String> {
    let gone = |error: io::Error| format!("lost the JobManager: {error}");
    let token = env::var(TOKEN_VARIABLE).unwrap_or_default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    let mesh = listener.local_addr().map_err(|error| error.to_string())?;
    sender.send(&FromTaskManager::Hello { index, token: token.clone(), mesh }).map_err(gone)?;

    let Some(ToTaskManager::Setup(setup)) = receiver.receive().map_err(gone)? else {
        return Err("the JobManager did not say what to do".to_owned());
    };
    let flowmeter = start_reporters(&setup, index)?;
    let task_manager = flowmeter.as_ref().map(|flowmeter| {
        let task_manager = flowmeter.task_manager("localhost", &id(index));
        process::measure(&task_manager, allocator);
        Arc::new(task_manager)
    });
    let endpoints = flowmeter.as_ref().map(serving::endpoints).unwrap_or_default();
    sender.send(&FromTaskManager::Started { endpoints }).map_err(gone)?;

    let Some(ToTaskManager::Mesh(addresses)) = receiver.receive().map_err(gone)? else {
        return Err("the JobManager did not say where the others are".to_owned());
    };
    // From here on this process goes down with the JobManager, whatever it waits for.
    let control = JobControl::default();
    let orders = follow(receiver, control.clone());
    let streams = mesh::connect(&listener, &addresses, index, &token).map_err(|error| {
        // If another TaskManager is gone, the JobManager is about to find out which.
        thread::sleep(PEER_PATIENCE);
        format!("cannot connect to the other TaskManagers: {error}")
    })?;
    tell_progress(sender.clone(), control.clone());
    // The group stays open beyond the job, for what is of the process.
    let instrumentation = task_manager
        .as_ref()
        .map(|task_manager| TimelyInstrumentation::new(Arc::clone(task_manager), &*setup.job_id));
    let result = work(setup.job, streams, index, instrumentation, &control)?;

    for lines in result.output.chunks(OUTPUT_LINES) {
        sender.send(&FromTaskManager::Output(lines.to_vec())).map_err(gone)?;
    }
    sender.send(&FromTaskManager::Finished { truth: result.truth }).map_err(gone)?;
    if let Ok(Order::Linger(linger)) = orders.recv()
        && let Some(reporter) = flowmeter.as_ref().and_then(serving::scraped)
    {
        // Whether somebody came by or not: it is over.
        let _ = reporter.wait_delivered(linger);
    }
    Ok(())
}

fn start_reporters(setup: &Setup, index: usize) -> Result<Option<Flowmeter>, String> {
    let Some(ports) = setup.ports else { return Ok(None) };
    let builder = ports.serve(process::builder(setup.config.as_deref(), &id(index))?);
    let builder = match &setup.statsd {
        Some(address) => {
            let address = address.parse::<Address>().map_err(|error| format!("{error} (--statsd)"))?;
            process::with_statsd(builder, address)
        }
        None => builder,
    };
    let builder = match &setup.otlp {
        Some(url) => otlp::report(builder, url, &id(index))?,
        None => builder,
    };
    process::start(builder).map(Some)
}

/// Follows the JobManager's orders, and goes down with it.
fn follow(mut receiver: Receiver<ToTaskManager>, control: JobControl) -> mpsc::Receiver<Order> {
    let (orders, followed) = mpsc::channel();
    thread::spawn(move || {
        loop {
            match receiver.receive() {
                Ok(Some(ToTaskManager::Stop)) => control.stop(),
                Ok(Some(ToTaskManager::Linger(linger))) => drop(orders.send(Order::Linger(linger))),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => std::process::exit(1),
            }
        }
    });
    followed
}

fn tell_progress(sender: Sender<FromTaskManager>, control: JobControl) {
    thread::spawn(move || {
        loop {
            let source_records = control.source_records();
            if sender.send(&FromTaskManager::Progress { source_records }).is_err() {
                return;
            }
            thread::sleep(PROGRESS_STEP);
        }
    });
}

/// Runs the worker of this process.
fn work(
    job: JobSpec,
    streams: Vec<Option<TcpStream>>,
    index: usize,
    instrumentation: Option<TimelyInstrumentation>,
    control: &JobControl,
) -> Result<WorkerResult, String> {
    let hooks = Hooks::default();
    let processes = ProcessBuilder::new_typed_vector(1, hooks.refill.clone(), hooks.spill.clone());
    let (builders, threads) = initialize_networking_from_sockets(processes, streams, index, 1, hooks)
        .map_err(|error| format!("cannot connect to the other TaskManagers: {error}"))?;
    let builders = builders.into_iter().map(AllocatorBuilder::Tcp).collect();
    let worker_control = control.clone();
    let guards = timely::execute::execute_from(
        builders,
        Box::new(threads),
        timely::WorkerConfig::default(),
        move |worker| {
            if let Some(instrumentation) = &instrumentation {
                measure(worker, &job.kind, instrumentation).map_err(|error| error.to_string())?;
            }
            Ok(run_worker(worker, &job, &worker_control))
        },
    )?;
    let result = guards.join().into_iter().next().ok_or("timely started no worker")??;
    match control.failure() {
        Some(message) => Err(message),
        None => result,
    }
}

/// A panic in any thread ends the process, and the JobManager hears why.
fn report_panics(sender: &Sender<FromTaskManager>) {
    let sender = sender.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text =
            text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        let message = if text.starts_with("timely communication error") || text.ends_with("thread panic") {
            // Another TaskManager is gone, and the JobManager is about to find out.
            thread::sleep(PEER_PATIENCE);
            "lost the connection to another TaskManager".to_owned()
        } else {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            format!("panicked at {place}: {}", text.lines().next().unwrap_or_default())
        };
        let _ = sender.send(&FromTaskManager::Failed { message });
        std::process::exit(1);
    }));
}
