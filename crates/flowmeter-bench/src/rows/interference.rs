use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::Effort;
use crate::data::{FAMILIES, LabelSet, label_set, label_sets};
use crate::for_each_peer;
use crate::harness::{Better, Row, Side, run_delay, waits};
use crate::ours::{Ours, TextReporter};
use crate::peers::Peer;

/// How long each side registers.
const SPAN: Duration = Duration::from_millis(1500);
/// Registrations begin no sooner than this after one another.
const PACE: Duration = Duration::from_micros(5);
/// More label sets than one side can register in that time.
const FRESH: usize = 400_000;
/// Registrations between two looks at how long the thread had no core.
const WINDOW: usize = 16;

/// What registering did to one side.
struct Registering {
    p50: f64,
    p999: f64,
    waits: f64,
    registrations: f64,
}

/// Registers and closes groups while another thread scrapes 100,000 series back to back. The result is the 99.9th
/// percentile of one registration; the limit is the same with the reporter attached and quiet.
pub(super) fn register(effort: Effort) -> Row {
    let mut row = Row::new("interference/register", "us, p99.9", Better::Smaller);
    let sets = label_sets(effort.series / FAMILIES);

    let ours = Ours::new(&TextReporter::chunked(), &sets);
    let subtasks = ours.register_all(&sets);
    ours.report();
    let serial = AtomicU64::new(1 << 20);
    let come_and_go = || {
        let subtask = serial.fetch_add(1, Relaxed) as usize;
        drop(ours.register(&sets[0], subtask));
    };
    // In turns, because they are compared with each other.
    let (mut all_waits, mut registrations) = (0.0, 0.0);
    let mut p50 = Vec::new();
    for _ in 0..effort.rounds.clamp(1, 5) {
        let quiet = measure(None, come_and_go);
        row.add(Side::Limit, quiet.p999);
        ours.report();
        let scraped = measure(Some(&|| ours.report()), come_and_go);
        row.add(Side::Ours, scraped.p999);
        ours.report();
        all_waits += scraped.waits;
        registrations += scraped.registrations;
        p50.push((quiet.p50, scraped.p50));
    }
    let (quiet, scraped): (Vec<f64>, Vec<f64>) = p50.into_iter().unzip();
    row.detail("p50 quiet, us", &quiet);
    row.detail("p50 under scrapes, us", &scraped);
    row.detail("waits in the kernel per 100,000 registrations", &[all_waits * 1e5 / registrations]);
    drop(subtasks);
    for_each_peer!(add_register(&mut row, &sets));
    row
}

fn add_register<P: Peer>(row: &mut Row, sets: &[LabelSet]) {
    let peer = P::new(sets.len() + FRESH);
    let _counters = peer.register_all(sets);
    let serial = AtomicU64::new(0);
    let come_and_go = || {
        let i = serial.fetch_add(1, Relaxed);
        peer.come_and_go(i as usize % FAMILIES, &label_set(0, 0, &format!("n{i}")));
    };
    let result = measure(Some(&|| peer.scrape(&mut Vec::new())), come_and_go);
    row.add(Side::Peer(P::NAME), result.p999);
    row.detail(&format!("waits of {} per 100,000", P::NAME), &[result.waits * 1e5 / result.registrations]);
}

fn measure(scrape: Option<&(dyn Fn() + Sync)>, mut come_and_go: impl FnMut()) -> Registering {
    let done = AtomicBool::new(false);
    let mut times: Vec<f64> = Vec::with_capacity(1 << 20);
    let mut waited = 0;
    thread::scope(|scope| {
        if let Some(scrape) = scrape {
            let done = &done;
            scope.spawn(move || {
                while !done.load(Relaxed) {
                    scrape();
                }
            });
        }
        let end = Instant::now() + SPAN;
        let before = waits();
        let mut delay = run_delay();
        while Instant::now() < end {
            let window = times.len();
            for _ in 0..WINDOW {
                let start = Instant::now();
                come_and_go();
                times.push(start.elapsed().as_nanos() as f64);
                while start.elapsed() < PACE {
                    std::hint::spin_loop();
                }
            }
            // Another process had the core: that is no wait of ours. It fell on the longest of these.
            let now = run_delay();
            if let Some(longest) = times[window..].iter_mut().max_by(|a, b| a.total_cmp(b)) {
                *longest = (*longest - (now - delay) as f64).max(0.0);
            }
            delay = now;
        }
        waited = waits() - before;
        done.store(true, Relaxed);
    });
    times.sort_by(f64::total_cmp);
    let quantile = |q: f64| times[((times.len() - 1) as f64 * q) as usize] / 1e3;
    Registering {
        p50: quantile(0.5),
        p999: quantile(0.999),
        waits: waited as f64,
        registrations: times.len() as f64,
    }
}
