//! JMX reporter.

#![forbid(unsafe_code)]

pub mod model;
