//! What came, in the terms of tests.

use std::collections::BTreeMap;

use flowmeter_testkit::otlp::{Message, Received, Total};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogramDataPoint, Metric,
};

/// Attributes as texts.
pub(crate) type Attributes = BTreeMap<String, String>;

pub(crate) fn attributes(pairs: &[KeyValue]) -> Attributes {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    };
    pairs.iter().map(|pair| (pair.key.clone(), text(&pair.value))).collect()
}

/// All messages that were taken.
pub(crate) fn messages(received: &Received) -> impl Iterator<Item = &Message> {
    received
        .requests
        .iter()
        .filter(|request| request.is_taken)
        .filter_map(|request| request.message.as_ref().ok())
}

/// All metrics of a name, in the order in which they came, with the attributes of their resource.
pub(crate) fn metrics<'a>(
    received: &'a Received,
    name: &'a str,
) -> impl Iterator<Item = (Attributes, &'a Metric)> {
    let resources = messages(received).flat_map(|message| match message {
        Message::Metrics(message) => &*message.resource_metrics,
        Message::Traces(_) | Message::Logs(_) => &[],
    });
    resources.flat_map(move |resource| {
        let of_resource = resource.resource.as_ref().map(|resource| attributes(&resource.attributes));
        let metrics = resource.scope_metrics.iter().flat_map(|scope| &scope.metrics);
        let named = metrics.filter(move |metric| metric.name == name);
        named.map(move |metric| (of_resource.clone().unwrap_or_default(), metric))
    })
}

/// What sums of a name come to, by the value of an attribute.
pub(crate) fn sums(received: &Received, name: &str, attribute: &str) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for (series, total) in received.totals().expect("what came is right") {
        if let Total::Integers(total) = total
            && series.name == name
        {
            *sums.entry(series.attributes.get(attribute).cloned().unwrap_or_default()).or_default() += total;
        }
    }
    sums
}

/// What exponential histograms have come to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorded {
    pub count: u64,
    pub sum: f64,
    /// Known of what is cumulative.
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub scale: i32,
    /// By index, those that have any.
    buckets: BTreeMap<i32, u64>,
}

impl Recorded {
    fn of(point: &ExponentialHistogramDataPoint) -> Self {
        assert_eq!(point.zero_count, 0, "nothing takes no time");
        assert!(point.negative.as_ref().is_none_or(|negative| negative.bucket_counts.is_empty()));
        let (offset, counts) = match &point.positive {
            Some(positive) => (positive.offset, &*positive.bucket_counts),
            None => (0, &[][..]),
        };
        let buckets = (offset..).zip(counts.iter().copied()).filter(|(_, count)| *count > 0);
        Self {
            count: point.count,
            sum: point.sum.expect("nothing is negative"),
            min: point.min,
            max: point.max,
            scale: point.scale,
            buckets: buckets.collect(),
        }
    }

    /// With what others have recorded, at the coarser of the scales.
    fn plus(self, other: Self) -> Self {
        if self.count == 0 {
            return other;
        }
        let scale = self.scale.min(other.scale);
        let both = |of: fn(f64, f64) -> f64, a: Option<f64>, b: Option<f64>| Some(of(a?, b?));
        let mut all = Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            min: both(f64::min, self.min, other.min),
            max: both(f64::max, self.max, other.max),
            scale,
            buckets: BTreeMap::new(),
        };
        for (from, buckets) in [(self.scale, self.buckets), (other.scale, other.buckets)] {
            for (index, count) in buckets {
                *all.buckets.entry(index >> (from - scale)).or_default() += count;
            }
        }
        all
    }

    /// The number of values in all buckets.
    pub(crate) fn in_buckets(&self) -> u64 {
        self.buckets.values().sum()
    }

    /// The edges of the bucket with the first value that has enough values up to it.
    pub(crate) fn quantile(&self, quantile: f64) -> (f64, f64) {
        let rank = ((quantile * self.count as f64).ceil() as u64).max(1);
        let mut up_to = 0;
        let bucket = self.buckets.iter().find(|(_, count)| {
            up_to += **count;
            up_to >= rank
        });
        let index = *bucket.expect("the buckets have all values").0;
        let edge = |index: i32| 2_f64.powf(f64::from(index) * 2_f64.powi(-self.scale));
        (edge(index), edge(index + 1))
    }

    /// By which part of itself the middle of a bucket can be off.
    pub(crate) fn relative_error(&self) -> f64 {
        let base = 2_f64.powf(2_f64.powi(-self.scale));
        (base - 1.0) / (base + 1.0)
    }

    /// Whether a quantile is a value, but for the width of a bucket.
    pub(crate) fn assert_quantile(&self, quantile: f64, exact: f64) {
        let (lower, upper) = self.quantile(quantile);
        // Edges are powers that are rounded.
        let rounding = 1e-12;
        assert!(
            lower * (1.0 - rounding) <= exact && exact <= upper * (1.0 + rounding),
            "{quantile}: {exact} is not in {lower} to {upper}"
        );
        let middle = 2.0 * lower * upper / (lower + upper);
        let error = (middle / exact - 1.0).abs();
        assert!(
            error <= self.relative_error() + rounding,
            "{quantile}: {middle} for {exact}, off by {error}"
        );
    }
}

/// What exponential histograms of a name have come to, by the value of an attribute.
pub(crate) fn recorded(received: &Received, name: &str, attribute: &str) -> BTreeMap<String, Recorded> {
    let mut series = BTreeMap::<(Attributes, Attributes), Recorded>::new();
    for (resource, metric) in metrics(received, name) {
        let Some(Data::ExponentialHistogram(histogram)) = &metric.data else {
            panic!("{name} is {:?}", metric.data)
        };
        let is_delta = histogram.aggregation_temporality() == AggregationTemporality::Delta;
        for point in &histogram.data_points {
            let known = series.entry((resource.clone(), attributes(&point.attributes))).or_default();
            let recorded = Recorded::of(point);
            *known = if is_delta { std::mem::take(known).plus(recorded) } else { recorded };
        }
    }
    let mut all = BTreeMap::<String, Recorded>::new();
    for ((_, attributes), recorded) in series {
        let known = all.entry(attributes.get(attribute).cloned().unwrap_or_default()).or_default();
        *known = std::mem::take(known).plus(recorded);
    }
    all
}
