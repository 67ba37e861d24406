//! From series to lines.

mod derived;
mod flink;
mod native;
mod number;
mod sample;
mod scale;

use flowmeter_core::Report;

use crate::StatsdOptions;
use crate::packets::Packets;
use crate::unsaid::Unsaid;

pub(crate) use native::Native;

/// What a report is encoded with.
pub(crate) struct Encoding<'a> {
    pub(crate) options: &'a StatsdOptions,
    /// Whether all is told of though it has not grown, and not only what the daemon does not know.
    pub(crate) is_beat: bool,
    /// What cannot be said.
    pub(crate) unsaid: &'a mut Unsaid,
}

/// Writes all series of a report into packets, and calls `full` whenever some of those should be sent.
///
/// # Errors
///
/// The first of `full`.
pub(crate) fn encode<E>(
    encoding: &mut Encoding<'_>,
    native: &mut Native,
    report: &Report<'_>,
    packets: &mut Packets,
    full: &mut impl FnMut(&mut Packets) -> Result<(), E>,
) -> Result<(), E> {
    if encoding.options.dialect.has_deltas() {
        native.encode(encoding, report, packets, full)
    } else {
        flink::encode(encoding, report, packets, full)
    }
}
