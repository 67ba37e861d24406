//! What a join waits with: the job's own count of it, and how large a measured job says it is.

use std::collections::{HashMap, HashSet};

use flowmeter::MetricSet;
use flowmeter::stream::{StateSizeMetrics, state_group};
use flowmeter_timely::MeasuredOperator;

use super::truth::Tallies;

/// The two sides of a join, of which either may come first.
pub(super) struct JoinState {
    known: HashSet<u64>,
    /// Auctions by seller.
    waiting: HashMap<u64, Vec<u64>>,
    auctions: u64,
    operator: MeasuredOperator,
    metrics: Option<[StateSizeMetrics; 2]>,
    tallies: Tallies,
}

impl JoinState {
    pub(super) fn new(address: &[usize], tallies: &Tallies) -> Self {
        Self {
            known: HashSet::new(),
            waiting: HashMap::new(),
            auctions: 0,
            operator: MeasuredOperator::new(address),
            metrics: None,
            tallies: tallies.clone(),
        }
    }

    /// A person has come. Returns the auctions that have waited for it.
    pub(super) fn know(&mut self, person: u64) -> Vec<u64> {
        self.known.insert(person);
        let auctions = self.waiting.remove(&person).unwrap_or_default();
        self.auctions -= auctions.len() as u64;
        auctions
    }

    /// An auction has come. Returns whether its seller has.
    pub(super) fn has_seller(&mut self, seller: u64, auction: u64) -> bool {
        let is_known = self.known.contains(&seller);
        if !is_known {
            self.waiting.entry(seller).or_default().push(auction);
            self.auctions += 1;
        }
        is_known
    }

    /// Tells how much it is now.
    pub(super) fn show(&mut self) {
        let (known, waiting) = (self.known.len() as u64, self.waiting.len() as u64);
        self.tallies.total("known_persons", known);
        self.tallies.total("awaited_sellers", waiting);
        if self.metrics.is_none() {
            self.metrics = self.operator.group().map(|operator| {
                ["persons", "auctions"].map(|state| StateSizeMetrics::register(&state_group(operator, state)))
            });
        }
        if let Some([persons, auctions]) = &self.metrics {
            let bytes = |numbers: u64| numbers * size_of::<u64>() as u64;
            persons.num_keys.set(known);
            persons.state_size.set(bytes(known));
            auctions.num_keys.set(waiting);
            auctions.state_size.set(bytes(waiting + self.auctions));
        }
    }
}
