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

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use flowmeter_core::{FamilyView, Report};

pub(crate) use about::About;
pub(crate) use flink::encode_flink;
pub(crate) use selection::Selection;
pub use text::{CONTENT_TYPE, TextEncoder};

use crate::naming::{BaseUnit, Escaping, Kind, base_unit_of};

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
#[non_exhaustive]
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
    pub(crate) ages: &'a RefCell<Ages>,
    /// Set when nobody waits for the rest.
    pub(crate) is_over: &'a Cell<bool>,
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
        let taken = self.has_one_name_for_several().then(|| self.refused(report));
        let mut left_out = LeftOut::default();
        let is_classic = self.format != Format::Protobuf || self.buckets == Buckets::Classic;
        for family in report.families().take_while(|_| !self.is_over.get()) {
            let family = if is_classic { family.for_classic_buckets() } else { family };
            let described = Described::of(&family, self.escaping);
            if !self.selection.takes(&described) {
                continue;
            }
            if taken.as_ref().is_some_and(|refused| refused.contains(family.prepared())) {
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

    /// Whether names of samples could be another family's as well: in OpenMetrics, in which they must not be, and where
    /// escaping takes away what told names apart.
    fn has_one_name_for_several(&self) -> bool {
        let loses = self.any_names && matches!(self.escaping, Escaping::Underscores | Escaping::Dots);
        loses || self.format == Format::OpenMetrics
    }

    /// The families whose names are taken by others, which have been there for longer.
    fn refused<'r>(&self, report: &'r Report<'_>) -> HashSet<&'r [u8]> {
        let has_created = self.format == Format::OpenMetrics && self.created;
        let mut families: Vec<_> = report.families().collect();
        let mut ages = self.ages.borrow_mut();
        ages.update(families.iter().map(FamilyView::prepared));
        families.sort_by_key(|family| ages.of(family.prepared()));
        let mut taken: HashSet<String> = self.about.names(self.escaping).collect();
        let mut refused = HashSet::new();
        for family in families {
            let described = Described::of(&family, self.escaping);
            if described.names(has_created).any(|name| taken.contains(&name)) {
                refused.insert(family.prepared());
            } else {
                taken.extend(described.names(has_created));
            }
        }
        refused
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
            unit: base_unit_of(family),
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
    fn names(&self, has_created: bool) -> impl Iterator<Item = String> + '_ {
        let suffixes: &[&str] = match self.kind {
            Kind::Counter => &["_created", "", "_total"],
            Kind::Gauge => &["", ""],
            Kind::Info => &["", "", "_info"],
            Kind::Histogram => &["_created", "", "_bucket", "_sum", "_count"],
        };
        let skipped = usize::from(!has_created);
        suffixes.iter().skip(skipped).map(|suffix| format!("{}{suffix}", self.stem()))
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

/// Since when families are there, in the order in which they came: where two want one name it is the first's, which some
/// server may have series of.
#[derive(Debug, Default)]
pub(crate) struct Ages {
    /// By what was prepared for a family.
    since: HashMap<Box<[u8]>, u64>,
    next: u64,
}

impl Ages {
    /// Takes in new families and forgets those that are gone.
    fn update<'a>(&mut self, families: impl Iterator<Item = &'a [u8]>) {
        let before = std::mem::take(&mut self.since);
        for family in families {
            let since = before.get(family).copied().unwrap_or_else(|| {
                self.next += 1;
                self.next
            });
            self.since.insert(family.into(), since);
        }
    }

    fn of(&self, family: &[u8]) -> u64 {
        self.since.get(family).copied().unwrap_or(u64::MAX)
    }
}
