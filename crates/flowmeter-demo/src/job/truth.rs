//! The job's own counts: plain integers that operators keep, which flowmeter's are compared with.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

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

/// What a job counted itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// By the operator's name.
    pub operators: BTreeMap<String, Records>,
    /// Other counts, by name: `words`, `distinct_words`.
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
}

/// The counts of all operators of a worker.
#[derive(Clone, Default)]
pub(super) struct Tallies(Rc<Inner>);

#[derive(Default)]
struct Inner {
    operators: std::cell::RefCell<BTreeMap<&'static str, Tally>>,
    totals: std::cell::RefCell<BTreeMap<&'static str, u64>>,
}

impl Tallies {
    pub(super) fn operator(&self, name: &'static str) -> Tally {
        self.0.operators.borrow_mut().entry(name).or_default().clone()
    }

    pub(super) fn total(&self, name: &'static str, total: u64) {
        self.0.totals.borrow_mut().insert(name, total);
    }

    pub(super) fn truth(&self) -> Truth {
        let records =
            |tally: &Tally| Records { num_records_in: tally.0.0.get(), num_records_out: tally.0.1.get() };
        let operators = self.0.operators.borrow();
        let totals = self.0.totals.borrow();
        Truth {
            operators: operators.iter().map(|(name, tally)| ((*name).to_owned(), records(tally))).collect(),
            totals: totals.iter().map(|(name, total)| ((*name).to_owned(), *total)).collect(),
        }
    }
}
