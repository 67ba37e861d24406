//! Whether tasks are busy, idle or back-pressured, and for how long.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::time::Duration;

use common::{Cluster, Expected, Table, cases, number, table};
use flowmeter_core::Clock;
use flowmeter_stream::{TaskActivity, TaskTimes};
use proptest::prelude::*;

const TASK: &str = "taskmanager.job.task";
const ACTIVITIES: [TaskActivity; 4] = [
    TaskActivity::Busy,
    TaskActivity::Idle,
    TaskActivity::SoftBackPressured,
    TaskActivity::HardBackPressured,
];

/// What a task is to show: times are of the activities in their order, in milliseconds.
struct Times {
    totals: [u64; 4],
    by_second: [f64; 4],
    /// The longest soft and hard back pressure.
    longest: [u64; 2],
    is_back_pressured: bool,
}

impl Times {
    fn table(&self) -> Table {
        let [busy, idle, soft, hard] = self.totals;
        let [busy_by_second, idle_by_second, soft_by_second, hard_by_second] = self.by_second;
        table![
            "busyTime" => busy * 1_000_000,
            "idleTime" => idle * 1_000_000,
            "softBackPressuredTime" => soft * 1_000_000,
            "hardBackPressuredTime" => hard * 1_000_000,
            "accumulateBusyTimeMs" => busy,
            "accumulateIdleTimeMs" => idle,
            "accumulateBackPressuredTimeMs" => soft + hard,
            "busyTimeMsPerSecond" => busy_by_second,
            "idleTimeMsPerSecond" => idle_by_second,
            "softBackPressuredTimeMsPerSecond" => soft_by_second,
            "hardBackPressuredTimeMsPerSecond" => hard_by_second,
            "backPressuredTimeMsPerSecond" => soft_by_second + hard_by_second,
            "maxSoftBackPressureTimeMs" => self.longest[0],
            "maxHardBackPressureTimeMs" => self.longest[1],
            "isBackPressured" => self.is_back_pressured,
        ]
    }
}

const NOTHING: Times =
    Times { totals: [0; 4], by_second: [0.0; 4], longest: [0; 2], is_back_pressured: false };

#[test]
fn a_task_is_in_one_activity_at_a_time() {
    let cluster = Cluster::new();
    let times = TaskTimes::register(&cluster.task);
    assert_eq!(cluster.report(TASK), NOTHING.table());

    times.switch(TaskActivity::Idle);
    cluster.pass(1_000);
    {
        let _busy = times.during(TaskActivity::Busy);
        cluster.pass(500);
        {
            let _soft = times.during(TaskActivity::SoftBackPressured);
            cluster.pass(250);
        }
        cluster.pass(250);
    }
    cluster.pass(1_000);
    times.switch(TaskActivity::HardBackPressured);
    cluster.pass(1_000);
    times.switch(TaskActivity::HardBackPressured);
    cluster.pass(1_000);
    let stuck = Times {
        totals: [750, 2_000, 250, 2_000],
        by_second: [150.0, 400.0, 50.0, 400.0],
        longest: [250, 2_000],
        is_back_pressured: true,
    };
    assert_eq!(cluster.report(TASK), stuck.table(), "5 s, which end the first window");
    assert_eq!(times.total(TaskActivity::Idle), Duration::from_secs(2));
    assert_eq!(times.total(TaskActivity::HardBackPressured), Duration::ZERO, "it goes on");

    cluster.pass(3_000);
    times.switch(TaskActivity::SoftBackPressured);
    let soft = Times { totals: [750, 2_000, 250, 5_000], ..stuck };
    assert_eq!(cluster.report(TASK), soft.table(), "the window is not full");

    cluster.pass(2_000);
    let soft = Times {
        totals: [750, 2_000, 2_250, 5_000],
        by_second: [0.0, 0.0, 400.0, 600.0],
        longest: [2_000, 5_000],
        is_back_pressured: true,
    };
    assert_eq!(cluster.report(TASK), soft.table());

    cluster.pass(1_000);
    times.switch(TaskActivity::Busy);
    cluster.pass(7_000);
    let busy = Times {
        totals: [7_750, 2_000, 3_250, 5_000],
        by_second: [875.0, 0.0, 125.0, 0.0],
        longest: [3_000, 0],
        is_back_pressured: false,
    };
    assert_eq!(cluster.report(TASK), busy.table());
}

#[test]
fn what_a_report_has_shown_does_not_go_back() {
    let cluster = Cluster::new();
    let times = TaskTimes::register(&cluster.task);
    times.switch(TaskActivity::Busy);
    cluster.pass(90);
    let end = cluster.task.clock().monotonic();
    cluster.pass(10);
    let shown = |name: &str| number(&cluster.report(TASK), name);
    assert_eq!(shown("busyTime"), 100e6);
    // The report came between the task's look at the clock and its switch.
    times.switch_at(TaskActivity::Idle, end);
    assert_eq!(shown("busyTime"), 100e6);
    assert_eq!(shown("idleTime"), 10e6);
    times.switch(TaskActivity::Busy);
    cluster.pass(15);
    assert_eq!(shown("busyTime"), 105e6, "90 ms, and now 15");
}

#[test]
fn the_first_window_shows_what_it_has() {
    let cluster = Cluster::new();
    let times = TaskTimes::register(&cluster.task);
    cluster.pass(1_000);
    times.switch(TaskActivity::HardBackPressured);
    cluster.pass(500);
    times.switch(TaskActivity::Busy);
    cluster.pass(500);
    let first = Times {
        totals: [500, 0, 0, 500],
        by_second: [250.0, 0.0, 0.0, 250.0],
        longest: [0, 500],
        is_back_pressured: false,
    };
    assert_eq!(cluster.report(TASK), first.table(), "1 s of 2 in some activity");
    cluster.pass(2_000);
    let second =
        Times { totals: [2_500, 0, 0, 500], by_second: [625.0, 0.0, 0.0, 125.0], longest: [0, 500], ..first };
    assert_eq!(cluster.report(TASK), second.table(), "over 4 s, of which the longest is not forgotten");
    cluster.pass(6_000);
    let full =
        Times { totals: [8_500, 0, 0, 500], by_second: [850.0, 0.0, 0.0, 50.0], longest: [0, 500], ..first };
    assert_eq!(cluster.report(TASK), full.table(), "over 10 s");
    cluster.pass(5_000);
    let next =
        Times { totals: [13_500, 0, 0, 500], by_second: [1_000.0, 0.0, 0.0, 0.0], longest: [0; 2], ..first };
    assert_eq!(cluster.report(TASK), next.table());
}

#[test]
fn a_stay_that_goes_on_does_not_hide_a_longer_one_that_is_over() {
    let cluster = Cluster::new();
    let times = TaskTimes::register(&cluster.task);
    let longest = || cluster.report(TASK)["maxSoftBackPressureTimeMs"].clone();
    times.switch(TaskActivity::SoftBackPressured);
    cluster.pass(3_000);
    times.switch(TaskActivity::Busy);
    cluster.pass(1_000);
    times.switch(TaskActivity::SoftBackPressured);
    cluster.pass(2_000);
    assert_eq!(longest(), 3_000_u64.observed());
    cluster.pass(5_000);
    assert_eq!(longest(), 7_000_u64.observed(), "of which 5 s are of this window");
}

#[test]
fn reporters_at_different_paces_see_the_same_windows() {
    let cluster = Cluster::new();
    let times = TaskTimes::register(&cluster.task);
    let slow = cluster.another_reporter("slow");
    let busy = |table: &Table| number(table, "busyTimeMsPerSecond");
    let (mut seen, mut seen_slowly) = (Vec::new(), Vec::new());
    for second in 1..=16 {
        // 50 ms longer in each second.
        times.switch(TaskActivity::Busy);
        cluster.pass(second * 50);
        times.switch(TaskActivity::Idle);
        cluster.pass(1_000 - second * 50);
        seen.push(busy(&cluster.report(TASK)));
        if second % 7 == 0 {
            let slowly = slow.report(TASK);
            seen_slowly.push(busy(&slowly));
            let total = (1..=second).map(|second| second * 50).sum::<u64>();
            assert_eq!(number(&slowly, "accumulateBusyTimeMs"), total as f64);
        }
    }
    let first_window = [50.0, 75.0, 100.0, 125.0, 150.0];
    let mut expected = first_window.to_vec();
    expected.extend([150.0; 4]);
    expected.extend([400.0; 5]);
    expected.extend([650.0; 2]);
    assert_eq!(seen, expected);
    assert_eq!(seen_slowly, [150.0, 400.0]);
}

#[test]
fn time_that_is_added_late_is_carried_over() {
    let cluster = Cluster::new();
    let times = TaskTimes::register(&cluster.task);
    cluster.pass(5_000);
    assert_eq!(cluster.report(TASK), NOTHING.table());

    times.add(TaskActivity::Busy, Duration::from_millis(500));
    times.add(TaskActivity::Idle, Duration::from_millis(1_500));
    times.add(TaskActivity::HardBackPressured, Duration::from_millis(1_000));
    for stay in [6_000, 2_000].map(Duration::from_millis) {
        times.add(TaskActivity::SoftBackPressured, stay);
        times.note_stay(TaskActivity::SoftBackPressured, stay);
    }
    cluster.pass(5_000);
    let added = Times {
        totals: [500, 1_500, 8_000, 1_000],
        by_second: [100.0, 300.0, 1_000.0, 200.0],
        longest: [6_000, 0],
        is_back_pressured: true,
    };
    assert_eq!(cluster.report(TASK), added.table(), "8 s of 5");
    cluster.pass(5_000);
    let rest = Times { by_second: [0.0, 0.0, 600.0, 0.0], longest: [0; 2], ..added };
    assert_eq!(cluster.report(TASK), rest.table(), "the other 3");
    cluster.pass(5_000);
    let none = Times { by_second: [0.0; 4], is_back_pressured: false, ..rest };
    assert_eq!(cluster.report(TASK), none.table());
    assert_eq!(times.total(TaskActivity::SoftBackPressured), Duration::from_secs(8));
}

#[test]
fn a_task_that_has_stopped_is_in_no_activity() {
    let cluster = Cluster::new();
    let times = TaskTimes::register(&cluster.task);
    times.switch(TaskActivity::HardBackPressured);
    cluster.pass(4_000);
    times.stop();
    cluster.pass(1_000);
    let stopped = Times {
        totals: [0, 0, 0, 4_000],
        by_second: [0.0, 0.0, 0.0, 800.0],
        longest: [0, 4_000],
        is_back_pressured: false,
    };
    assert_eq!(cluster.report(TASK), stopped.table());
    times.switch(TaskActivity::Busy);
    cluster.pass(5_000);
    drop(times);
    cluster.pass(5_000);
    let dropped = Times {
        totals: [5_000, 0, 0, 4_000],
        by_second: [500.0, 0.0, 0.0, 0.0],
        longest: [0; 2],
        is_back_pressured: false,
    };
    assert_eq!(cluster.report(TASK), dropped.table());
}

#[test]
fn an_activity_that_is_said_to_begin_before_the_last_begins_with_it() {
    let cluster = Cluster::new();
    let times = TaskTimes::register(&cluster.task);
    times.switch_at(TaskActivity::Busy, cluster.clock.monotonic());
    cluster.pass(1_000);
    let looked = cluster.clock.monotonic();
    cluster.pass(2_000);
    times.switch(TaskActivity::Idle);
    times.switch_at(TaskActivity::SoftBackPressured, looked);
    cluster.pass(2_000);
    let expected = Times {
        totals: [3_000, 0, 2_000, 0],
        by_second: [600.0, 0.0, 400.0, 0.0],
        longest: [2_000, 0],
        is_back_pressured: true,
    };
    assert_eq!(cluster.report(TASK), expected.table());
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Switch(usize),
    Stop,
    /// An activity until the end of the block.
    Begin(usize),
    End,
    /// So many microseconds pass.
    Pass(u64),
}

fn steps(stops: u32) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_usize..4).prop_map(Step::Switch),
        stops => Just(Step::Stop),
        2 => (0_usize..4).prop_map(Step::Begin),
        2 => Just(Step::End),
        6 => (0_u64..2_000_000).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..40)
}

/// What a task is in, and the time of each activity in microseconds: by the definition.
#[derive(Default)]
struct Model {
    current: Option<usize>,
    totals: [u64; 4],
}

/// Takes the steps, and ends all blocks that they began.
fn take(steps: Vec<Step>, cluster: &Cluster, times: &TaskTimes, model: &mut Model) {
    let mut blocks = Vec::new();
    for step in steps {
        match step {
            Step::Switch(to) => {
                times.switch(ACTIVITIES[to]);
                model.current = Some(to);
            }
            Step::Stop => {
                times.stop();
                model.current = None;
            }
            Step::Begin(activity) => {
                blocks.push((times.during(ACTIVITIES[activity]), model.current));
                model.current = Some(activity);
            }
            Step::End => {
                if let Some((guard, before)) = blocks.pop() {
                    drop(guard);
                    model.current = before;
                }
            }
            Step::Pass(time) => {
                cluster.clock.advance(Duration::from_micros(time));
                if let Some(current) = model.current {
                    model.totals[current] += time;
                }
            }
        }
    }
    while let Some((guard, before)) = blocks.pop() {
        drop(guard);
        model.current = before;
    }
}

proptest! {
    #![proptest_config(cases(96))]
    #[test]
    fn activities_add_up_to_the_time_since_the_first(before in steps(1), window in steps(0)) {
        let cluster = Cluster::new();
        let times = TaskTimes::register(&cluster.task);
        let mut model = Model::default();
        take(before, &cluster, &times, &mut model);
        take(vec![Step::Switch(1), Step::Pass(5_000_000)], &cluster, &times, &mut model);
        cluster.report(TASK); // which ends a window
        let (begin, totals) = (cluster.clock.monotonic(), model.totals);
        take(window, &cluster, &times, &mut model);
        take(vec![Step::Pass(5_000_000)], &cluster, &times, &mut model);
        let seen = cluster.report(TASK);

        let counters = ["busyTime", "idleTime", "softBackPressuredTime", "hardBackPressuredTime"];
        for (counter, total) in counters.into_iter().zip(model.totals) {
            prop_assert_eq!(number(&seen, counter), (total * 1_000) as f64, "{}", counter);
        }
        let passed = (cluster.clock.monotonic() - begin).as_secs_f64();
        let mut sum = 0.0;
        for (activity, counter) in counters.into_iter().enumerate() {
            let shown = number(&seen, &format!("{counter}MsPerSecond"));
            let expected = (model.totals[activity] - totals[activity]) as f64 / 1_000.0 / passed;
            prop_assert!((shown - expected).abs() < 1e-6, "{counter}: {shown}, not {expected}");
            sum += shown;
        }
        prop_assert!((sum - 1_000.0).abs() < 1e-6, "{sum}");
        prop_assert_eq!(
            number(&seen, "backPressuredTimeMsPerSecond"),
            number(&seen, "softBackPressuredTimeMsPerSecond") + number(&seen, "hardBackPressuredTimeMsPerSecond")
        );
        let is_back_pressured = model.current.is_some_and(|current| current >= 2);
        prop_assert_eq!(number(&seen, "isBackPressured"), f64::from(u8::from(is_back_pressured)));
    }

    #[test]
    fn without_a_stop_they_are_all_of_the_time(steps in steps(0)) {
        let cluster = Cluster::new();
        let times = TaskTimes::register(&cluster.task);
        cluster.pass(1_234);
        times.switch(TaskActivity::Idle);
        let (began, mut model) = (cluster.clock.monotonic(), Model { current: Some(1), totals: [0; 4] });
        take(steps, &cluster, &times, &mut model);
        let seen = cluster.report(TASK);
        let counters = ["busyTime", "idleTime", "softBackPressuredTime", "hardBackPressuredTime"];
        let sum: f64 = counters.iter().map(|counter| number(&seen, counter)).sum();
        prop_assert_eq!(sum, (cluster.clock.monotonic() - began).as_nanos() as f64);
    }
}
