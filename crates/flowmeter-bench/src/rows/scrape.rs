use std::fs;
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use flowmeter_core::{Histogram, HistogramOptions, Metric, MetricSet as _};

use super::Effort;
use crate::data::{BOUNDS, FAMILIES, LATENCIES, LabelSet, Numbers, label_sets, latencies};
use crate::harness::{Better, Row, Side, Turns, thread_cpu};
use crate::ours::{OperatorMetrics, Ours, Subtask, TextReporter};
use crate::peers::Peer;
use crate::{for_each_peer, for_each_peer_with_text};

/// Writes all series as Prometheus text, into the chunks that the endpoint sends. The limit is a copy of that text. Each
/// side runs twice, and the second time counts: the first finds the caches full of what others left, which costs more
/// than the work on some machines.
pub(super) fn text(effort: Effort) -> Row {
    let mut row = Row::new("scrape/text-100k", "ms", Better::Smaller);
    let sets = label_sets(effort.series / FAMILIES);
    let (whole, chunked) = (TextReporter::whole(), TextReporter::chunked());
    let all = [&whole, &chunked].map(|reporter| counted(reporter, &sets));
    let text = whole.text();

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
    add_copy(&mut turns, &text);
    for_each_peer!(add_scrape(&mut turns, &sets, |_| ()));
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
pub(super) fn cpu_of(name: &str) -> f64 {
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

/// Writes all series as text and compresses it. The peers leave that to their users, so theirs is their text, compressed by
/// zlib-rs at the fastest level, which is what their exporters do.
pub(super) fn gzip(effort: Effort) -> Row {
    let mut row = Row::new("scrape/gzip-100k", "ms", Better::Smaller);
    let sets = label_sets(effort.series / FAMILIES);
    let (whole, gzip, zlib) = (TextReporter::whole(), TextReporter::gzip(), TextReporter::gzip_by_zlib());
    let text = {
        let _ours = counted(&whole, &sets);
        whole.text()
    };
    let [ours, by_zlib] = [&gzip, &zlib].map(|reporter| counted(reporter, &sets));
    for (name, bytes) in [("the text", &text), ("compressed", &gzip.text()), ("by zlib-rs", &zlib.text())] {
        row.notes.set(format!("{name}, MB"), bytes.len() as f64 / 1e6);
    }

    let mut turns = Turns::default();
    turns.add_with_notes(Side::Ours, |notes| {
        by_zlib.0.report();
        by_zlib.0.report();
        notes.add("with zlib-rs in place of the encoder, ms", zlib.last_report() / 1e6);
        ours.0.report();
        ours.0.report();
        gzip.last_report() / 1e6
    });
    for_each_peer_with_text!(add_scrape(&mut turns, &sets, compressor()));
    turns.run(&mut row, effort.rounds);
    row
}

/// Compresses each text into the same buffer.
fn compressor() -> impl FnMut(&[u8]) {
    let mut out = Vec::new();
    move |text| {
        out.clear();
        let mut encoder = GzEncoder::new(&mut out, Compression::fast());
        encoder.write_all(text).expect("memory takes all");
        encoder.finish().expect("memory takes all");
        black_box(&mut out);
    }
}

/// How many values each histogram has.
const VALUES: usize = 16;

/// Writes histograms with ten buckets as text, each of which is thirteen lines. The limit is a copy of that text.
pub(super) fn histograms(effort: Effort) -> Row {
    let mut row = Row::new("scrape/histograms-10k", "ms", Better::Smaller);
    let (sets, values) = (label_sets(effort.series / 10), latencies());
    let (whole, chunked) = (TextReporter::whole(), TextReporter::chunked());
    let all = [&whole, &chunked].map(|reporter| {
        let ours = Ours::new(reporter, &sets);
        let metric = Metric::new("latency").with_histogram(HistogramOptions::DEFAULT.with_bounds(&BOUNDS));
        let subtasks: Vec<Subtask<Histogram<f64>>> =
            ours.register_all(&sets, |group| group.histogram(metric.clone()));
        for (subtask, values) in subtasks.iter().zip(some(&values)) {
            values.iter().for_each(|value| subtask.metrics.record(*value));
        }
        ours.report();
        (ours, subtasks)
    });
    let text = whole.text();
    row.notes.set("the text, MB", text.len() as f64 / 1e6);

    let mut turns = Turns::default();
    turns.add_with_notes(Side::Ours, |notes| {
        all[0].0.report();
        all[0].0.report();
        notes.add("into one buffer of the text's size, ms", whole.last_report() / 1e6);
        all[1].0.report();
        all[1].0.report();
        chunked.last_report() / 1e6
    });
    add_copy(&mut turns, &text);
    for_each_peer_with_text!(add_histograms(&mut turns, &sets, &values));
    turns.run(&mut row, effort.rounds);
    row
}

/// Some of the latencies for each of many histograms.
pub(super) fn some(values: &[f64; LATENCIES]) -> impl Iterator<Item = &[f64]> {
    values.chunks_exact(VALUES).cycle()
}

fn add_histograms<P: Peer + 'static>(turns: &mut Turns<'_>, sets: &[LabelSet], values: &[f64; LATENCIES]) {
    let peer = P::new(sets.len());
    for (set, values) in sets.iter().zip(some(values)) {
        peer.record_all(&P::labels(set), values);
    }
    let mut text = Vec::new();
    turns.add(Side::Peer(P::NAME), move || second_time(|| peer.scrape(&mut text)));
}

/// Ours with counters that have counted something.
fn counted(reporter: &TextReporter, sets: &[LabelSet]) -> (Ours, Vec<Subtask<OperatorMetrics>>) {
    let ours = Ours::new(reporter, sets);
    let subtasks = ours.register_all(sets, OperatorMetrics::register);
    let mut numbers = Numbers::new(1);
    for counter in subtasks.iter().flat_map(|subtask| &subtask.metrics.0) {
        counter.inc_by(numbers.next_u64() >> 24 >> (numbers.next_u64() % 24));
    }
    ours.report();
    (ours, subtasks)
}

pub(super) fn add_copy<'a>(turns: &mut Turns<'a>, text: &'a [u8]) {
    let mut copy = vec![0; text.len()];
    turns.add(Side::Limit, move || {
        second_time(|| {
            copy.copy_from_slice(black_box(text));
            black_box(&mut copy);
        })
    });
}

/// Adds the text of a peer's counters, and what is done with it.
fn add_scrape<P: Peer + 'static>(
    turns: &mut Turns<'_>,
    sets: &[LabelSet],
    mut done_with: impl FnMut(&[u8]) + 'static,
) {
    let peer = P::new(sets.len());
    let counters = peer.register_all(FAMILIES, sets);
    let mut numbers = Numbers::new(1);
    for counter in &counters {
        (0..numbers.next_u64() % 3).for_each(|_| P::inc(counter));
    }
    let mut text = Vec::new();
    turns.add(Side::Peer(P::NAME), move || {
        let _ = &counters;
        second_time(|| {
            peer.scrape(&mut text);
            done_with(&text);
        })
    });
}

/// CPU milliseconds of the second of two calls.
pub(super) fn second_time(mut work: impl FnMut()) -> f64 {
    work();
    let start = thread_cpu();
    work();
    (thread_cpu() - start) / 1e6
}
