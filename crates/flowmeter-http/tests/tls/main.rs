//! HTTPS, as clients meet it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod answers;
mod certificates;
mod files;
mod handshakes;
mod renewal;
