//! The job's own counts: plain integers that operators keep, which flowmeter's are compared with.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one operator took and gave, over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// Records received.
    #[serde(rename = "numRecordsIn")]
    pub num_records_in: u64,
    /// Records emitted.
    #[serde(rename = "numRecordsOut")]
    pub num_records_out: u64,
}

/// How long records took to one operator, over all workers, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latencies {
    /// How many were looked at.
    pub count: u64,
    /// What they took together.
    pub sum: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Latencies {
    fn of(latency: f64) -> Self {
        Self { count: 1, sum: latency, min: latency, max: latency }
    }

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

/// What a job counted itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// By the operator's name.
    pub operators: BTreeMap<String, Records>,
    /// By the operator's name, where a measured job looked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub latencies: BTreeMap<String, Latencies>,
    /// What libraries did in operators, by the name of the metric that they count it by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub libraries: BTreeMap<String, u64>,
    /// Other counts, by name: `words`, `distinct_words`, `known_persons`, `awaited_sellers`.
    #[serde(flatten)]
    pub totals: BTreeMap<String, u64>,
}

impl Truth {
    /// Adds the counts of another worker.
    pub fn add(&mut self, other: &Self) {
        for (name, records) in &other.operators {
            let sum = self.operators.entry(name.clone()).or_default();
            sum.num_records_in += records.num_records_in;
            sum.num_records_out += records.num_records_out;
        }
        for (name, latencies) in &other.latencies {
            self.latencies.entry(name.clone()).and_modify(|all| all.add(latencies)).or_insert(*latencies);
        }
        for (name, total) in &other.libraries {
            *self.libraries.entry(name.clone()).or_default() += total;
        }
        for (name, total) in &other.totals {
            *self.totals.entry(name.clone()).or_default() += total;
        }
    }
}

/// One operator's counts while it runs.
#[derive(Clone, Default)]
pub(super) struct Tally(Rc<(Cell<u64>, Cell<u64>)>);

impl Tally {
    pub(super) fn took(&self, records: usize) {
        self.0.0.set(self.0.0.get() + records as u64);
    }

    pub(super) fn gave(&self, records: usize) {
        self.0.1.set(self.0.1.get() + records as u64);
    }

    pub(super) fn given(&self) -> u64 {
        self.0.1.get()
    }
}

/// The latencies of one operator while it runs.
#[derive(Clone, Default)]
pub(super) struct LatencyTally(Rc<Cell<Option<Latencies>>>);

impl LatencyTally {
    pub(super) fn took(&self, latency: Duration) {
        let mut latencies = Latencies::of(latency.as_secs_f64() * 1e3);
        self.0.get().inspect(|before| latencies.add(before));
        self.0.set(Some(latencies));
    }
}

/// The counts of all operators of a worker.
#[derive(Clone, Default)]
pub(super) struct Tallies(Rc<Inner>);

#[derive(Default)]
struct Inner {
    operators: std::cell::RefCell<BTreeMap<&'static str, Tally>>,
    latencies: std::cell::RefCell<BTreeMap<&'static str, LatencyTally>>,
    libraries: std::cell::RefCell<BTreeMap<&'static str, u64>>,
    totals: std::cell::RefCell<BTreeMap<&'static str, u64>>,
}

impl Tallies {
    pub(super) fn operator(&self, name: &'static str) -> Tally {
        self.0.operators.borrow_mut().entry(name).or_default().clone()
    }

    pub(super) fn latency(&self, name: &'static str) -> LatencyTally {
        self.0.latencies.borrow_mut().entry(name).or_default().clone()
    }

    /// So much was done so far that a library counts by this name.
    pub(super) fn of_library(&self, name: &'static str, total: u64) {
        self.0.libraries.borrow_mut().insert(name, total);
    }

    pub(super) fn total(&self, name: &'static str, total: u64) {
        self.0.totals.borrow_mut().insert(name, total);
    }

    pub(super) fn truth(&self) -> Truth {
        let records =
            |tally: &Tally| Records { num_records_in: tally.0.0.get(), num_records_out: tally.0.1.get() };
        let operators = self.0.operators.borrow();
        let latencies = self.0.latencies.borrow();
        let looked = |(name, tally): (&&str, &LatencyTally)| Some(((*name).to_owned(), tally.0.get()?));
        let libraries = self.0.libraries.borrow();
        let totals = self.0.totals.borrow();
        Truth {
            operators: operators.iter().map(|(name, tally)| ((*name).to_owned(), records(tally))).collect(),
            latencies: latencies.iter().filter_map(looked).collect(),
            libraries: libraries.iter().map(|(name, total)| ((*name).to_owned(), *total)).collect(),
            totals: totals.iter().map(|(name, total)| ((*name).to_owned(), *total)).collect(),
        }
    }
}
