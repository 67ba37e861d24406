//! The protocol of the JDK's own clients: RMI, with objects as Java serializes them.
//!
//! ```text
//! server -> connection -> message -> reader       what a client sends
//!                         desk -> model           what it asks for
//!           connection <- answer <- java, writer  what it gets
//! ```
//!
//! Nothing is ever run for a client. Objects are read as data, of a handful of classes that are known to the last field; one of another class
//! ends the connection.
//!
//! Sources: the [RMI wire protocol](https://docs.oracle.com/en/java/javase/17/docs/specs/rmi/protocol.html), the [object serialization stream
//! protocol](https://docs.oracle.com/en/java/javase/17/docs/specs/serialization/protocol.html), and what JDK 17 sends.

mod answer;
mod arguments;
mod auth;
mod class;
mod classes;
mod connection;
mod desk;
mod exception;
mod exception_classes;
mod exports;
mod fetch;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
mod identity;
mod java;
mod listeners;
mod message;
mod method;
mod object;
#[cfg(any(test, feature = "hostile"))]
pub(crate) mod probe;
mod race;
mod reader;
#[cfg(test)]
mod samples;
mod server;
mod stub;
mod text;
mod writer;

pub(crate) use server::RmiServer;
