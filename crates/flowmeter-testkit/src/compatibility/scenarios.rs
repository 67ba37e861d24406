//! What a reporter is taken through.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use flowmeter_core::{Clashes, Counter, Number, ReportMode, TaskInfo};

use super::bench::Bench;
use super::{Held, Subject, milestones};
use crate::{Observed, PATIENCE};

/// What every reporter is taken through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scenario {
    /// A report of a registry without metrics succeeds and holds nothing.
    Nothing,
    /// Each kind of metric arrives, as what it is.
    EveryKind,
    /// The least and greatest numbers of each type arrive, and what is not a number where the backend has it.
    ExtremeNumbers,
    /// Names, keys and values of any characters break nothing, merge nothing, and arrive unchanged where the backend has labels.
    AwkwardNames,
    /// What is reported again and again is neither lost nor counted twice.
    ManyReports,
    /// Thousands of series arrive.
    ManySeries,
    /// A closed group's final values arrive, with what was recorded late, and then it is no longer reported.
    Closing,
    /// The same for one series of a group that stays.
    Removal,
    /// A group that comes back goes on as the same series.
    Return,
    /// Of two thousand groups of one identity one is held, and the next goes on when it closes, without what it counted before.
    Clash,
    /// A callback that panics costs its own series and no other.
    Callbacks,
    /// What a backend refuses arrives later, all of it, once.
    Refusal,
    /// A restart loses nothing and doubles nothing.
    Restart,
    /// A reporter that pushes sends the last values when the registry ends.
    Shutdown,
    /// While tasks come and go in other threads nothing is lost.
    Turmoil,
    /// Spans and events arrive, each once, with attributes of every type: of a reporter that wants them, as those that follow.
    Milestones,
    /// Those that a backend refuses arrive later, each once.
    RefusedMilestones,
    /// Those that nobody waited for arrive when the registry ends.
    LastMilestones,
    /// A reporter that was never started can be stopped.
    Unused,
}

impl Scenario {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Nothing,
        Self::EveryKind,
        Self::ExtremeNumbers,
        Self::AwkwardNames,
        Self::ManyReports,
        Self::ManySeries,
        Self::Closing,
        Self::Removal,
        Self::Return,
        Self::Clash,
        Self::Callbacks,
        Self::Refusal,
        Self::Restart,
        Self::Shutdown,
        Self::Turmoil,
        Self::Milestones,
        Self::RefusedMilestones,
        Self::LastMilestones,
        Self::Unused,
    ];

    /// Whether it is for reporters that want spans and events.
    pub(super) fn is_about_milestones(self) -> bool {
        matches!(self, Self::Milestones | Self::RefusedMilestones | Self::LastMilestones)
    }

    /// Whether a subject can play it.
    pub(super) fn is_for<S: Subject>(self, bench: &mut Bench<S>) -> Result<bool, String> {
        if self.is_about_milestones() && bench.subject.held_milestones()?.is_none() {
            return Ok(false);
        }
        Ok(match self {
            Self::Refusal | Self::RefusedMilestones => bench.subject.refuse(true),
            // What is held of several series under one name is the backend's affair.
            Self::Clash => bench.clashes == Clashes::Withheld,
            _ => true,
        })
    }

    pub(super) fn run<S: Subject>(self, bench: &mut Bench<S>) -> Result<(), String> {
        match self {
            Self::Nothing => nothing(bench),
            Self::EveryKind => every_kind(bench),
            Self::ExtremeNumbers => extreme_numbers(bench),
            Self::AwkwardNames => awkward_names(bench),
            Self::ManyReports => many_reports(bench),
            Self::ManySeries => many_series(bench),
            Self::Closing => closing(bench),
            Self::Removal => removal(bench),
            Self::Return => identity_returns(bench),
            Self::Clash => clash(bench),
            Self::Callbacks => callbacks(bench),
            Self::Refusal => refusal(bench),
            Self::Restart => restart(bench),
            Self::Shutdown => shutdown(bench),
            Self::Turmoil => turmoil(bench),
            Self::Milestones => milestones::arrive(bench),
            Self::RefusedMilestones => milestones::arrive_after_refusal(bench),
            Self::LastMilestones => milestones::arrive_at_the_end(bench),
            // Played with the subject alone.
            Self::Unused => Ok(()),
        }
    }
}

fn unsigned(number: u64) -> Observed {
    Observed::Number(Number::U64(number))
}

fn signed(number: i64) -> Observed {
    Observed::Number(Number::I64(number))
}

fn float(number: f64) -> Observed {
    Observed::Number(Number::F64(number))
}

fn nothing<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    bench.expect(&[])?;
    bench.expect(&[]).map(drop)
}

fn every_kind<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    let group = bench.registry.task_manager("host-1", "tm-1");
    let (counter, shared) = (group.counter("counter"), group.shared_counter("sharedCounter"));
    let (up_down, shared_up_down) =
        (group.up_down_counter("upDown"), group.shared_up_down_counter("sharedUpDown"));
    let (meter, shared_meter) = (group.meter("meter"), group.shared_meter("sharedMeter"));
    let (float_gauge, signed_gauge) = (group.gauge::<f64>("float"), group.gauge::<i64>("signed"));
    let (unsigned_gauge, truth) = (group.shared_gauge::<u64>("unsigned"), group.gauge::<bool>("truth"));
    counter.inc_by(101);
    shared.inc_by(102);
    shared.new_writer().inc_by(1_000);
    up_down.add(-103);
    shared_up_down.add(104);
    meter.mark_by(105);
    shared_meter.mark_by(106);
    float_gauge.set(-107.25);
    signed_gauge.set(-108);
    unsigned_gauge.set(109);
    truth.set(true);
    group.gauge_callback("callback", || 110.5);
    group.counter_callback("counterCallback", || 111);
    let mut expected = vec![
        unsigned(101),
        unsigned(1_102),
        signed(-103),
        signed(104),
        unsigned(105),
        unsigned(106),
        float(-107.25),
        signed(-108),
        unsigned(109),
        float(110.5),
        unsigned(111),
    ];
    let (text, histogram) = (group.text_gauge("text"), group.histogram::<u64>("histogram"));
    let (floats, durations) = (group.shared_histogram::<f64>("floats"), group.histogram::<Duration>("empty"));
    text.set("a text");
    (1..=4).for_each(|value| histogram.record(value));
    floats.record(0.5);
    floats.record(-2.0);
    if bench.abilities.histograms {
        expected.push(Observed::Histogram { count: 4, sum: 10.0 });
        expected.push(Observed::Histogram { count: 2, sum: -1.5 });
        expected.push(Observed::Histogram { count: 0, sum: 0.0 });
    }
    let words = |is_true, says: &str| {
        let truth = bench.abilities.truths.then_some(Observed::Bool(is_true));
        let text = bench.abilities.texts.then(|| Observed::Text(says.to_owned()));
        truth.into_iter().chain(text).collect::<Vec<_>>()
    };
    let (before, after) = (words(true, "a text"), words(false, ""));
    bench.expect(&[&expected[..], &before].concat())?;
    truth.set(false);
    text.set("");
    bench.expect(&[&expected[..], &after].concat())?;
    drop(durations);
    Ok(())
}

fn extreme_numbers<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    let group = bench.registry.task_manager("host-1", "tm-1");
    let mut expected = Vec::new();
    let counters = [0, 1 << 53, (1 << 53) + 1, u64::MAX].map(|number| {
        let counter = group.counter(format!("counter{number}"));
        counter.inc_by(number);
        expected.push(unsigned(number));
        counter
    });
    let signed_gauges = [i64::MIN, -1, i64::MAX].map(|number| {
        let gauge = group.gauge::<i64>(format!("signed{}", expected.len()));
        gauge.set(number);
        expected.push(signed(number));
        gauge
    });
    let finite = [f64::MIN, f64::MIN_POSITIVE, f64::MAX, 5e-324, 0.1, 1e21, 1e-7, 123_456_789.125];
    let non_finite = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let floats = finite.into_iter().chain(non_finite).map(|number| {
        let gauge = group.gauge::<f64>(format!("float{}", expected.len()));
        gauge.set(number);
        if number.is_finite() || bench.abilities.non_finite {
            expected.push(float(number));
        } else {
            // Only to count it.
            expected.push(unsigned(0));
        }
        gauge
    });
    let floats: Vec<_> = floats.collect();
    if !bench.abilities.non_finite {
        expected.truncate(expected.len() - non_finite.len());
    }
    bench.expect(&expected)?;
    drop((counters, signed_gauges, floats));
    Ok(())
}

/// Names that a format may have a meaning for, and one of the greatest length up to ten thousand.
fn awkward(longest: usize) -> Vec<String> {
    let mut names: Vec<String> = [
        " ",
        "a b",
        "a.b",
        "a_b",
        "a-b",
        "a:b",
        "a|b",
        "a#b",
        "a@b",
        "a,b",
        "a;b",
        "a=b",
        "a/b",
        "a\\b",
        "a\"b",
        "a'b",
        "a{b}",
        "a<b>",
        "a\nb",
        "a\r\nb",
        "a\tb",
        "a\0b",
        "a%b",
        "a?b",
        "a*b",
        "\u{e4}",
        "\u{1f980}",
        "\u{202e}ab",
        "0",
        "_",
        "__a",
        "NaN",
        "null",
    ]
    .map(str::to_owned)
    .into();
    names.push("x".repeat(longest.min(10_000)));
    names
}

fn awkward_names<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    let mut next = 1_000_u64;
    let mut counters: Vec<Counter> = Vec::new();
    let mut values = Vec::new();
    let registry = &bench.registry;
    let task_manager = registry.task_manager("host-1", "tm-1");
    let mut count = |counter: Counter| {
        next += 1;
        counter.inc_by(next);
        counters.push(counter);
        next
    };
    for (i, name) in awkward(bench.subject.longest_name()).iter().enumerate() {
        // In a group of its own each: two of these may be one name to a backend, which is a clash and another scenario.
        let own = task_manager.add_group(&format!("g{i}"));
        values.push((count(own.counter(name.clone())), None));
        values.push((count(own.add_group(name).counter("inGroup")), None));
        values.push((count(own.add_group_kv(name, "value").counter("underKey")), Some("value".to_owned())));
        values.push((count(own.add_group_kv("key", name).counter("underValue")), Some(name.clone())));
    }
    let empty = task_manager.add_group_kv("key", "");
    values.push((count(empty.counter("underEmpty")), None));
    let expected: Vec<_> = values.iter().map(|(number, _)| unsigned(*number)).collect();
    let held = bench.expect(&expected)?;
    if bench.abilities.labels {
        for (number, label) in values {
            let Some(label) = label else { continue };
            let held = bench.find(&held, &unsigned(number))?;
            if !held.labels.iter().any(|(_, value)| *value == label) {
                return Err(format!("{label:?} is the value of none of the labels of {held:?}"));
            }
        }
    }
    drop((counters, task_manager));
    if bench.clashes == Clashes::Sent { Ok(()) } else { alike_names(bench) }
}

/// Names of one group, some of which may be one name in the backend: those are withheld and counted, not mixed up.
fn alike_names<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    bench.report()?;
    bench.let_retention_pass()?;
    let before = bench.report()?;
    let task_manager = bench.registry.task_manager("host-1", "tm-2");
    let counter = |(name, number): (&String, u64)| {
        let counter = task_manager.counter(name.clone());
        counter.inc_by(number);
        counter
    };
    let counters: Vec<_> = awkward(bench.subject.longest_name()).iter().zip(5_000..).map(counter).collect();
    let held = bench.report()?;
    let new: Vec<_> = held.into_iter().filter(|held| !before.contains(held)).collect();
    let is_held = |counter: &&Counter| bench.find(&new, &unsigned(counter.get())).is_ok();
    let (found, clashes) = (counters.iter().filter(is_held).count(), bench.registry.statistics().clashes);
    if found == new.len() && found as u64 + clashes == counters.len() as u64 {
        return Ok(());
    }
    let (all, new) = (counters.len(), new.len());
    Err(format!(
        "of {all} names in one group {found} are right of {new} that are held, and {clashes} are said to clash"
    ))
}

fn many_reports<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    let group = bench.registry.task_manager("host-1", "tm-1");
    let (grows, stands) = (group.counter("grows"), group.counter("stands"));
    let (gauge, histogram) = (group.gauge::<i64>("gauge"), group.histogram::<u64>("histogram"));
    stands.inc_by(7);
    let (mut count, mut sum) = (0, 0.0);
    for round in 1..=10 {
        grows.inc_by(1_000);
        gauge.set(-round);
        // Two reports of the same values in between.
        if round % 3 > 0 {
            histogram.record(5);
            (count, sum) = (count + 1, sum + 5.0);
        }
        bench.clock.advance(Duration::from_secs(10));
        let mut expected = vec![unsigned(grows.get()), unsigned(7), signed(-round)];
        if bench.abilities.histograms {
            expected.push(Observed::Histogram { count, sum });
        }
        bench.expect(&expected).map_err(|failure| format!("in report {round}: {failure}"))?;
    }
    Ok(())
}

fn many_series<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    const SERIES: u64 = 5_000;
    let job = bench.registry.task_manager("host-1", "tm-1").job("job-1", "a job");
    drop(job);
    let task_manager = bench.registry.task_manager("host-2", "tm-2");
    let job = task_manager.job("job-1", "a job");
    let counters: Vec<_> = (1..=SERIES)
        .map(|number| {
            let counter = job.add_group_kv("number", &number.to_string()).counter("n");
            counter.inc_by(number);
            counter
        })
        .collect();
    let held = bench.report()?;
    let mut numbers: Vec<_> = held.iter().map(|held| held.value.to_f64() as u64).collect();
    numbers.sort_unstable();
    drop(counters);
    if numbers.iter().copied().eq(1..=SERIES) {
        Ok(())
    } else {
        Err(format!("{} series are held of {SERIES}, or with wrong values", numbers.len()))
    }
}

/// Looks whether what has gone is held no longer, or goes on being held as it was.
fn expect_gone<S: Subject>(bench: &mut Bench<S>, left: &[Observed], gone: &[Observed]) -> Result<(), String> {
    bench.let_retention_pass()?;
    let expected: Vec<_> = match bench.abilities.forgets {
        true => left.to_vec(),
        false => left.iter().chain(gone).cloned().collect(),
    };
    // In the report after the last one that may have it.
    bench.report()?;
    bench.expect(&expected).map(drop)
}

fn closing<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    let task_manager = bench.registry.task_manager("host-1", "tm-1");
    let stays = task_manager.counter("stays");
    stays.inc_by(1);
    let job = task_manager.job("job-1", "a job");
    let task = job.task(TaskInfo { id: "1", name: "map", ..TaskInfo::default() });
    let counter = task.counter("records");
    counter.inc_by(20);
    bench.expect(&[unsigned(1), unsigned(20)])?;
    drop(task);
    counter.inc_by(3);
    drop(counter);
    bench.expect(&[unsigned(1), unsigned(23)])?;
    expect_gone(bench, &[unsigned(1)], &[unsigned(23)])
}

fn removal<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    let group = bench.registry.task_manager("host-1", "tm-1");
    let (stays, goes) = (group.counter("stays"), group.counter("goes"));
    stays.inc_by(1);
    bench.expect(&[unsigned(1), unsigned(0)])?;
    group.remove("goes").map_err(|error| error.to_string())?;
    goes.inc_by(20);
    bench.let_grace_pass();
    bench.expect(&[unsigned(1), unsigned(20)])?;
    expect_gone(bench, &[unsigned(1)], &[unsigned(20)])
}

fn identity_returns<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    let mut total = 0;
    for round in 1..=5_u64 {
        let task_manager = bench.registry.task_manager("host-1", "tm-1");
        let counter = task_manager.counter("n");
        counter.inc_by(round);
        total += round;
        // At times it comes and goes between two reports.
        if round % 2 == 1 {
            bench.expect(&[unsigned(total)]).map_err(|failure| format!("in life {round}: {failure}"))?;
        }
    }
    bench.expect(&[unsigned(total)]).map(drop)
}

fn clash<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    const GROUPS: u64 = 2_000;
    let first = bench.registry.task_manager("host-1", "tm-1");
    let counter = first.counter("n");
    counter.inc_by(5);
    bench.expect(&[unsigned(5)])?;
    let others: Vec<_> = (0..GROUPS)
        .map(|_| {
            let other = bench.registry.task_manager("host-1", "tm-1");
            let counter = other.counter("n");
            counter.inc_by(70);
            (other, counter)
        })
        .collect();
    bench.expect(&[unsigned(5)])?;
    match bench.registry.statistics().clashes {
        GROUPS => {}
        clashes => return Err(format!("{clashes} clashes were counted, of {GROUPS}")),
    }
    drop((counter, first));
    // What the others counted meanwhile may be the same, so it is not held.
    bench.expect(&[unsigned(5)])?;
    for (_, counter) in &others {
        counter.inc_by(8);
    }
    bench.expect(&[unsigned(13)])?;
    drop(others);
    bench.expect(&[unsigned(13)]).map(drop)
}

fn callbacks<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    let group = bench.registry.task_manager("host-1", "tm-1");
    let mut calls = 0_u64;
    group.gauge_callback("panics", move || {
        calls += 1;
        assert!(calls != 2, "told to");
        1_000 + calls
    });
    group.gauge_callback("works", || 7_u64);
    bench.expect(&[unsigned(1_001), unsigned(7)])?;
    let held = bench.report()?;
    bench.find(&held, &unsigned(7))?;
    if bench.abilities.forgets {
        bench.compare(&held, &[unsigned(7)])?;
    }
    bench.expect(&[unsigned(1_003), unsigned(7)]).map(drop)
}

fn refusal<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    let task_manager = bench.registry.task_manager("host-1", "tm-1");
    let counter = task_manager.counter("n");
    let other = bench.registry.task_manager("host-1", "tm-2");
    let closed = other.counter("n");
    closed.inc_by(1_000);
    drop((closed, other));
    for _ in 0..5 {
        counter.inc_by(3);
        if bench.subject.report(&bench.reporter).is_ok() {
            return Err("a report succeeded that was refused".to_owned());
        }
    }
    bench.subject.refuse(false);
    bench.expect(&[unsigned(15), unsigned(1_000)])?;
    counter.inc();
    let held = bench.report()?;
    bench.find(&held, &unsigned(16)).map(drop)
}

fn restart<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    let task_manager = bench.registry.task_manager("host-1", "tm-1");
    let counter = task_manager.counter("n");
    let gauge = task_manager.gauge::<i64>("gauge");
    for round in 1..=3 {
        counter.inc_by(10);
        gauge.set(-round);
        bench.reporter.restart(PATIENCE).map_err(|error| error.to_string())?;
        let expected = [unsigned(counter.get()), signed(-round)];
        bench.expect(&expected).map_err(|failure| format!("after restart {round}: {failure}"))?;
    }
    Ok(())
}

fn shutdown<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    let task_manager = bench.registry.task_manager("host-1", "tm-1");
    let (counter, late) = (task_manager.counter("n"), task_manager.counter("late"));
    counter.inc_by(20);
    late.inc_by(1);
    counter.inc_by(3);
    task_manager.close();
    late.inc_by(1);
    let outcomes = bench.registry.shutdown(PATIENCE);
    if let Some(error) = outcomes.into_iter().find_map(|(_, outcome)| outcome.err()) {
        return Err(format!("at the end: {error}"));
    }
    if bench.mode == ReportMode::Push {
        let held = bench.subject.held()?;
        bench.compare(&held, &[unsigned(23), unsigned(2)])?;
    }
    Ok(())
}

fn turmoil<S: Subject>(bench: &mut Bench<S>) -> Result<(), String> {
    const THREADS: u64 = 2;
    const TASKS: u64 = 300;
    let Bench { registry, subject, reporter, .. } = &mut *bench;
    let registry = &*registry;
    // The last that was held of each series, since those of closed groups may be held no longer at the end.
    let mut latest = BTreeMap::new();
    let mut look = || {
        subject.report(reporter)?;
        for Held { name, mut labels, value } in subject.held()? {
            labels.sort();
            let before = latest.insert((name.clone(), labels), value.to_f64());
            if let Some(before) = before.filter(|before| *before > value.to_f64()) {
                return Err(format!("{name} went from {before} to {value:?}"));
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers = (0..THREADS).map(|thread| {
            scope.spawn(move || {
                let task_manager = registry.task_manager("host-1", &format!("tm-{thread}"));
                for number in 0..TASKS {
                    let job = task_manager.job("job-1", "a job");
                    let id = number.to_string();
                    let task = job.task(TaskInfo { id: &id, name: &id, ..TaskInfo::default() });
                    task.counter("records").inc_by(number);
                }
            })
        });
        let workers: Vec<_> = workers.collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            look()?;
        }
        look()
    })?;
    let mut held: Vec<_> = latest.into_values().collect();
    held.sort_by(f64::total_cmp);
    let expected = (0..TASKS).flat_map(|number| [Number::U64(number).to_f64(); THREADS as usize]);
    if held.iter().copied().eq(expected) {
        return Ok(());
    }
    let (series, sum): (_, f64) = (held.len(), held.iter().sum());
    Err(format!(
        "in the end {series} series hold {sum}, of {} that hold {}",
        THREADS * TASKS,
        THREADS * TASKS * (TASKS - 1) / 2
    ))
}
