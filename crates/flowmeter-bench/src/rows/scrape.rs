use std::fs;
use std::hint::black_box;
use std::time::Instant;

use flowmeter_core::MetricSet as _;

use super::Effort;
use crate::data::{FAMILIES, LabelSet, Numbers, label_sets};
use crate::for_each_peer;
use crate::harness::{Better, Row, Side, Turns, thread_cpu};
use crate::ours::{OperatorMetrics, Ours, TextReporter};
use crate::peers::Peer;

/// Writes all series as Prometheus text, into the chunks that the endpoint sends. The limit is a copy of that text. Each
/// side runs twice, and the second time counts: the first finds the caches full of what others left, which costs more
/// than the work on some machines.
pub(super) fn text(effort: Effort) -> Row {
    let mut row = Row::new("scrape/text-100k", "ms", Better::Smaller);
    let sets = label_sets(effort.series / FAMILIES);
    let (whole, chunked) = (TextReporter::whole(), TextReporter::chunked());
    let all = [&whole, &chunked].map(|reporter| {
        let ours = Ours::new(reporter, &sets);
        let subtasks = ours.register_all(&sets, OperatorMetrics::register);
        let mut numbers = Numbers::new(1);
        for counter in subtasks.iter().flat_map(|subtask| &subtask.metrics.0) {
            counter.inc_by(numbers.next_u64() >> 24 >> (numbers.next_u64() % 24));
        }
        ours.report();
        (ours, subtasks)
    });
    let text = whole.text();
    let mut copy = vec![0; text.len()];

    let mut turns = Turns::default();
    turns.add_with_notes(Side::Ours, |notes| {
        all[0].0.report();
        all[0].0.report();
        notes.add("into one buffer of the text's size, ms", whole.last_report() / 1e6);
        all[1].0.report();
        notes.add("with caches full of other things, ms", chunked.last_report() / 1e6);
        all[1].0.report();
        chunked.last_report() / 1e6
    });
    turns.add(Side::Limit, || {
        second_time(|| {
            copy.copy_from_slice(black_box(&text));
            black_box(&mut copy);
        })
    });
    for_each_peer!(add_scrape(&mut turns, &sets));
    turns.run(&mut row, effort.rounds);
    // What a scrape over a connection costs, where the text is sent while it is written.
    let endpoint = all[0].0.add_endpoint();
    endpoint.scrape();
    for _ in 0..effort.rounds {
        let (start, reporter, server) =
            (Instant::now(), cpu_of("flowmeter-prome"), cpu_of("prometheus-http"));
        endpoint.scrape();
        row.notes.add("the endpoint, from request to end, ms", start.elapsed().as_secs_f64() * 1e3);
        row.notes.add("the endpoint's reporter thread, ms", cpu_of("flowmeter-prome") - reporter);
        row.notes.add("the endpoint's server thread, ms", cpu_of("prometheus-http") - server);
    }
    row.notes.set("the text, MB", text.len() as f64 / 1e6);
    row
}

/// CPU milliseconds of the thread of this process with this name, so far.
fn cpu_of(name: &str) -> f64 {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of_name = |task: &fs::DirEntry| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    };
    let time = |task: fs::DirEntry| {
        let statistics = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        statistics.split_whitespace().next().and_then(|time| time.parse::<f64>().ok())
    };
    tasks.filter(of_name).find_map(time).unwrap_or(f64::NAN) / 1e6
}

fn add_scrape<P: Peer + 'static>(turns: &mut Turns<'_>, sets: &[LabelSet]) {
    let peer = P::new(sets.len());
    let counters = peer.register_all(FAMILIES, sets);
    let mut numbers = Numbers::new(1);
    for counter in &counters {
        (0..numbers.next_u64() % 3).for_each(|_| P::inc(counter));
    }
    let mut text = Vec::new();
    turns.add(Side::Peer(P::NAME), move || {
        let _ = &counters;
        second_time(|| peer.scrape(&mut text))
    });
}

/// CPU milliseconds of the second of two calls.
fn second_time(mut work: impl FnMut()) -> f64 {
    work();
    let start = thread_cpu();
    work();
    (thread_cpu() - start) / 1e6
}
