//! The facade with the log reporter.

#![cfg(feature = "log")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use flowmeter::log::{LogFactory, LogOptions, NamingPolicy};
use flowmeter::{ConfigSection, Flowmeter};

#[test]
fn a_log_reporter_is_added_by_code_and_by_configuration() {
    let options = LogOptions::default().with_naming(NamingPolicy::Flink);
    let section = ConfigSection::new("reporters.other").with("level", "debug");
    let builder = Flowmeter::builder().log("log", options);
    let flowmeter = builder.configured_reporter("other", Arc::new(LogFactory), section).start().unwrap();
    flowmeter.add_group("shop").counter("orders").inc();
    let outcomes = flowmeter.shutdown(std::time::Duration::from_secs(20));
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()), "{outcomes:?}");
}
