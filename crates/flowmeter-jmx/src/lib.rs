//! JMX reporter: a Rust process that jconsole can open.
//!
//! Metrics are MBeans, as those of Flink's JMX reporter are, and the JDK's own clients read them by the JDK's own protocol. There is no JVM in it.
//!
//! ```
//! use flowmeter_core::{Registry, ReporterOptions};
//! use flowmeter_http::Ports;
//! use flowmeter_jmx::{JmxOptions, JmxReporter};
//!
//! let registry = Registry::new();
//! let options = JmxOptions::default().with_ports(Ports::any());
//! let reporter = Box::new(JmxReporter::new(options));
//! let handle = registry.add_reporter("jmx", reporter, ReporterOptions::default())?;
//! println!("jconsole {}", handle.endpoint().unwrap_or_default());
//! # Ok::<(), flowmeter_core::Error>(())
//! ```
//!
//! # Beans
//!
//! | metric | attributes |
//! |---|---|
//! | counter, up-down counter | `Count` |
//! | gauge | `Value` |
//! | meter | `Count`, `Rate` |
//! | histogram | `Count`, `Min`, `Max`, `Mean`, `StdDev`, `Median`, `75thPercentile`, `95thPercentile`, `98thPercentile`, `99thPercentile`, `999thPercentile` |
//!
//! Integers are `java.lang.Long`, but `java.math.BigInteger` where they are too large for that; floats are `java.lang.Double`, truth values
//! `java.lang.Boolean`, and texts `java.lang.String`. Descriptions are those of the metrics, and the unit is `units` of an attribute's descriptor.
//! Statistics of histograms are of all values since the beginning, to the width of a bucket.
//!
//! What beans are called is up to the [`NamingPolicy`]: flowmeter's own names, in which nothing is lost, or Flink's to the letter, for the tools that know
//! those.
//!
//! Besides there are `JMImplementation:type=MBeanServerDelegate`, which tells its listeners of beans that come and go, and beans of the process in the
//! domain `java.lang`. They have the attributes whose values are known, and no others; most are, where `flowmeter-system` is registered.
//!
//! # What is read, and when
//!
//! The first request in a while has a report made, and what clients ask for in the next [250 ms](JmxOptions::freshness) is answered from that: so one attribute
//! costs a look at a table, and a sweep over all beans a few reports. Nothing is read while nobody asks.
//!
//! When a group closes, its beans stay until clients have read some attribute of every bean that there is, and a minute has passed. A client that only ever reads
//! some of them does not let closed groups go; those leave after ten minutes then, and are counted as not read.
//!
//! # Serving
//!
//! Registry, server and connections are on one port, so there is one to open in a firewall. Clients are told to connect to the address that they found the
//! server at, unless [`JmxOptions::host`] says otherwise. A server listens on the loopback address unless told otherwise. It can ask for a user name with its
//! password, as the JDK does, and speak TLS, with certificates of clients if need be; limits are those of [`flowmeter_http::ServerOptions`].
//!
//! With TLS all of it is encrypted, the registry too. jconsole finds that out by itself; programs set `com.sun.jndi.rmi.factory.socket` in the environment of
//! their connector to a `SslRMIClientSocketFactory`.
//!
//! # Jolokia
//!
//! The same beans are served as JSON over HTTP, by [Jolokia's protocol](jolokia), where [`JmxOptions::jolokia`] says so. It has a port of its own, and in a
//! configuration the address, limits, certificates and credentials of the rest.
//!
//! # Read only
//!
//! Everything is to be read only. Whatever would change a bean is refused as the JDK refuses it, and nothing that a client sends is ever run: a message is
//! data of a handful of classes, in bounds, or the end of the connection.

#![forbid(unsafe_code)]

mod collect;
mod factory;
#[cfg(any(test, feature = "hostile"))]
pub mod hostile;
pub mod jolokia;
pub mod model;
mod naming;
mod options;
mod platform;
mod reporter;
mod rmi;
mod shape;

pub use factory::JmxFactory;
pub use jolokia::{JolokiaOptions, JolokiaServer};
pub use naming::NamingPolicy;
pub use options::{JmxOptions, PlatformBeans};
pub use reporter::JmxReporter;

/// The example of the README, which is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
