//! JMX reporter.

#![forbid(unsafe_code)]

mod collect;
mod factory;
pub mod model;
mod naming;
mod options;
mod platform;
mod reporter;
mod rmi;
mod shape;

pub use factory::JmxFactory;
pub use naming::NamingPolicy;
pub use options::JmxOptions;
pub use reporter::JmxReporter;
