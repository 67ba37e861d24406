//! OpenMetrics 1.0.

use std::time::Duration;

use flowmeter_core::FamilyView;

use super::escape::write_label_value;
use super::number::write_u64;
use super::sample::write_family_name;
use super::series::write_series;
use super::{Described, Encoding, Output};
use crate::naming::Kind;

/// What ends an answer, so that one that broke off is noticed.
pub(super) const END: &[u8] = b"# EOF\n";

pub(super) fn write_family(
    encoding: &Encoding<'_>,
    family: &FamilyView<'_>,
    described: &Described<'_>,
    output: &mut Output<'_>,
) {
    let out = &mut *output.bytes;
    let stem = described.stem();
    let mut line = |what: &[u8]| {
        out.extend_from_slice(what);
        write_family_name(stem, out);
        out.push(b' ');
    };
    line(b"# TYPE ");
    out.extend_from_slice(match described.kind {
        Kind::Counter => b"counter\n",
        Kind::Gauge => b"gauge\n",
        Kind::Info => b"info\n",
        Kind::Histogram => b"histogram\n",
    });
    // The unit has to be the end of the name.
    if let Some(unit) =
        described.unit.filter(|unit| ends_in(stem, unit.suffix) && described.kind != Kind::Info)
    {
        out.extend_from_slice(b"# UNIT ");
        write_family_name(stem, out);
        out.push(b' ');
        out.extend_from_slice(unit.suffix.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"# HELP ");
    write_family_name(stem, out);
    out.push(b' ');
    // Quotes are escaped as well here.
    described.help.write(out, write_label_value);
    out.push(b'\n');
    write_series::<true>(encoding, family, described, output);
}

fn ends_in(stem: &str, unit: &str) -> bool {
    stem.strip_suffix(unit).is_some_and(|before| before.ends_with('_'))
}

/// Writes a time since the Unix epoch, in seconds.
pub(super) fn write_time(time: Duration, out: &mut Vec<u8>) {
    write_u64(time.as_secs(), out);
    out.extend_from_slice(format!(".{:03}", time.subsec_millis()).as_bytes());
}
