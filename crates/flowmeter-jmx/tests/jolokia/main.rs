//! Beans by Jolokia's protocol, as clients see them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod beans;
mod client;
mod compatible;
mod exchanges;
mod reports;
