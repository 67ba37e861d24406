//! What operators report of access to their state.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use common::{Cluster, Once, Table, Values, table};
use flowmeter_core::MetricSet;
use flowmeter_stream::{
    AggregatingStateSizes, AggregatingStateTimers, DEFAULT_SAMPLING, ListStateSizes, ListStateTimers,
    MapStateSizes, MapStateTimers, ReducingStateSizes, ReducingStateTimers, SampledHistogram, SampledTimer,
    StateSizeMetrics, ValueStateSizes, ValueStateTimers, state_group,
};

const STATE: &str = "taskmanager.job.task.operator.state_name";
const EVERY_ONE: NonZeroU32 = NonZeroU32::MIN;

fn every(accesses: u32) -> NonZeroU32 {
    NonZeroU32::new(accesses).unwrap()
}

/// A metric of the state `s`.
fn of_state(metric: &str) -> String {
    format!("{metric}{{state_name=s}}")
}

/// Has each operation take another time, and says what is to be reported.
macro_rules! time_all {
    ($cluster:expr, $timers:ident { $($operation:ident => $metric:literal),* $(,)? }) => {{
        let timers = $timers::register(&state_group(&$cluster.operator, "s"), EVERY_ONE);
        let (mut expected, mut milliseconds) = (Table::new(), 0_u32);
        $(
            milliseconds += 1;
            let result = timers.$operation.time(|| {
                $cluster.pass(milliseconds.into());
                $metric
            });
            assert_eq!(result, $metric);
            expected.extend(table![of_state($metric) => Once(f64::from(milliseconds) * 1e6)]);
        )*
        expected
    }};
}

/// Has each operation see another size, and says what is to be reported.
macro_rules! size_all {
    ($cluster:expr, $sizes:ident { $($what:ident => $metric:literal),* $(,)? }) => {{
        let sizes = $sizes::register(&state_group(&$cluster.operator, "s"), EVERY_ONE);
        let (mut expected, mut bytes) = (Table::new(), 0_u32);
        $(
            bytes += 1;
            sizes.$what.record(|| bytes.into());
            expected.extend(table![of_state($metric) => Once(f64::from(bytes))]);
        )*
        expected
    }};
}

#[test]
fn a_value_is_read_and_written() {
    let cluster = Cluster::new();
    let latencies = time_all!(cluster, ValueStateTimers {
        clear => "stateClearLatency",
        get => "valueStateGetLatency",
        update => "valueStateUpdateLatency",
    });
    assert_eq!(cluster.report(STATE), latencies);
    let cluster = Cluster::new();
    let sizes = size_all!(cluster, ValueStateSizes {
        get_key => "valueStateGetKeySize",
        get_value => "valueStateGetValueSize",
        update_key => "valueStateUpdateKeySize",
        update_value => "valueStateUpdateValueSize",
    });
    assert_eq!(cluster.report(STATE), sizes);
}

#[test]
fn a_list_is_read_and_added_to() {
    let cluster = Cluster::new();
    let latencies = time_all!(cluster, ListStateTimers {
        clear => "stateClearLatency",
        get => "listStateGetLatency",
        add => "listStateAddLatency",
        add_all => "listStateAddAllLatency",
        update => "listStateUpdateLatency",
        merge_namespaces => "listStateMergeNamespacesLatency",
    });
    assert_eq!(cluster.report(STATE), latencies);
    let cluster = Cluster::new();
    let sizes = size_all!(cluster, ListStateSizes {
        get_key => "listStateGetKeySize",
        get_value => "listStateGetValueSize",
        add_key => "listStateAddKeySize",
        add_value => "listStateAddValueSize",
        add_all_key => "listStateAddAllKeySize",
        add_all_value => "listStateAddAllValueSize",
        update_key => "listStateUpdateKeySize",
        update_value => "listStateUpdateValueSize",
    });
    assert_eq!(cluster.report(STATE), sizes);
}

#[test]
fn a_map_is_read_written_and_gone_through() {
    let cluster = Cluster::new();
    let latencies = time_all!(cluster, MapStateTimers {
        clear => "stateClearLatency",
        get => "mapStateGetLatency",
        put => "mapStatePutLatency",
        put_all => "mapStatePutAllLatency",
        remove => "mapStateRemoveLatency",
        contains => "mapStateContainsLatency",
        entries_init => "mapStateEntriesInitLatency",
        keys_init => "mapStateKeysInitLatency",
        values_init => "mapStateValuesInitLatency",
        iterator_init => "mapStateIteratorInitLatency",
        is_empty => "mapStateIsEmptyLatency",
        iterator_has_next => "mapStateIteratorHasNextLatency",
        iterator_next => "mapStateIteratorNextLatency",
        iterator_remove => "mapStateIteratorRemoveLatency",
    });
    assert_eq!(cluster.report(STATE), latencies);
    let cluster = Cluster::new();
    let sizes = size_all!(cluster, MapStateSizes {
        get_key => "mapStateGetKeySize",
        get_value => "mapStateGetValueSize",
        put_key => "mapStatePutKeySize",
        put_value => "mapStatePutValueSize",
        remove_key => "mapStateRemoveKeySize",
        contains_key => "mapStateContainsKeySize",
        is_empty_key => "mapStateIsEmptyKeySize",
        iterator_key => "mapStateIteratorKeySize",
        iterator_value => "mapStateIteratorValueSize",
    });
    assert_eq!(cluster.report(STATE), sizes);
}

#[test]
fn an_aggregate_is_read_and_added_to() {
    let cluster = Cluster::new();
    let latencies = time_all!(cluster, AggregatingStateTimers {
        clear => "stateClearLatency",
        get => "aggregatingStateGetLatency",
        add => "aggregatingStateAddLatency",
        merge_namespaces => "aggregatingStateMergeNamespacesLatency",
    });
    assert_eq!(cluster.report(STATE), latencies);
    let cluster = Cluster::new();
    let sizes = size_all!(cluster, AggregatingStateSizes {
        get_key => "aggregatingStateGetKeySize",
        add_key => "aggregatingStateAddKeySize",
    });
    assert_eq!(cluster.report(STATE), sizes);
}

#[test]
fn a_reduction_is_read_and_added_to() {
    let cluster = Cluster::new();
    let latencies = time_all!(cluster, ReducingStateTimers {
        clear => "stateClearLatency",
        get => "reducingStateGetLatency",
        add => "reducingStateAddLatency",
        merge_namespaces => "reducingStateMergeNamespacesLatency",
    });
    assert_eq!(cluster.report(STATE), latencies);
    let cluster = Cluster::new();
    let sizes = size_all!(cluster, ReducingStateSizes {
        get_key => "reducingStateGetKeySize",
        get_value => "reducingStateGetValueSize",
        add_key => "reducingStateAddKeySize",
        add_value => "reducingStateAddValueSize",
    });
    assert_eq!(cluster.report(STATE), sizes);
}

#[test]
fn a_state_has_latencies_sizes_and_a_size_at_once() {
    let cluster = Cluster::new();
    let mut expected = time_all!(cluster, ValueStateTimers {
        clear => "stateClearLatency",
        get => "valueStateGetLatency",
        update => "valueStateUpdateLatency",
    });
    expected.extend(size_all!(cluster, ValueStateSizes {
        get_key => "valueStateGetKeySize",
        get_value => "valueStateGetValueSize",
        update_key => "valueStateUpdateKeySize",
        update_value => "valueStateUpdateValueSize",
    }));
    let size = StateSizeMetrics::register(&state_group(&cluster.operator, "s"));
    size.num_keys.set(31);
    size.state_size.set(4_096);
    expected.extend(table![of_state("numKeys") => 31_u64, of_state("stateSize") => 4_096_u64]);
    // That of another state is another.
    let other = StateSizeMetrics::register(&state_group(&cluster.operator, "t"));
    other.num_keys.set(7);
    other.state_size.set(8);
    expected.extend(table!["numKeys{state_name=t}" => 7_u64, "stateSize{state_name=t}" => 8_u64]);
    assert_eq!(cluster.report(STATE), expected);
}

/// The numbers of the accesses that were timed, if the n-th takes 2^n microseconds.
fn timed(cluster: &Cluster, metric: &str) -> Vec<u32> {
    let flowmeter_testkit::Observed::Histogram { count, sum } = cluster.report(STATE)[metric] else {
        panic!("{metric} is no histogram")
    };
    let timed: Vec<_> = (0..50).filter(|access| (sum / 1e3) as u64 >> access & 1 == 1).collect();
    assert_eq!(timed.len() as u64, count);
    timed
}

#[test]
fn the_first_access_is_timed_and_then_one_in_so_many() {
    for (of, expected) in [
        (1, (0..20).collect::<Vec<_>>()),
        (2, (0..20).step_by(2).collect()),
        (7, vec![0, 7, 14]),
        (50, vec![0]),
    ] {
        let cluster = Cluster::new();
        let state = state_group(&cluster.operator, "s");
        let timer = SampledTimer::new(state.histogram("latency"), every(of), &state);
        let made = Cell::new(0);
        for access in 0..20 {
            timer.time(|| {
                cluster.clock.advance(Duration::from_micros(1 << access));
                made.set(made.get() + 1);
            });
        }
        assert_eq!(made.get(), 20, "all accesses are made");
        assert_eq!(timed(&cluster, &of_state("latency")), expected, "every {of}");
    }
}

#[test]
fn operations_that_take_turns_do_not_starve_each_other() {
    let cluster = Cluster::new();
    let timers = ValueStateTimers::register(&state_group(&cluster.operator, "s"), every(2));
    for access in 0..12 {
        let operation = if access % 2 == 0 { &timers.get } else { &timers.update };
        operation.time(|| cluster.clock.advance(Duration::from_micros(1 << access)));
    }
    assert_eq!(timed(&cluster, &of_state("valueStateGetLatency")), [0, 4, 8]);
    assert_eq!(timed(&cluster, &of_state("valueStateUpdateLatency")), [1, 5, 9]);
    assert_eq!(timed(&cluster, &of_state("stateClearLatency")), [] as [u32; 0]);
}

#[test]
fn sizes_that_are_not_recorded_are_not_worked_out() {
    let cluster = Cluster::new();
    let sizes = ReducingStateSizes::register(&state_group(&cluster.operator, "s"), every(3));
    let mut worked_out = Vec::new();
    for access in 0..8_u64 {
        sizes.get_key.record(|| {
            worked_out.push(access);
            access
        });
        sizes.add_key.record(|| 100 + access);
    }
    assert_eq!(worked_out, [0, 3, 6]);
    let expected = table![
        of_state("reducingStateGetKeySize") => Values(3, 9.0),
        of_state("reducingStateGetValueSize") => Values(0, 0.0),
        of_state("reducingStateAddKeySize") => Values(3, 309.0),
        of_state("reducingStateAddValueSize") => Values(0, 0.0),
    ];
    assert_eq!(cluster.report(STATE), expected);
}

#[test]
fn one_in_a_hundred_is_sampled_by_default() {
    let cluster = Cluster::new();
    let histogram = state_group(&cluster.operator, "s").histogram::<f64>("weight");
    let sampled = SampledHistogram::new(histogram, DEFAULT_SAMPLING);
    (0..=300).for_each(|access| sampled.record(|| f64::from(access)));
    assert_eq!(cluster.report(STATE), table![of_state("weight") => Values(4, 600.0)]);
}
