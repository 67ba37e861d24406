//! What backends hold, in one form.

use std::collections::BTreeMap;
use std::path::Path;

use flowmeter_e2e::{JmxValue, Prometheus, State};
use flowmeter_testkit::otlp::{Received, Total};

pub(crate) type Labels = BTreeMap<String, String>;

/// Values by name and labels.
pub(crate) type Held = BTreeMap<(String, Labels), f64>;

pub(crate) fn of(series: impl IntoIterator<Item = (String, Labels, f64)>) -> Held {
    let mut held = Held::new();
    for (name, labels, value) in series {
        let series = (name, labels);
        assert!(!held.contains_key(&series), "{series:?} is there twice");
        held.insert(series, value);
    }
    held
}

pub(crate) fn by_prometheus(server: &Prometheus) -> Held {
    let series = server.series("{__name__=~\".*manager.*\"}");
    of(series.into_iter().map(|(mut labels, value)| {
        for of_the_scrape in ["job", "instance"] {
            labels.remove(of_the_scrape);
        }
        (labels.remove("__name__").unwrap_or_default(), labels, value)
    }))
}

pub(crate) fn by_otlp(received: &Received) -> Held {
    let totals = received.totals().expect("what came is right");
    of(totals.into_iter().flat_map(|(series, total)| {
        let part = |part: &str, value| (format!("{}{part}", series.name), series.attributes.clone(), value);
        match total {
            Total::Integers(sum) => vec![part("", sum as f64)],
            Total::Numbers(value) | Total::Gauge(value) => vec![part("", value)],
            Total::Histogram { count, sum } => vec![part("#count", count as f64), part("#sum", sum)],
        }
    }))
}

pub(crate) fn by_statsd(state: &State) -> Held {
    assert_eq!((state.bad_lines, state.gauges.len(), state.timers.len()), (0.0, 0, 0));
    of(state.counters.iter().map(|(name, value)| (name.clone(), Labels::new(), *value)))
}

pub(crate) fn by_jmx(values: &[JmxValue]) -> Held {
    of(values.iter().map(|read| {
        let (domain, keys) = read.bean.split_once(':').expect("a domain");
        let pair = |pair: &str| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
        let labels = keys.split(',').map(|text| pair(text).expect("a key and a value")).collect();
        (format!("{domain}/{}", read.attribute), labels, read.value.as_f64().expect("a number"))
    }))
}

/// Of lines such as `jobmanager.job host=h | runningTime=1 slots=2` the last of each.
pub(crate) fn by_log(lines: &[String]) -> Held {
    let mut held = Held::new();
    for line in lines {
        let (group, values) = line.split_once(" | ").expect("a group and values");
        let mut words = group.split(' ');
        let scope = words.next().expect("a scope");
        let pair = |pair: &str| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
        let labels: Labels = words.filter_map(pair).collect();
        for (name, value) in values.split(' ').filter_map(pair) {
            held.insert((format!("{scope}.{name}"), labels.clone()), value.parse().expect("a number"));
        }
    }
    held
}

/// The last line of each series.
pub(crate) fn by_csv(path: &Path) -> Held {
    let mut held = Held::new();
    for record in csv::Reader::from_path(path).expect("it is there").records() {
        let record = record.expect("it is right");
        let [_, variables, metric, value, _] = record.iter().collect::<Vec<_>>()[..] else {
            panic!("{record:?} has not five fields")
        };
        let pair = |pair: &str| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
        let labels = variables.split(';').filter_map(pair).collect();
        held.insert((metric.to_owned(), labels), value.parse().expect("a number"));
    }
    held
}
