//! `#[derive(MetricSet)]`: a struct of metric handles becomes a metric set, which one call registers.
//!
//! It comes through the feature `derive` of `flowmeter-core` and `flowmeter`; nobody needs to name this crate.
//!
//! ```
//! use flowmeter_core::{Counter, Histogram, MetricSet, Registry};
//!
//! #[derive(MetricSet)]
//! struct JoinMetrics {
//!     /// Records that found a partner.
//!     #[metric(unit = "{record}")]
//!     num_matched: Counter,
//!     /// How long records waited for theirs.
//!     #[metric(name = "waitingTime", unit = MILLISECONDS, scale = 3, bucket_limit = 80)]
//!     waiting: Histogram<u64>,
//! }
//!
//! let registry = Registry::new();
//! let join = JoinMetrics::register(&registry.add_group("join"));
//! join.num_matched.inc();
//! join.waiting.record(12);
//! assert_eq!(JoinMetrics::DESCRIPTORS[0].metric().name(), "numMatched");
//! assert_eq!(JoinMetrics::DESCRIPTORS[0].metric().description(), "Records that found a partner.");
//! ```
//!
//! A field is a handle, or with `#[metric(set)]` another metric set, whose metrics become part of this one. The first paragraph
//! of its doc comment is the metric's description. What else `#[metric(...)]` takes:
//!
//! | key | what | without it |
//! |---|---|---|
//! | `name = "numMatched"` | the name | the field's, in camel case |
//! | `unit = "By"`, `unit = BYTES` | the unit, as a UCUM code or the name of a constant of `Unit` | none, or that of the handle |
//! | `rate = "numMatchedPerSecond"` | the name of the rate of a counter or a meter, for policies that have rates as metrics | none |
//! | `names(prometheus = "process_cpu_seconds_total")`, `names(flink = ["now", "before"])` | whole names for naming policies; in brackets with those that it had before | none |
//! | `scale = 3`, `bucket_limit = 80`, `bounds = [0.1, 1.0]` | options of a histogram | its defaults |
//! | `set` | the field is a metric set | it is a handle |

#![forbid(unsafe_code)]

mod expand;
mod field;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input, parse_quote};

/// Derives `flowmeter_core::MetricSet`, see the [crate](self).
#[proc_macro_derive(MetricSet, attributes(metric))]
pub fn derive_metric_set(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::metric_set(&input, &parse_quote!(::flowmeter_core)).into()
}

/// The same for whoever has `flowmeter` alone, which re-exports it as `MetricSet`.
#[proc_macro_derive(FacadeMetricSet, attributes(metric))]
pub fn derive_facade_metric_set(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::metric_set(&input, &parse_quote!(::flowmeter)).into()
}

/// The example of the README, which is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
