use std::io::IoSlice;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use cadence::prelude::*;
use flowmeter_core::{MetricSet as _, ReporterHandle, ReporterOptions};
use flowmeter_statsd::{Address, StatsdOptions, StatsdReporter};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

use super::Effort;
use super::scrape::cpu_of;
use crate::data::{FAMILIES, LabelSet, label_sets};
use crate::harness::{Better, Row, Side, Turns, thread_cpu};
use crate::ours::{OperatorMetrics, Ours, PATIENCE, Subtask, TextReporter};

/// What all sides fill a packet with at most.
const PACKET: usize = 1432;

/// Counters, all of which have grown, as packets of lines to a socket that nobody reads.
pub(super) fn unread(effort: Effort) -> Row {
    measure("statsd/unread", effort, false)
}

/// The same with a thread that reads them.
pub(super) fn drained(effort: Effort) -> Row {
    measure("statsd/drained", effort, true)
}

/// CPU time of the thread that sends. Ours is all that the reporter's thread does for a report, its index and its books as well;
/// the limit sends packets that are there already. The peers have no tags in their names, as ours have none.
fn measure(name: &'static str, effort: Effort, is_drained: bool) -> Row {
    let mut row = Row::new(name, "M lines/s", Better::Greater);
    let sets = label_sets(effort.series / FAMILIES);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("there is a free port");
    let address = socket.local_addr().expect("it is bound");
    let ended = Arc::new(AtomicBool::new(false));
    let drain = is_drained.then(|| drain(socket.try_clone().expect("there are descriptors"), &ended));

    let ours = Ours::with_job_names(&TextReporter::mute(), &sets, |id| id);
    let subtasks = ours.register_all(&sets, OperatorMetrics::register);
    let add = |name: &str, options: StatsdOptions| {
        let options = options
            .with_address(Address::Udp("127.0.0.1".to_owned(), address.port()))
            .with_spread(Duration::ZERO);
        let reporter = Box::new(StatsdReporter::new(options));
        let options = ReporterOptions::default().with_interval(Duration::MAX);
        ours.registry
            .add_reporter(name, reporter, options)
            .expect("it starts whether there is anybody or not")
    };
    let same = add("same", StatsdOptions::default().with_packet_size(PACKET));
    let default = add("default", StatsdOptions::default());
    let lines = sets.len() * FAMILIES;
    let names = names(&sets);
    let (packets, limit) = (packets(&names), connected(address));
    let mut turns = Turns::default();
    turns.add_with_notes(Side::Ours, |notes| {
        notes.add("with packets of 3584 bytes, the default here", rate(lines, report(&default, &subtasks)));
        rate(lines, report(&same, &subtasks))
    });
    turns.add(Side::Limit, || rate(lines, spent(|| send_all(&limit, &packets))));
    add_cadence(&mut turns, address, &names);
    add_statsd(&mut turns, address, &names);
    turns.run(&mut row, effort.rounds);
    let before = same.status().bytes;
    report_once(&same, &subtasks);
    row.notes.set("bytes a line", (same.status().bytes - before) as f64 / lines as f64);
    row.notes.set("bytes a line, as the peers have them", packets.concat().len() as f64 / lines as f64);
    ended.store(true, Ordering::Release);
    drain.into_iter().for_each(|drain| drain.join().expect("it reads to the end"));
    row
}

fn rate(lines: usize, nanoseconds: f64) -> f64 {
    lines as f64 / nanoseconds * 1e3
}

/// CPU nanoseconds of the second of two calls: the first finds the caches full of what others left.
fn spent(work: impl Fn()) -> f64 {
    work();
    let start = thread_cpu();
    work();
    thread_cpu() - start
}

/// CPU nanoseconds of the second of two reports of counters that have all grown.
fn report(reporter: &ReporterHandle, subtasks: &[Subtask<OperatorMetrics>]) -> f64 {
    report_once(reporter, subtasks);
    report_once(reporter, subtasks)
}

fn report_once(reporter: &ReporterHandle, subtasks: &[Subtask<OperatorMetrics>]) -> f64 {
    subtasks.iter().flat_map(|subtask| &subtask.metrics.0).for_each(|counter| counter.inc_by(1_234_567));
    let thread: String = format!("flowmeter-{}", reporter.name()).chars().take(15).collect();
    let before = cpu_of(&thread);
    reporter.report_now(PATIENCE).expect("the socket takes all");
    (cpu_of(&thread) - before) * 1e6
}

/// Reads what comes until it is told to end.
fn drain(socket: UdpSocket, ended: &Arc<AtomicBool>) -> thread::JoinHandle<()> {
    let ended = Arc::clone(ended);
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("it is a time");
    thread::spawn(move || {
        let mut packet = [0; 1 << 16];
        while !ended.load(Ordering::Acquire) {
            let _ = socket.recv(&mut packet);
        }
    })
}

/// The names as the reporter has them.
fn names(sets: &[LabelSet]) -> Vec<String> {
    let clean = |name: &String| name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_");
    let of_set = |set: &LabelSet, metric: &str| {
        let [host, task_manager, job, _, operator, subtask] = set.each_ref().map(clean);
        format!("{host}.taskmanager.{task_manager}.{job}.{operator}.{subtask}.{metric}")
    };
    let metrics = OperatorMetrics::DESCRIPTORS.iter().map(|descriptor| descriptor.metric().name());
    metrics.flat_map(|metric| sets.iter().map(move |set| of_set(set, metric))).collect()
}

fn packets(names: &[String]) -> Vec<Vec<u8>> {
    let mut packets = vec![Vec::new()];
    for name in names {
        let line = format!("{name}:1234567|c");
        match packets.last_mut() {
            Some(packet) if packet.is_empty() => packet.extend_from_slice(line.as_bytes()),
            Some(packet) if packet.len() + 1 + line.len() <= PACKET => {
                packet.push(b'\n');
                packet.extend_from_slice(line.as_bytes());
            }
            _ => packets.push(line.into_bytes()),
        }
    }
    packets
}

fn connected(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("there is a free port");
    socket.connect(address).expect("it is on this host");
    socket
}

fn send_all(socket: &UdpSocket, packets: &[Vec<u8>]) {
    for lot in packets.chunks(64) {
        let slices: Vec<_> = lot.iter().map(|packet| [IoSlice::new(packet)]).collect();
        let mut controls: Vec<_> = lot.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let messages = slices.iter().zip(&mut controls);
        let mut messages: Vec<_> = messages.map(|(slice, control)| MMsgHdr::new(slice, control)).collect();
        sendmmsg(socket, &mut messages, SendFlags::empty()).expect("somebody listens");
    }
}

fn add_cadence<'a>(turns: &mut Turns<'a>, address: SocketAddr, names: &'a [String]) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("there is a free port");
    let sink =
        cadence::BufferedUdpMetricSink::with_capacity(address, socket, PACKET).expect("it is an address");
    let client = cadence::StatsdClient::from_sink("", sink);
    turns.add(Side::Peer("cadence"), move || {
        let work = || {
            names.iter().for_each(|name| drop(client.count(name, 1_234_567).expect("the socket takes all")));
            client.flush().expect("the socket takes all");
        };
        rate(names.len(), spent(work))
    });
}

fn add_statsd<'a>(turns: &mut Turns<'a>, address: SocketAddr, names: &'a [String]) {
    // It has a prefix in any case, which is the first part of the names.
    let prefix = names[0].split('.').next().unwrap_or_default();
    let client = statsd::Client::new(address, prefix).expect("it is an address");
    let rest = move |name: &'a String| &name[prefix.len() + 1..];
    turns.add(Side::Peer("statsd"), move || {
        let work = || {
            let mut pipeline = client.pipeline();
            pipeline.set_max_udp_size(PACKET);
            names.iter().for_each(|name| pipeline.count(rest(name), 1_234_567.0));
            pipeline.send(&client);
        };
        rate(names.len(), spent(work))
    });
}
