//! The text exposition format 0.0.4.

use std::cell::{Cell, RefCell};

use flowmeter_core::{Family, FamilyView, GroupView, Report};

use super::escape::write_help;
use super::sample::write_family_name;
use super::series::write_series;
use super::{About, Buckets, Described, Encoding, Format, Output, Selection};
use crate::naming::{Escaping, Kind, NamingPolicy};

/// The content type of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes reports in the text format, with Prometheus' own names.
///
/// It is the part of the reporter that has no network: what it prepares and encodes can go anywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextEncoder;

impl TextEncoder {
    /// Writes the labels of a group, as they stand between the name and the value of each of its series:
    /// `{host="h",tm_id="tm-1"} `.
    pub fn prepare_group(self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        NamingPolicy::Native.prepare_group(group, out);
    }

    /// Writes the [name](Self::name) of a family, without the suffix of its kind.
    pub fn prepare_family(self, family: &Family, out: &mut Vec<u8>) {
        NamingPolicy::Native.prepare_family(family, out);
    }

    /// The name of a family's samples: that of a counter ends in `_total`, that of a text in `_info`. Those of a histogram
    /// have `_bucket`, `_sum` and `_count` behind it.
    #[must_use]
    pub fn name(self, family: &Family) -> String {
        let mut stem = Vec::new();
        self.prepare_family(family, &mut stem);
        String::from_utf8_lossy(&stem).into_owned() + Kind::of(family).suffix()
    }

    /// Appends a report to `out`, which `full` may empty whenever it has grown by `chunk` bytes or a little more.
    pub fn encode(
        self,
        report: &Report<'_>,
        out: &mut Vec<u8>,
        chunk: usize,
        mut full: impl FnMut(&mut Vec<u8>),
    ) {
        let encoding = Encoding {
            format: Format::Text,
            escaping: Escaping::Underscores,
            any_names: false,
            selection: &Selection::default(),
            buckets: Buckets::default(),
            created: false,
            about: &About::nothing(),
            ages: &RefCell::default(),
            is_over: &Cell::new(false),
        };
        encoding.encode(report, &mut Output { bytes: out, chunk, full: &mut full });
    }
}

pub(super) fn write_family(
    encoding: &Encoding<'_>,
    family: &FamilyView<'_>,
    described: &Described<'_>,
    output: &mut Output<'_>,
) {
    let out = &mut *output.bytes;
    out.extend_from_slice(b"# HELP ");
    write_family_name(&described.name, out);
    out.push(b' ');
    described.help.write(out, write_help);
    out.extend_from_slice(b"\n# TYPE ");
    write_family_name(&described.name, out);
    out.extend_from_slice(match described.kind {
        Kind::Counter => b" counter\n",
        Kind::Histogram => b" histogram\n",
        Kind::Gauge | Kind::Info => b" gauge\n",
    });
    write_series::<false>(encoding, family, described, output);
}
