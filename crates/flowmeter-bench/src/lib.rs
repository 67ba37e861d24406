//! flowmeter beside its peers, measured in one run.
//!
//! A row measures one kind of work: ours through the public interface, a limit that the machine sets, and the peers.
//! All of them take turns, so that what else the machine does falls on all alike; medians are shown, and ratios. Times
//! are CPU times of the measuring thread where that is what the work costs, so waiting for a core does not count.

#![forbid(unsafe_code)]

pub mod data;
pub mod harness;
pub mod ours;
pub mod peers;
pub mod rows;
