//! What requests add up to.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, NumberDataPoint, metric::Data, number_data_point,
};

use super::{Message, Received};

/// What tells a series apart: the attributes of its resource, its name, and its attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// The attributes of the resource, as texts.
    pub resource: BTreeMap<String, String>,
    /// The name of the metric.
    pub name: String,
    /// The attributes of the points, as texts.
    pub attributes: BTreeMap<String, String>,
}

/// What a series has come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Total {
    /// A sum of integers.
    Integers(i64),
    /// A sum of other numbers.
    Numbers(f64),
    /// The last value of a gauge.
    Gauge(f64),
    /// A histogram, explicit or exponential.
    Histogram {
        /// How many values were recorded.
        count: u64,
        /// Their sum.
        sum: f64,
    },
}

impl Total {
    fn plus(self, other: Self) -> Result<Self, String> {
        match (self, other) {
            (Self::Integers(a), Self::Integers(b)) => {
                a.checked_add(b).map(Self::Integers).ok_or_else(|| "a sum that overflows".to_owned())
            }
            (Self::Numbers(a), Self::Numbers(b)) => Ok(Self::Numbers(a + b)),
            (Self::Histogram { count, sum }, Self::Histogram { count: more, sum: other }) => {
                Ok(Self::Histogram { count: count + more, sum: sum + other })
            }
            (one, other) => Err(format!("{one:?} goes on as {other:?}")),
        }
    }

    fn is_less(self, other: Self) -> bool {
        match (self, other) {
            (Self::Integers(a), Self::Integers(b)) => a < b,
            (Self::Numbers(a), Self::Numbers(b)) => a < b,
            (Self::Histogram { count: a, .. }, Self::Histogram { count: b, .. }) => a < b,
            _ => false,
        }
    }
}

/// A point of a series.
struct Point {
    temporality: Option<AggregationTemporality>,
    is_monotonic: bool,
    start: u64,
    time: u64,
    value: Total,
}

/// How far a series has come.
struct Progress {
    /// What came before the last start.
    base: Option<Total>,
    last: Point,
}

impl Progress {
    fn total(&self) -> Result<Total, String> {
        self.base.map_or(Ok(self.last.value), |base| base.plus(self.last.value))
    }

    /// Goes on with another point.
    fn follow(&mut self, point: Point) -> Result<(), String> {
        let Point { temporality, is_monotonic, start, time, value } = point;
        let last = &self.last;
        if temporality != last.temporality || is_monotonic != last.is_monotonic {
            return Err(format!("{:?} goes on as {temporality:?}", last.temporality));
        }
        match temporality {
            None if time < last.time => return Err("a time that is before the last".to_owned()),
            None => {}
            // Sent and taken twice.
            Some(AggregationTemporality::Cumulative)
                if (start, time, value) == (last.start, last.time, last.value) => {}
            Some(AggregationTemporality::Cumulative) => {
                if time <= last.time {
                    return Err("a time that is not after the last".to_owned());
                }
                if start == last.start {
                    if is_monotonic && value.is_less(last.value) {
                        return Err(format!("{:?} becomes less: {value:?}", last.value));
                    }
                } else if start >= last.time {
                    // It began anew. What is not monotonic is what it is.
                    self.base = if is_monotonic { Some(self.total()?) } else { None };
                } else {
                    return Err(format!(
                        "a start at {start} that is within the last, which ended at {}",
                        last.time
                    ));
                }
            }
            Some(_) => {
                if start < last.time {
                    return Err(format!(
                        "a start at {start} that is within the last, which ended at {}",
                        last.time
                    ));
                }
                self.base = Some(self.total()?);
            }
        }
        self.last = point;
        Ok(())
    }
}

impl Received {
    /// What all series have come to that were taken: the last values of cumulative ones, with what they had before they began anew,
    /// and the sums of those that are deltas.
    ///
    /// # Errors
    ///
    /// The first that is not as it must be: a series twice in a request, a sum without temporality or start, a delta that overlaps
    /// with the one before it, and what is cumulative and goes back.
    pub fn totals(&self) -> Result<BTreeMap<Series, Total>, String> {
        let mut all = BTreeMap::<Series, Progress>::new();
        for request in self.requests.iter().filter(|request| request.is_taken) {
            let Ok(Message::Metrics(message)) = &request.message else { continue };
            for resource in &message.resource_metrics {
                let of_resource = resource.resource.as_ref().map(|resource| texts(&resource.attributes));
                let of_resource = of_resource.transpose()?.unwrap_or_default();
                for metric in resource.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
                    for (attributes, point) in points(metric.data.as_ref()) {
                        let attributes = texts(attributes)?;
                        let series =
                            Series { resource: of_resource.clone(), name: metric.name.clone(), attributes };
                        take(&mut all, series, point)?;
                    }
                }
            }
        }
        all.into_iter().map(|(series, progress)| Ok((series, progress.total()?))).collect()
    }
}

fn take(
    all: &mut BTreeMap<Series, Progress>,
    series: Series,
    point: Result<Point, String>,
) -> Result<(), String> {
    let wrong = |error: String| format!("{series:?}: {error}");
    let point = point.map_err(wrong)?;
    if point.temporality.is_some() && (point.start == 0 || point.start > point.time) {
        return Err(wrong(format!("a start at {} before an end at {}", point.start, point.time)));
    }
    match all.get_mut(&series) {
        Some(progress) => progress.follow(point).map_err(wrong),
        None => {
            all.insert(series, Progress { base: None, last: point });
            Ok(())
        }
    }
}

/// The points of a metric, each with its attributes.
fn points(data: Option<&Data>) -> Vec<(&[KeyValue], Result<Point, String>)> {
    match data {
        None | Some(Data::Summary(_)) => Vec::new(),
        Some(Data::Gauge(gauge)) => {
            let point = |point: &NumberDataPoint| {
                let value = match number(point)? {
                    Total::Integers(value) => value as f64,
                    Total::Numbers(value) => value,
                    other => return Err(format!("a gauge of {other:?}")),
                };
                let value = Total::Gauge(value);
                Ok(Point {
                    temporality: None,
                    is_monotonic: false,
                    start: 0,
                    time: point.time_unix_nano,
                    value,
                })
            };
            gauge.data_points.iter().map(|each| (&*each.attributes, point(each))).collect()
        }
        Some(Data::Sum(sum)) => {
            let point = |point: &NumberDataPoint| {
                Ok(Point {
                    temporality: Some(temporality(sum.aggregation_temporality)?),
                    is_monotonic: sum.is_monotonic,
                    start: point.start_time_unix_nano,
                    time: point.time_unix_nano,
                    value: number(point)?,
                })
            };
            sum.data_points.iter().map(|each| (&*each.attributes, point(each))).collect()
        }
        Some(Data::Histogram(histogram)) => {
            let points = histogram.data_points.iter();
            let form = histogram.aggregation_temporality;
            points
                .map(|each| {
                    let counted: u64 = each.bucket_counts.iter().sum();
                    let is_whole = each.bucket_counts.is_empty() || counted == each.count;
                    let times = (each.start_time_unix_nano, each.time_unix_nano);
                    (&*each.attributes, recorded(form, times, each.count, each.sum, is_whole))
                })
                .collect()
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            let points = histogram.data_points.iter();
            let form = histogram.aggregation_temporality;
            points
                .map(|each| {
                    let sides = [&each.positive, &each.negative].into_iter().flatten();
                    let counted: u64 = sides.flat_map(|side| &side.bucket_counts).sum();
                    let is_whole = counted + each.zero_count == each.count;
                    let times = (each.start_time_unix_nano, each.time_unix_nano);
                    (&*each.attributes, recorded(form, times, each.count, each.sum, is_whole))
                })
                .collect()
        }
    }
}

fn recorded(
    form: i32,
    times: (u64, u64),
    count: u64,
    sum: Option<f64>,
    is_whole: bool,
) -> Result<Point, String> {
    if !is_whole {
        return Err("buckets that do not add up to the count".to_owned());
    }
    let value = Total::Histogram { count, sum: sum.unwrap_or_default() };
    let (start, time) = times;
    Ok(Point { temporality: Some(temporality(form)?), is_monotonic: true, start, time, value })
}

fn temporality(value: i32) -> Result<AggregationTemporality, String> {
    match AggregationTemporality::try_from(value) {
        Ok(temporality) if temporality != AggregationTemporality::Unspecified => Ok(temporality),
        _ => Err("no temporality".to_owned()),
    }
}

fn number(point: &NumberDataPoint) -> Result<Total, String> {
    match point.value {
        Some(number_data_point::Value::AsInt(value)) => Ok(Total::Integers(value)),
        Some(number_data_point::Value::AsDouble(value)) => Ok(Total::Numbers(value)),
        None => Err("no value".to_owned()),
    }
}

/// Attributes as texts, of which none may be there twice.
fn texts(attributes: &[KeyValue]) -> Result<BTreeMap<String, String>, String> {
    let mut texts = BTreeMap::new();
    for KeyValue { key, value, .. } in attributes {
        let value = match value {
            Some(AnyValue { value: Some(any_value::Value::StringValue(text)) }) => text.clone(),
            Some(AnyValue { value: Some(any_value::Value::IntValue(number)) }) => number.to_string(),
            Some(AnyValue { value: Some(any_value::Value::BoolValue(value)) }) => value.to_string(),
            other => format!("{other:?}"),
        };
        if key.is_empty() || texts.insert(key.clone(), value).is_some() {
            return Err(format!("the attribute `{key}` is empty or there twice"));
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics, Sum};

    use super::super::{Protocol, Request};
    use super::*;

    /// A request with one point each of a sum `a`.
    fn received(form: AggregationTemporality, points: &[(u64, u64, i64)]) -> Received {
        let request = |&(start, time, value): &(u64, u64, i64)| {
            let point = NumberDataPoint {
                start_time_unix_nano: start,
                time_unix_nano: time,
                value: Some(number_data_point::Value::AsInt(value)),
                ..Default::default()
            };
            let sum =
                Sum { data_points: vec![point], aggregation_temporality: form.into(), is_monotonic: true };
            let metric = Metric { name: "a".to_owned(), data: Some(Data::Sum(sum)), ..Default::default() };
            let scope = ScopeMetrics { metrics: vec![metric], ..Default::default() };
            let resource = ResourceMetrics { scope_metrics: vec![scope], ..Default::default() };
            let message = ExportMetricsServiceRequest { resource_metrics: vec![resource] };
            Request {
                protocol: Protocol::Grpc,
                path: String::new(),
                headers: Default::default(),
                wire: Default::default(),
                message: Ok(Message::Metrics(message)),
                is_taken: true,
            }
        };
        Received { requests: points.iter().map(request).collect(), ..Default::default() }
    }

    fn total(form: AggregationTemporality, points: &[(u64, u64, i64)]) -> Result<i64, String> {
        match received(form, points).totals()?.into_values().next() {
            Some(Total::Integers(total)) => Ok(total),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn deltas_add_up_and_do_not_overlap() {
        use AggregationTemporality::Delta;
        assert_eq!(total(Delta, &[(1, 2, 5), (2, 3, 7), (9, 9, 1)]), Ok(13));
        for wrong in [&[(1, 3, 5), (2, 4, 7)][..], &[(1, 2, 5), (1, 2, 5)], &[(0, 2, 5)], &[(3, 2, 5)]] {
            assert!(total(Delta, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn cumulative_sums_are_their_last_value_and_begin_anew() {
        use AggregationTemporality::Cumulative;
        assert_eq!(total(Cumulative, &[(1, 2, 5), (1, 3, 7), (1, 3, 7)]), Ok(7));
        assert_eq!(total(Cumulative, &[(1, 2, 5), (1, 3, 7), (3, 4, 2), (3, 5, 3)]), Ok(10));
        for wrong in [&[(1, 2, 5), (1, 3, 4)][..], &[(1, 3, 5), (2, 4, 9)], &[(1, 3, 5), (1, 2, 6)]] {
            assert!(total(Cumulative, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_was_not_taken_does_not_count() {
        let mut received = received(AggregationTemporality::Delta, &[(1, 2, 5), (1, 2, 5)]);
        received.requests[0].is_taken = false;
        assert_eq!(received.totals().unwrap().into_values().collect::<Vec<_>>(), [Total::Integers(5)]);
        assert_eq!(received.taken(), 1);
    }
}
