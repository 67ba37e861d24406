//! Beans that came and went.

use std::collections::VecDeque;
use std::time::Duration;

use super::ObjectName;

/// How many of the latest are kept, as in the JDK.
const KEPT: usize = 1000;

/// An MBean that came or went.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// Which of all registrations it is, from 1.
    pub sequence: u64,
    /// When it was seen, since the Unix epoch.
    pub time: Duration,
    /// The bean.
    pub name: ObjectName,
    /// Whether it came rather than went.
    pub is_registered: bool,
}

/// The latest beans that came and went.
#[derive(Debug)]
pub(super) struct Registrations {
    latest: VecDeque<Registration>,
    next: u64,
}

impl Default for Registrations {
    fn default() -> Self {
        Self { latest: VecDeque::new(), next: 1 }
    }
}

impl Registrations {
    pub(super) fn push(&mut self, name: &ObjectName, is_registered: bool, time: Duration) {
        if self.latest.len() == KEPT {
            self.latest.pop_front();
        }
        let (sequence, name) = (self.next, name.clone());
        self.latest.push_back(Registration { sequence, time, name, is_registered });
        self.next += 1;
    }

    /// The number of the next one.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The number of the earliest that is kept, or of the next one.
    pub(super) fn earliest(&self) -> u64 {
        self.latest.front().map_or(self.next, |earliest| earliest.sequence)
    }

    /// Those from a number on that are kept.
    pub(super) fn since(&self, sequence: u64) -> impl Iterator<Item = &Registration> {
        self.latest.iter().filter(move |registration| registration.sequence >= sequence)
    }
}
