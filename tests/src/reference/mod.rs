//! The lists in `docs/reference`, made from the descriptors of the crates, and what is missing in them.
//!
//! ```text
//! keys of configurations ──────────────────> configuration_page  docs/reference/configuration.md
//! catalogues ──> families ──┬──────────────> metrics_page  docs/reference/metrics.md
//! flink-metrics.tsv ──> flink_metric ──> comparison ──┬──> flink_page  docs/reference/flink-metrics.md
//!                                                     └──> complaints
//! ```

mod catalogues;
mod comparison;
mod complaints;
mod configuration_page;
mod families;
mod flink_metric;
mod flink_page;
mod markdown;
mod metrics_page;
mod names;
mod pattern;
mod placeholders;
mod scopes;
mod units;
mod words;

pub use catalogues::{CATALOGUES, Catalogue};

use comparison::Comparison;
use families::Described;
use flink_metric::FlinkMetric;

/// A document that is made from the code.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where it is, from the repository's root.
    pub path: &'static str,
    /// What it has to say.
    pub text: String,
}

/// The documents of the catalogues that there are.
#[must_use]
pub fn documents() -> [Document; 3] {
    let comparison = comparison();
    [
        Document { path: "docs/reference/configuration.md", text: configuration_page::page() },
        Document { path: "docs/reference/metrics.md", text: metrics_page::page(CATALOGUES, &comparison) },
        Document { path: "docs/reference/flink-metrics.md", text: flink_page::page(&comparison) },
    ]
}

/// What is wrong with the catalogues that there are: Flink's metrics that are neither in them nor have a reason, reasons that
/// are none, units that differ, and names that two families have.
#[must_use]
pub fn complaints() -> Vec<String> {
    complaints::complaints(&comparison())
}

/// The names of Flink's metrics with their logical scopes, each with the reason why flowmeter does not have it,
/// which is empty if it has. What is known at run time only is `<>` in them.
#[must_use]
pub fn flink_names() -> Vec<(String, &'static str)> {
    let names =
        |metric: FlinkMetric<'static>| metric.names().into_iter().map(move |name| (name, metric.reason));
    FlinkMetric::all().into_iter().flat_map(names).collect()
}

/// Flink's metrics beside those of the catalogues.
fn comparison() -> Comparison<'static> {
    Comparison::new(FlinkMetric::all(), Described::all(CATALOGUES))
}
