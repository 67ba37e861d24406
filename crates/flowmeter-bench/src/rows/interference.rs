use std::cell::Cell;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flowmeter_core::MetricSet as _;

use super::Effort;
use crate::data::{FAMILIES, LATENCIES, LabelSet, label_set, label_sets, latencies};
use crate::for_each_peer;
use crate::harness::{Better, Notes, Row, Side, Turns, alongside, durations, run_delay, waits};
use crate::ours::{OperatorMetrics, Ours, Subtask, TextReporter};
use crate::peers::Peer;

/// How long each side records in a turn, and how long it registers. A scrape that lasts longer is waited for.
const RECORDING: Duration = Duration::from_millis(100);
const REGISTERING: Duration = Duration::from_millis(250);
/// More rounds would only take longer.
const ROUNDS: usize = 5;
/// Recordings that are timed together, because one is shorter than the clock can tell.
const BURST: usize = 16;
/// Registrations between two looks at how long the thread had no core.
const WINDOW: usize = 16;
/// Registrations begin no sooner than this after one another.
const PACE: Duration = Duration::from_micros(5);
/// How long ten scrapers scrape in a turn, and how many there are.
const SCRAPING: Duration = Duration::from_secs(1);
const SCRAPERS: usize = 10;
/// More series than a side with a limit can register in a turn.
const FRESH: usize = 200_000;

/// The middle and the tail of the durations of a call.
struct Quantiles {
    p50: f64,
    p999: f64,
}

/// Counts records and records their latencies, in a counter and a histogram, while another thread scrapes these and
/// 100,000 series back to back. The result is the 99.9th percentile of what a record took in bursts of sixteen; the limit
/// is the same without scrapes.
pub(super) fn record(effort: Effort) -> Row {
    let mut row = Row::new("interference/record", "ns a record, p99.9", Better::Smaller);
    let (sets, span) = (label_sets(effort.series / FAMILIES), effort.span(RECORDING));
    let values = latencies();

    let (ours, subtasks) = reported_ours(&sets);
    let histogram = ours.registry.add_group("bench").histogram::<f64>("latency");
    ours.report();
    let (counter, histogram) = black_box((&subtasks[0].metrics.0[0], &histogram));
    let measure = |meanwhile: &(dyn Fn() + Sync)| {
        recordings(span, meanwhile, &values, |value| {
            counter.inc();
            histogram.record(value);
        })
    };
    let mut turns = Turns::default();
    turns.add_with_notes(Side::Limit, |notes| {
        let quiet = measure(&|| thread::sleep(span));
        notes.add("quiet, p50", quiet.p50);
        quiet.p999
    });
    turns.add_with_notes(Side::Ours, |notes| {
        let scraped = measure(&|| ours.report());
        notes.add("under scrapes, p50", scraped.p50);
        scraped.p999
    });
    for_each_peer!(add_record(&mut turns, &sets, &values, span));
    turns.run(&mut row, effort.rounds.min(ROUNDS));
    row
}

fn add_record<'a, P: Peer + 'static>(
    turns: &mut Turns<'a>,
    sets: &[LabelSet],
    values: &'a [f64; LATENCIES],
    span: Duration,
) {
    let peer = P::new(sets.len());
    let counters = peer.register_all(FAMILIES, sets);
    let histogram = peer.histogram();
    peer.scrape(&mut Vec::new());
    turns.add_with_notes(Side::Peer(P::NAME), move |notes| {
        let (counter, histogram) = black_box((&counters[0], &histogram));
        let measure = |meanwhile: &(dyn Fn() + Sync)| {
            recordings(span, meanwhile, values, |value| {
                P::inc(counter);
                P::record(histogram, value);
            })
        };
        let quiet = measure(&|| thread::sleep(span));
        let scraped = measure(&|| peer.scrape(&mut Vec::new()));
        notes.add(format!("{}, quiet, p50", P::NAME), quiet.p50);
        notes.add(format!("{}, quiet, p99.9", P::NAME), quiet.p999);
        notes.add(format!("{}, under scrapes, p50", P::NAME), scraped.p50);
        scraped.p999
    });
}

fn recordings(
    span: Duration,
    meanwhile: &(dyn Fn() + Sync),
    values: &[f64; LATENCIES],
    record: impl Fn(f64),
) -> Quantiles {
    let mut times = durations();
    let mut bursts = values.chunks_exact(BURST).cycle();
    alongside(span, meanwhile, || {
        let burst = bursts.next().expect("they begin again");
        let start = Instant::now();
        for value in burst {
            record(*value);
            black_box(());
        }
        times.saturating_record(start.elapsed().as_nanos() as u64);
    });
    let quantile = |q| times.value_at_quantile(q) as f64 / BURST as f64;
    Quantiles { p50: quantile(0.5), p999: quantile(0.999) }
}

/// Registers a counter of a new label set and closes or unregisters it, while another thread scrapes 100,000 series back
/// to back. The strings of the label set are made before. Two peers cannot unregister, and only register. The result is
/// the 99.9th percentile of one such call; the limit is the same with the reporter attached and quiet.
pub(super) fn register(effort: Effort) -> Row {
    let mut row = Row::new("interference/register", "us, p99.9", Better::Smaller);
    let (sets, span) = (label_sets(effort.series / FAMILIES), effort.span(REGISTERING));

    let (ours, _subtasks) = reported_ours(&sets);
    let serial = Cell::new(1 << 20);
    let measure = |meanwhile: &(dyn Fn() + Sync)| {
        let registered = registrations(span, meanwhile, |_, set| {
            let subtask_index = serial.replace(serial.get() + 1);
            drop(ours.register(set, subtask_index, OperatorMetrics::register_one));
        });
        // What was closed leaves before the next turn.
        ours.report();
        registered
    };
    let mut all = Waits::default();
    let mut turns = Turns::default();
    turns.add_with_notes(Side::Limit, |notes| {
        let (quiet, _) = measure(&|| thread::sleep(span));
        notes.add("quiet, p50", quiet.p50);
        quiet.p999
    });
    turns.add_with_notes(Side::Ours, |notes| {
        let (scraped, waits) = measure(&|| ours.report());
        all.add(&waits, "flowmeter", notes);
        notes.add("under scrapes, p50", scraped.p50);
        scraped.p999
    });
    for_each_peer!(add_register(&mut turns, &sets, span));
    turns.run(&mut row, effort.rounds.min(ROUNDS));
    row
}

fn add_register<'a, P: Peer>(turns: &mut Turns<'a>, sets: &'a [LabelSet], span: Duration) {
    let mut all = Waits::default();
    turns.add_with_notes(Side::Peer(P::NAME), move |notes| {
        // Anew each time, because some keep what was registered for good.
        let peer = P::new(sets.len() + FRESH.div_ceil(FAMILIES));
        let counters = peer.register_all(FAMILIES, sets);
        let scrape = || peer.scrape(&mut Vec::new());
        let (scraped, waits) = registrations(span, &scrape, |i, set| {
            let (family, labels) = (i % FAMILIES, P::labels(set));
            peer.unregister(family, &labels, peer.counter(family, &labels));
        });
        drop(counters);
        all.add(&waits, P::NAME, notes);
        notes.add(format!("{}, under scrapes, p50", P::NAME), scraped.p50);
        scraped.p999
    });
}

/// Counts records and records their latencies as [`record`] does, beside a thread that registers and closes as
/// [`register`] does, while ten scrapers at once fetch 100,000 series over HTTP again and again. The limit is the same
/// without scrapes.
pub(super) fn ten_scrapes(effort: Effort) -> Row {
    let mut row = Row::new("interference/ten-scrapes", "ns a record, p99.9", Better::Smaller);
    let (sets, span) = (label_sets(effort.series / FAMILIES), effort.span(SCRAPING));
    let values = latencies();

    let (ours, subtasks) = reported_ours(&sets);
    let histogram = ours.registry.add_group("bench").histogram::<f64>("latency");
    let endpoint = ours.add_endpoint();
    endpoint.scrape();
    let (counter, histogram) = black_box((&subtasks[0].metrics.0[0], &histogram));
    let serial = AtomicUsize::new(1 << 20);
    let measure = |meanwhile: &(dyn Fn() + Sync)| {
        let both = thread::scope(|scope| {
            let registering = scope.spawn(|| {
                registrations(span, &|| thread::sleep(span), |_, set| {
                    let subtask_index = serial.fetch_add(1, Ordering::Relaxed);
                    drop(ours.register(set, subtask_index, OperatorMetrics::register_one));
                })
            });
            let recorded = recordings(span, meanwhile, &values, |value| {
                counter.inc();
                histogram.record(value);
            });
            (recorded, registering.join().expect("registering does not panic"))
        });
        // What was closed leaves before the next turn.
        ours.report();
        endpoint.scrape();
        both
    };
    let ten_at_once = |count: &AtomicUsize| {
        thread::scope(|scope| {
            for _ in 0..SCRAPERS {
                scope.spawn(|| endpoint.scrape());
            }
        });
        count.fetch_add(SCRAPERS, Ordering::Relaxed);
    };
    let (mut quiet_waits, mut scraped_waits) = (Waits::default(), Waits::default());
    let mut turns = Turns::default();
    turns.add_with_notes(Side::Limit, |notes| {
        let (recorded, (registered, waits)) = measure(&|| thread::sleep(span));
        quiet_waits.add(&waits, "quiet", notes);
        notes.add("quiet, registering, us, p99.9", registered.p999);
        recorded.p999
    });
    turns.add_with_notes(Side::Ours, |notes| {
        let count = AtomicUsize::new(0);
        let (recorded, (registered, waits)) = measure(&|| ten_at_once(&count));
        scraped_waits.add(&waits, "under scrapes", notes);
        notes.add("under scrapes, registering, us, p50", registered.p50);
        notes.add("under scrapes, registering, us, p99.9", registered.p999);
        notes.add("scrapes in a turn", count.into_inner() as f64);
        recorded.p999
    });
    turns.run(&mut row, effort.rounds.min(ROUNDS));
    row
}

/// How often registering waited in the kernel.
#[derive(Default)]
struct Waits {
    waits: f64,
    registrations: f64,
}

impl Waits {
    fn add(&mut self, other: &Self, name: &str, notes: &mut Notes) {
        self.waits += other.waits;
        self.registrations += other.registrations;
        let rate = self.waits * 1e5 / self.registrations;
        notes.set(format!("{name}, waits in the kernel per 100,000"), rate);
    }
}

/// Durations are in microseconds.
fn registrations(
    span: Duration,
    meanwhile: &(dyn Fn() + Sync),
    mut come_and_go: impl FnMut(usize, &LabelSet),
) -> (Quantiles, Waits) {
    let (mut times, mut registrations, mut waited) = (durations(), 0, 0);
    let mut set = label_set(0, 0, "n0000000");
    let mut delay = run_delay();
    alongside(span, meanwhile, || {
        let before = waits();
        let mut window = [0; WINDOW];
        for time in &mut window {
            // In place, so that the allocator is all the library's.
            set[5].clear();
            let _ = write!(set[5], "n{registrations}");
            let start = Instant::now();
            come_and_go(registrations, &set);
            *time = start.elapsed().as_nanos() as u64;
            registrations += 1;
            while start.elapsed() < PACE {
                std::hint::spin_loop();
            }
        }
        waited += waits() - before;
        // Another process had the core: that is no wait of ours. It fell on the longest of these.
        let now = run_delay();
        if let Some(longest) = window.iter_mut().max() {
            *longest = longest.saturating_sub(now - delay);
        }
        delay = now;
        window.iter().for_each(|time| times.saturating_record(*time));
    });
    let quantile = |q| times.value_at_quantile(q) as f64 / 1e3;
    let waits = Waits { waits: waited as f64, registrations: registrations as f64 };
    (Quantiles { p50: quantile(0.5), p999: quantile(0.999) }, waits)
}

/// Ours with all label sets registered and reported.
fn reported_ours(sets: &[LabelSet]) -> (Ours, Vec<Subtask<OperatorMetrics>>) {
    let ours = Ours::new(&TextReporter::chunked(), sets);
    let subtasks = ours.register_all(sets, OperatorMetrics::register);
    ours.report();
    (ours, subtasks)
}
