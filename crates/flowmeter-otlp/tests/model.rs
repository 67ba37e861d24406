//! What is sent is what the registry holds, by a model of its own: every point once, in requests that are not too long.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod job;

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowmeter_core::{
    Family, HistogramSnapshot, Metric, MetricKind, Number, Report, SeriesView, Unit, Value,
};
use flowmeter_otlp::{HistogramForm, OtlpOptions, Temporality};
use job::{Job, Wire, decoded, options, report};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use proptest::prelude::*;

type Attributes = BTreeMap<String, String>;

/// A point, from either side.
#[derive(Clone, Debug, PartialEq)]
struct Point {
    resource: Attributes,
    metric: (String, String, &'static str),
    attributes: Attributes,
    start: u64,
    time: u64,
    content: Content,
}

#[derive(Clone, Debug, PartialEq)]
enum Content {
    Int(i64),
    /// By its bits, for those that are not equal to themselves.
    Double(u64),
    Exponential {
        scale: i32,
        zeros: u64,
        positive: BTreeMap<i64, u64>,
        negative: BTreeMap<i64, u64>,
        rest: Rest,
    },
    Explicit {
        bounds: Vec<f64>,
        counts: Vec<u64>,
        rest: Rest,
    },
}

#[derive(Clone, Debug, PartialEq)]
struct Rest {
    count: u64,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
}

fn attributes_of(attributes: &[KeyValue]) -> Attributes {
    let text = |attribute: &KeyValue| match attribute.value.clone().unwrap().value.unwrap() {
        any_value::Value::StringValue(text) => text,
        other => panic!("{other:?}"),
    };
    let map: Attributes =
        attributes.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect();
    assert_eq!(map.len(), attributes.len(), "a key is there twice");
    map
}

fn buckets(buckets: Option<Buckets>, limit: usize) -> BTreeMap<i64, u64> {
    let Buckets { offset, bucket_counts } = buckets.unwrap_or_default();
    assert!(bucket_counts.len() <= limit.max(2), "{} buckets", bucket_counts.len());
    let indices = i64::from(offset)..;
    indices.zip(bucket_counts).filter(|(_, count)| *count > 0).collect()
}

/// The points of a request.
fn received(request: &[u8], limit: usize) -> Vec<Point> {
    let mut points = Vec::new();
    let request = decoded(&[request.to_vec()]).remove(0);
    for of_resource in request.resource_metrics {
        let resource = attributes_of(&of_resource.resource.unwrap().attributes);
        let [scope] = <[_; 1]>::try_from(of_resource.scope_metrics).unwrap();
        assert_eq!(scope.scope.unwrap().name, "flowmeter");
        for metric in scope.metrics {
            let (name, unit) = (metric.name, metric.unit);
            let mut add = |kind, attributes: &[KeyValue], start, time, content| {
                points.push(Point {
                    resource: resource.clone(),
                    metric: (name.clone(), unit.clone(), kind),
                    attributes: attributes_of(attributes),
                    start,
                    time,
                    content,
                });
            };
            let number = |value: Option<number_data_point::Value>| match value.unwrap() {
                number_data_point::Value::AsInt(value) => Content::Int(value),
                number_data_point::Value::AsDouble(value) => Content::Double(value.to_bits()),
            };
            match metric.data.unwrap() {
                metric::Data::Gauge(gauge) => {
                    for p in gauge.data_points {
                        add(
                            "gauge",
                            &p.attributes,
                            p.start_time_unix_nano,
                            p.time_unix_nano,
                            number(p.value),
                        );
                    }
                }
                metric::Data::Sum(sum) => {
                    let kind = match (sum.aggregation_temporality, sum.is_monotonic) {
                        (1, true) => "delta",
                        (2, true) => "cumulative",
                        (2, false) => "up-down",
                        other => panic!("{other:?}"),
                    };
                    for p in sum.data_points {
                        add(kind, &p.attributes, p.start_time_unix_nano, p.time_unix_nano, number(p.value));
                    }
                }
                metric::Data::ExponentialHistogram(histogram) => {
                    let kind = ["", "delta", "cumulative"][histogram.aggregation_temporality as usize];
                    for p in histogram.data_points {
                        let content = Content::Exponential {
                            scale: p.scale,
                            zeros: p.zero_count,
                            positive: buckets(p.positive, limit),
                            negative: buckets(p.negative, limit),
                            rest: Rest { count: p.count, sum: p.sum, min: p.min, max: p.max },
                        };
                        add(kind, &p.attributes, p.start_time_unix_nano, p.time_unix_nano, content);
                    }
                }
                metric::Data::Histogram(histogram) => {
                    let kind = ["", "delta", "cumulative"][histogram.aggregation_temporality as usize];
                    for p in histogram.data_points {
                        let rest = Rest { count: p.count, sum: p.sum, min: p.min, max: p.max };
                        assert_eq!(p.bucket_counts.iter().sum::<u64>(), p.count);
                        let content =
                            Content::Explicit { bounds: p.explicit_bounds, counts: p.bucket_counts, rest };
                        add(kind, &p.attributes, p.start_time_unix_nano, p.time_unix_nano, content);
                    }
                }
                metric::Data::Summary(_) => panic!("a summary"),
            }
        }
    }
    points
}

/// What is known to be accepted of a series.
#[derive(Clone)]
enum Accepted {
    Sum(u64),
    Histogram(HistogramSnapshot),
}

/// Works out what is to be sent, from a report alone.
struct Model {
    options: OtlpOptions,
    /// With the time of the report.
    accepted: HashMap<(String, Attributes), (Accepted, u64)>,
    now: u64,
    /// What was seen in the last report, in its order, with the point that is to be sent if one is.
    seen: Vec<((String, Attributes), Accepted, Option<Point>)>,
}

impl Model {
    fn look(&mut self, report: &Report<'_>) {
        self.seen.clear();
        self.now = u64::try_from(report.unix_time().as_nanos()).unwrap();
        for family in report.families() {
            let is_explicit = self.options.histograms == HistogramForm::Explicit;
            let family = if is_explicit { family.for_classic_buckets() } else { family };
            let result: Result<(), Infallible> = family.for_each(|series| {
                self.look_at(report, family.family(), series);
                Ok(())
            });
            let Ok(()) = result;
        }
    }

    fn look_at(&mut self, report: &Report<'_>, family: &Family, series: &SeriesView<'_>) {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let fixed = [
            ("service.name", "wordcount"),
            ("telemetry.sdk.language", "rust"),
            ("telemetry.sdk.name", "flowmeter"),
            ("telemetry.sdk.version", version),
        ];
        let mut resource: Attributes =
            fixed.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let mut attributes = Attributes::new();
        for (key, value) in series.group().variables().filter(|(_, value)| !value.is_empty()) {
            let name = if key == "host" { "host.name" } else { key }.to_owned();
            let is_of_resource = self.options.resource_variables.iter().any(|named| named == key);
            let map = if is_of_resource { &mut resource } else { &mut attributes };
            map.insert(name, value.to_owned());
        }
        let identity =
            (family.dotted_name(), series.group().variables().map(|(k, v)| (k.into(), v.into())).collect());
        let is_delta = self.options.temporality == Temporality::Delta;
        let before = self.accepted.get(&identity).cloned().filter(|_| is_delta);
        let temporality = if is_delta { "delta" } else { "cumulative" };
        let mut unit = family.unit().as_str().to_owned();
        let mut start = nanoseconds(series.start_time());
        let accepted_at = before.as_ref().map_or(start, |(_, accepted_at)| *accepted_at);
        let before = before.map(|(before, _)| before);
        if family.kind().is_monotonic_sum() || family.kind() == MetricKind::Histogram {
            start = accepted_at;
        }
        let int_or_double = |number: u64| match i64::try_from(number) {
            Ok(number) => Content::Int(number),
            Err(_) => Content::Double((number as f64).to_bits()),
        };
        let (kind, now, content) = match (family.kind(), series.value()) {
            (MetricKind::Counter | MetricKind::Meter, Value::Number(Number::U64(now))) => {
                let content = match before {
                    Some(Accepted::Sum(before)) if before == now => None,
                    Some(Accepted::Sum(before)) => Some(int_or_double(now.wrapping_sub(before))),
                    _ => Some(int_or_double(now)),
                };
                (temporality, Accepted::Sum(now), content)
            }
            (MetricKind::UpDownCounter, Value::Number(Number::I64(now))) => {
                ("up-down", Accepted::Sum(0), Some(Content::Int(now)))
            }
            (_, Value::Histogram(now)) => {
                if matches!(&*unit, "ms" | "us" | "ns") {
                    "s".clone_into(&mut unit);
                }
                let mut new = now.clone();
                let is_first = before.is_none();
                if let Some(Accepted::Histogram(before)) = &before {
                    new.subtract(before);
                }
                let content = (new.count() > 0 || is_first).then(|| self.content_of(now, &new, is_first));
                (temporality, Accepted::Histogram(now.clone()), content)
            }
            (_, value) => {
                start = 0;
                let content = match value {
                    Value::Number(Number::U64(number)) => int_or_double(number),
                    Value::Number(Number::I64(number)) => Content::Int(number),
                    Value::Number(Number::F64(number)) => Content::Double(number.to_bits()),
                    Value::Bool(value) => Content::Int(value.into()),
                    Value::Text(text) => {
                        attributes.insert("value".to_owned(), text.to_owned());
                        Content::Int(1)
                    }
                    _ => panic!("{value:?}"),
                };
                ("gauge", Accepted::Sum(0), Some(content))
            }
        };
        let name = family.dotted_name();
        let point = content.map(|content| Point {
            resource,
            metric: (name, unit, kind),
            attributes,
            start,
            time: nanoseconds(report.unix_time()),
            content,
        });
        self.seen.push((identity, now, point));
    }

    fn content_of(&self, all: &HistogramSnapshot, new: &HistogramSnapshot, is_first: bool) -> Content {
        let unit = all.bucket_unit();
        let extreme =
            |number: Option<Number>| number.filter(|_| is_first).map(|number| number.to_f64() / unit);
        let is_signed = all.min().is_some_and(|min| min.to_f64() < 0.0);
        let rest = Rest {
            count: new.count(),
            sum: (!is_signed).then(|| new.sum().to_f64() / unit),
            min: extreme(all.min()),
            max: extreme(all.max()),
        };
        if self.options.histograms == HistogramForm::Explicit {
            let exponents: Vec<i32> = (0..16).map(|place| -20 + 2 * place).collect();
            let up_to = exponents.iter().map(|exponent| new.count_up_to_power_of_two(*exponent));
            let mut counts: Vec<u64> = up_to.chain([new.count()]).collect();
            for place in (1..counts.len()).rev() {
                counts[place] -= counts[place - 1];
            }
            let bounds = exponents.iter().map(|exponent| 2_f64.powi(*exponent)).collect();
            return Content::Explicit { bounds, counts, rest };
        }
        // The finest scale at which both have few enough buckets.
        let at = |range: &flowmeter_core::BucketRange, scale: i32| -> BTreeMap<i64, u64> {
            let width = 2_i64.pow((new.scale().cast_signed() - scale).cast_unsigned());
            let mut buckets = BTreeMap::new();
            for (index, count) in range.iter().filter(|(_, count)| *count > 0) {
                *buckets.entry(i64::from(index).div_euclid(width)).or_default() += count;
            }
            buckets
        };
        let span = |buckets: &BTreeMap<i64, u64>| match (buckets.keys().next(), buckets.keys().last()) {
            (Some(first), Some(last)) => usize::try_from(last - first + 1).unwrap(),
            _ => 0,
        };
        let limit = self.options.bucket_limit.max(2);
        let scale = (-20..=new.scale().cast_signed())
            .rev()
            .find(|scale| {
                span(&at(new.positive(), *scale)) <= limit && span(&at(new.negative(), *scale)) <= limit
            })
            .unwrap();
        Content::Exponential {
            scale,
            zeros: new.zero_count(),
            positive: at(new.positive(), scale),
            negative: at(new.negative(), scale),
            rest,
        }
    }

    /// Checks the requests of the last report, of which so many are accepted.
    fn check(&mut self, requests: &[Vec<u8>], accepted: usize) {
        let mut expected = self.seen.iter().filter_map(|(_, _, point)| point.clone());
        let mut taken = 0;
        for (number, request) in requests.iter().enumerate() {
            assert!(request.len() <= self.options.request_size, "{} bytes", request.len());
            let mut points = received(request, self.options.bucket_limit);
            assert!(!points.is_empty());
            if number < accepted {
                taken += points.len();
            }
            for point in expected.by_ref().take(points.len()) {
                let place = points.iter().position(|received| *received == point);
                let place = place.unwrap_or_else(|| panic!("{point:#?} is not among {points:#?}"));
                points.swap_remove(place);
            }
            assert_eq!(points, [], "more than there is");
        }
        assert_eq!(expected.next(), None, "not sent");
        let all = accepted >= requests.len();
        if taken == 0 && !all {
            return;
        }
        for (identity, now, point) in self.seen.drain(..) {
            if point.is_some() {
                if taken == 0 && !all {
                    break;
                }
                taken = taken.saturating_sub(1);
            }
            self.accepted.insert(identity, (now, self.now));
        }
    }
}

/// Metrics by which a test writes, whatever they are.
type Write = Box<dyn Fn(u64)>;

fn metrics(job: &mut Job) -> Vec<Write> {
    let mut writes: Vec<Write> = Vec::new();
    for (host, id) in [("a", "1"), ("b", "2"), ("a", "3")] {
        let manager = job.registry.task_manager(host, id);
        for key in ["x", "some longer value of a user's variable"] {
            let group = manager.add_group_kv("user_key", key);
            let (counter, meter) = (group.counter("numRecordsIn"), group.meter("mails"));
            let (up_down, float) = (group.up_down_counter("queue"), group.gauge::<f64>("load"));
            let (signed, unsigned) = (group.gauge::<i64>("lag"), group.gauge::<u64>("size"));
            let (truth, text) = (group.gauge::<bool>("healthy"), group.text_gauge("state"));
            let time = group.histogram::<Duration>("wait");
            let share = group.histogram::<f64>(Metric::new("balance").with_unit(Unit::RATIO));
            writes.push(Box::new(move |value| counter.inc_by(value)));
            writes.push(Box::new(move |value| meter.mark_by(value % 1_000)));
            writes.push(Box::new(move |value| up_down.add(value.cast_signed())));
            writes.push(Box::new(move |value| float.set(f64::from_bits(value))));
            writes.push(Box::new(move |value| signed.set(value.cast_signed())));
            writes.push(Box::new(move |value| unsigned.set(value)));
            writes.push(Box::new(move |value| truth.set(value % 2 == 0)));
            writes.push(Box::new(move |value| text.set("é".repeat(value as usize % 9))));
            writes.push(Box::new(move |value| time.record(Duration::from_nanos(value >> (value % 64)))));
            writes.push(Box::new(move |value| share.record(f64::from_bits(value))));
        }
        job.hold(manager);
    }
    writes
}

fn option_sets() -> impl Strategy<Value = OtlpOptions> {
    let variables = prop::sample::subsequence(vec!["host", "tm_id", "user_key", "missing"], 0..=4);
    let limits = prop_oneof![Just(2), Just(7), Just(160)];
    (any::<[bool; 2]>(), 700_usize..6_000, limits, variables).prop_map(
        |([is_delta, is_explicit], size, bucket_limit, variables)| {
            options(|options| {
                options.temporality = if is_delta { Temporality::Delta } else { Temporality::Cumulative };
                options.histograms =
                    if is_explicit { HistogramForm::Explicit } else { HistogramForm::Exponential };
                options.request_size = size;
                options.bucket_limit = bucket_limit;
                options.resource_variables = variables.into_iter().map(str::to_owned).collect();
            })
        },
    )
}

fn round() -> impl Strategy<Value = (Vec<(usize, u64)>, usize)> {
    let value = prop_oneof![0_u64..20, any::<u64>()];
    (prop::collection::vec((0_usize..60, value), 0..80), prop_oneof![0_usize..4, Just(usize::MAX)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 64 } else { 512 }))]

    #[test]
    fn every_point_is_sent_once(options in option_sets(), rounds in prop::collection::vec(round(), 1..5)) {
        let model = Model { options: options.clone(), accepted: HashMap::new(), now: 0, seen: Vec::new() };
        let model = Arc::new(Mutex::new(model));
        let looking = Arc::clone(&model);
        let look = move |report: &Report<'_>| looking.lock().unwrap().look(report);
        let wire = Wire::with_look(&options, Some(Box::new(look)));
        let mut job = Job::empty();
        let writes = metrics(&mut job);
        let handle = job.add(&wire);
        for (written, accepted) in rounds {
            written.into_iter().for_each(|(place, value)| writes[place](value));
            job.clock.advance(Duration::from_millis(1_500));
            wire.accept(accepted);
            report(&handle);
            prop_assert_eq!(wire.dropped(), 0);
            model.lock().unwrap().check(&wire.requests(), accepted);
        }
    }
}
