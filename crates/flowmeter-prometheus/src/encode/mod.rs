//! The formats.

mod about;
mod edges;
pub(crate) mod escape;
mod exemplar;
mod flink;
mod number;
mod open_metrics;
mod protobuf;
mod sample;
mod selection;
mod series;
mod text;
mod wire;

use std::collections::HashSet;
use std::convert::Infallible;

use flowmeter_core::{FamilyView, Report};

pub(crate) use about::About;
pub(crate) use flink::encode_flink;
pub(crate) use selection::Selection;
pub use text::{CONTENT_TYPE, TextEncoder};

use crate::naming::{BaseUnit, Escaping, Kind, base_unit};

/// What an answer is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Format {
    /// [Text 0.0.4](https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
    Text,
    /// [OpenMetrics 1.0](https://prometheus.io/docs/specs/om/open_metrics_spec/).
    OpenMetrics,
    /// [Protocol buffers](https://github.com/prometheus/client_model), each behind its length.
    Protobuf,
}

/// Which buckets histograms have where a format has both kinds. The text formats always have the classic ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Buckets {
    /// Classic buckets alone.
    Classic,
    /// Exponential buckets alone, which Prometheus calls a native histogram.
    Native,
    /// Both; a server takes what it is configured to.
    #[default]
    Both,
}

/// How to write a report.
pub(crate) struct Encoding<'a> {
    pub(crate) format: Format,
    pub(crate) escaping: Escaping,
    /// Whether names can have characters that not every server takes.
    pub(crate) any_names: bool,
    pub(crate) selection: &'a Selection,
    pub(crate) buckets: Buckets,
    /// Whether OpenMetrics says since when sums count.
    pub(crate) created: bool,
    pub(crate) about: &'a About,
}

/// Where a report is written: a buffer that is emptied whenever it has grown by a chunk or a little more.
pub(crate) struct Output<'a> {
    pub(crate) bytes: &'a mut Vec<u8>,
    pub(crate) chunk: usize,
    pub(crate) full: &'a mut dyn FnMut(&mut Vec<u8>),
}

impl Output<'_> {
    #[inline]
    fn flush_if_full(&mut self) {
        if self.bytes.len() >= self.chunk {
            (self.full)(self.bytes);
        }
    }
}

impl Encoding<'_> {
    /// Writes a report. Returns what the format cannot have beside the rest, because names are taken.
    pub(crate) fn encode(&self, report: &Report<'_>, output: &mut Output<'_>) -> LeftOut {
        self.about.write(self, output);
        let mut taken = Taken::new(self);
        let mut left_out = LeftOut::default();
        let is_classic = self.format != Format::Protobuf || self.buckets == Buckets::Classic;
        for family in report.families() {
            let family = if is_classic { family.for_classic_buckets() } else { family };
            let described = Described::of(&family, self.escaping);
            if !self.selection.takes(&described) {
                continue;
            }
            if !taken.admit(&described) {
                left_out.add(&family, described.name);
                continue;
            }
            match self.format {
                Format::Text => text::write_family(self, &family, &described, output),
                Format::OpenMetrics => open_metrics::write_family(self, &family, &described, output),
                Format::Protobuf => protobuf::write_family(self, &family, &described, output),
            }
        }
        if self.format == Format::OpenMetrics {
            output.bytes.extend_from_slice(open_metrics::END);
        }
        left_out
    }

    /// Whether the names of labels are to be written anew for this answer.
    fn changes_labels(&self) -> bool {
        match self.escaping {
            Escaping::AllowUtf8 => false,
            Escaping::Dots => true,
            Escaping::Underscores | Escaping::Values => self.any_names,
        }
    }
}

/// What an answer has not.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    pub(crate) series: u64,
    /// The name of the first of the families.
    pub(crate) first: Option<String>,
}

impl LeftOut {
    fn add(&mut self, family: &FamilyView<'_>, name: String) {
        let counted: Result<(), Infallible> = family.for_each(|_| {
            self.series += 1;
            Ok(())
        });
        let Ok(()) = counted;
        self.first.get_or_insert(name);
    }
}

/// What is written of a family before its series.
pub(crate) struct Described<'a> {
    pub(crate) kind: Kind,
    /// The name with the suffix of its kind, as it is escaped for this answer.
    pub(crate) name: String,
    pub(crate) unit: Option<BaseUnit>,
    pub(crate) help: Help<'a>,
}

/// Linters ask for a help text; where the metric has none, it says where it comes from.
pub(crate) enum Help<'a> {
    Described(&'a str),
    Scope { metric: &'a str, scope: &'a str },
}

impl<'a> Described<'a> {
    fn of(view: &FamilyView<'a>, escaping: Escaping) -> Self {
        let family = view.family();
        let kind = Kind::of(family);
        let stem = String::from_utf8_lossy(view.prepared());
        let help = match family.description() {
            "" => Help::Scope { metric: family.name(), scope: family.logical_scope() },
            description => Help::Described(description),
        };
        Self {
            kind,
            name: escaping.escape(&(stem + kind.suffix())).into_owned(),
            unit: base_unit(family.unit()),
            help,
        }
    }

    /// The name without the suffix of its kind.
    pub(crate) fn stem(&self) -> &str {
        self.name.strip_suffix(self.kind.suffix()).unwrap_or(&self.name)
    }

    pub(crate) fn decimals(&self) -> u32 {
        self.unit.map_or(0, |unit| unit.decimals)
    }

    /// The names of its samples, and of itself.
    fn names(&self) -> impl Iterator<Item = String> + '_ {
        let suffixes: &[&str] = match self.kind {
            Kind::Counter => &["", "_total", "_created"],
            Kind::Gauge => &[""],
            Kind::Info => &["", "_info"],
            Kind::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
        };
        suffixes.iter().map(|suffix| format!("{}{suffix}", self.stem()))
    }
}

impl Help<'_> {
    fn write(&self, out: &mut Vec<u8>, escape: impl Fn(&str, &mut Vec<u8>)) {
        match self {
            Self::Described(text) => escape(text, out),
            Self::Scope { metric, scope } => {
                escape(metric, out);
                out.extend_from_slice(b" (scope: ");
                escape(scope, out);
                out.push(b')');
            }
        }
    }
}

/// The names of samples that an answer has, where they could be another family's as well: in OpenMetrics, in which
/// they must not be, and where escaping takes away what told names apart.
struct Taken(Option<HashSet<String>>);

impl Taken {
    fn new(encoding: &Encoding<'_>) -> Self {
        let loses = encoding.any_names && matches!(encoding.escaping, Escaping::Underscores | Escaping::Dots);
        Self((loses || encoding.format == Format::OpenMetrics).then(HashSet::new))
    }

    /// Takes the names of a family, unless any of them is taken.
    fn admit(&mut self, described: &Described<'_>) -> bool {
        let Some(taken) = &mut self.0 else { return true };
        if described.names().any(|name| taken.contains(&name)) {
            return false;
        }
        taken.extend(described.names());
        true
    }
}
