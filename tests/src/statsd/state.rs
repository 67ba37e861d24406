//! What a daemon has flushed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// What a daemon has flushed, over all its starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The counters that it was sent: sums over all flushes.
    pub counters: BTreeMap<String, f64>,
    /// The gauges that it was sent: the last values.
    pub gauges: BTreeMap<String, f64>,
    /// The timers that it was sent: over all flushes.
    pub timers: BTreeMap<String, Timer>,
    /// Lines that it could not read.
    pub bad_lines: f64,
    /// The flushes, one by one.
    pub flushes: Vec<Flush>,
    /// How often it was started.
    pub(super) starts: usize,
}

/// One flush.
#[derive(Clone, Debug, PartialEq)]
pub struct Flush {
    /// How many lines came before it, since the one before.
    pub metrics_received: f64,
    /// What the counters grew by.
    pub counters: BTreeMap<String, f64>,
}

/// A timer, as a daemon sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Timer {
    /// How many values there were, with those that sample rates stand for.
    pub count: f64,
    /// The values that were sent.
    pub values: Vec<f64>,
    /// Their sum, by the daemon.
    pub sum: f64,
    /// The least of them, by the daemon.
    pub lower: f64,
    /// The greatest of them, by the daemon.
    pub upper: f64,
}

impl Timer {
    /// The mean of the values that were sent, whatever they stand for, by the daemon.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / self.values.len() as f64
    }

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.lower = self.lower.min(other.lower);
        self.upper = self.upper.max(other.upper);
        self.values.extend(&other.values);
    }
}

/// What the names of a daemon's own metrics begin with.
const OWN: &str = "statsd.";

impl State {
    /// Reads what was flushed to a file, which is not there before the first flush.
    pub(super) fn read(path: &Path) -> Self {
        let flushed = fs::read_to_string(path).unwrap_or_default();
        let mut state = Self::default();
        // A line that is being written has no end yet.
        let lines = flushed.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        for line in lines {
            let line: Value = serde_json::from_str(line).expect("lines are JSON");
            match line.get("up") {
                Some(_) => state.starts += 1,
                None => state.flush(&line),
            }
        }
        state
    }

    fn flush(&mut self, line: &Value) {
        let mut counters = numbers(&line["counters"]);
        let mut own = |name: &str| counters.remove(&format!("{OWN}{name}")).expect("it counts them");
        self.bad_lines += own("bad_lines_seen");
        let metrics_received = own("metrics_received");
        counters.retain(|name, _| !name.starts_with(OWN));
        for (name, value) in &counters {
            *self.counters.entry(name.clone()).or_default() += value;
        }
        let gauges = numbers(&line["gauges"]).into_iter().filter(|(name, _)| !name.starts_with(OWN));
        self.gauges.extend(gauges);
        for (name, values) in line["timers"].as_object().expect("timers by name") {
            let values: Vec<_> = values.as_array().expect("values").iter().map(number).collect();
            if values.is_empty() {
                continue;
            }
            let statistic = |key| number(&line["statistics"][name][key]);
            let timer = Timer {
                count: statistic("count"),
                sum: statistic("sum"),
                lower: statistic("lower"),
                upper: statistic("upper"),
                values,
            };
            self.timers.entry(name.clone()).and_modify(|all| all.add(&timer)).or_insert(timer);
        }
        self.flushes.push(Flush { metrics_received, counters });
    }
}

fn numbers(by_name: &Value) -> BTreeMap<String, f64> {
    let by_name = by_name.as_object().expect("numbers by name");
    by_name.iter().map(|(name, value)| (name.clone(), number(value))).collect()
}

fn number(value: &Value) -> f64 {
    value.as_str().and_then(|number| number.parse().ok()).expect("a number, as a text")
}
