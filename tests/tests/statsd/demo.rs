//! A real job, whose processes report to a daemon.

use std::collections::BTreeMap;

use flowmeter_e2e::{Demo, Statsd, StatsdConfig};

#[test]
fn a_daemon_holds_the_truth_of_nexmark() {
    for scheme in ["udp", "tcp"] {
        let Some(statsd) = Statsd::start("demo", StatsdConfig::default()) else { return };
        let address = format!("{scheme}://{}", statsd.address());
        let mut demo = Demo::start(&["--events", "300000", "--linger", "0s", "--statsd", &address]);
        let summary = demo.summary();
        assert!(demo.wait().success());
        let state = statsd.settled();
        assert_eq!(state.bad_lines, 0.0);
        let operators = summary["truth"]["operators"].as_object().expect("operators by name");
        for metric in ["numRecordsIn", "numRecordsOut"] {
            let truth: BTreeMap<_, _> =
                operators.iter().map(|(name, records)| (plain(name), records[metric].as_f64())).collect();
            let held = truth.keys().map(|operator| {
                // Over both TaskManagers: host, `taskmanager`, id, job, task, operator, subtask, metric.
                let is_its_own = |name: &str| {
                    let parts: Vec<_> = name.split('.').collect();
                    parts.len() == 8 && parts[5] == operator && parts[7] == metric
                };
                let counts = state.counters.iter().filter(|(name, _)| is_its_own(name));
                (operator.clone(), Some(counts.map(|(_, count)| count).sum()))
            });
            assert_eq!(held.collect::<BTreeMap<_, _>>(), truth, "{metric} over {scheme}");
        }
    }
}

/// A name as it is sent.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '_' }).collect()
}
