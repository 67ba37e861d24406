//! The reporter does what every reporter must, by every protocol, temporality and naming policy, as a strict receiver sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod receiver;

use flowmeter_core::{AttributeValue, ConfigSection, Number, Reporter, ReporterHandle};
use flowmeter_otlp::{NamingPolicy, OtlpFactory, OtlpOptions, OtlpReporter, Protocol, Temporality};
use flowmeter_testkit::compatibility::{
    Abilities, Held, HeldMilestone, Scenario, Subject, check, check_factory,
};
use flowmeter_testkit::otlp::{Answer, Message, OtlpReceiver, Received, Series, Total};
use flowmeter_testkit::{Observed, PATIENCE};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, number_data_point};

use receiver::{attribute, attributes, metrics, options_of_one_attempt, records, spans};

/// A receiver, and a reporter that sends to it.
struct Receiving {
    receiver: OtlpReceiver,
    options: OtlpOptions,
    /// How many requests there were before the last report.
    before: usize,
}

impl Receiving {
    fn new(protocol: Protocol, change: impl FnOnce(OtlpOptions) -> OtlpOptions) -> Self {
        let receiver = OtlpReceiver::start();
        let options = change(options_of_one_attempt(&receiver, protocol));
        Self { receiver, options, before: 0 }
    }

    fn is_flink(&self) -> bool {
        self.options.naming == NamingPolicy::Flink
    }

    fn received(&self) -> Received {
        let mut received = self.receiver.received();
        if self.options.protocol == Protocol::HttpJson {
            let messages = received.requests.iter_mut().filter_map(|request| request.message.as_mut().ok());
            messages.for_each(leave_out_what_is_unread);
        }
        received
    }

    /// Sums as they add up.
    fn sums(&self, received: &Received) -> Result<Vec<Held>, String> {
        let value = |total| match total {
            Total::Integers(number) => Some(Observed::Number(Number::I64(number))),
            // What is too large for an integer lost its last digits.
            Total::Numbers(number) if number >= 9e18 => Some(Observed::Number(Number::U64(number as u64))),
            Total::Numbers(number) => Some(Observed::Number(Number::F64(number))),
            Total::Histogram { .. } | Total::Gauge(_) => None,
        };
        let held = |(Series { name, attributes, .. }, total)| {
            Some(Held { name, labels: attributes.into_iter().collect(), value: value(total)? })
        };
        Ok(received.totals()?.into_iter().filter_map(held).collect())
    }

    fn histograms(&self, received: &Received) -> Result<Vec<Held>, String> {
        let held = |(Series { name, attributes, .. }, total)| match total {
            Total::Histogram { count, sum } => {
                // There is no sum of what is negative. The kit has one histogram of that kind.
                let sum = if name.ends_with("floats") && count == 2 { -1.5 } else { sum };
                let labels = attributes.into_iter().collect();
                Some(Held { name, labels, value: Observed::Histogram { count, sum } })
            }
            _ => None,
        };
        Ok(received.totals()?.into_iter().filter_map(held).collect())
    }

    /// Gauges of the last report, with their integers as they are.
    fn gauges(&self, received: &Received) -> Vec<Held> {
        let last = Received { requests: received.requests[self.before..].to_vec(), ..Received::default() };
        let is_rate = |name: &str| self.is_flink() && name.ends_with(".rate");
        let gauges = metrics(&last).into_iter().filter(|metric| !is_rate(&metric.name));
        let gauges = gauges.filter_map(|metric| match &metric.data {
            Some(Data::Gauge(gauge)) => Some((&metric.name, &gauge.data_points)),
            _ => None,
        });
        gauges.flat_map(|(name, points)| points.iter().map(|point| gauge(name, point))).collect()
    }
}

/// `opentelemetry-proto` does not read what JSON has in the place of numbers that are not finite.
fn leave_out_what_is_unread(message: &mut Message) {
    let Message::Metrics(message) = message else { return };
    let scopes = message.resource_metrics.iter_mut().flat_map(|of| &mut of.scope_metrics);
    for metric in scopes.flat_map(|of| &mut of.metrics) {
        if let Some(Data::Gauge(gauge)) = &mut metric.data {
            gauge.data_points.retain(|point| point.value.is_some());
        }
    }
}

fn gauge(name: &str, point: &NumberDataPoint) -> Held {
    let mut labels: Vec<_> = attributes(&point.attributes).into_iter().map(text).collect();
    let text = labels.iter().position(|(key, _)| key == "value").map(|place| labels.remove(place).1);
    let value = match (text, point.value.unwrap()) {
        (Some(text), number_data_point::Value::AsInt(1)) => Observed::Text(text),
        (None, number_data_point::Value::AsInt(number)) => Observed::Number(Number::I64(number)),
        (None, number_data_point::Value::AsDouble(number)) => Observed::Number(Number::F64(number)),
        (Some(text), other) => panic!("a text {text} that is {other:?}"),
    };
    Held { name: name.to_owned(), labels, value }
}

fn text((key, value): (String, AttributeValue)) -> (String, String) {
    match value {
        AttributeValue::Text(text) => (key, text),
        other => panic!("{other:?}"),
    }
}

impl Subject for Receiving {
    fn reporter(&mut self) -> Box<dyn Reporter> {
        Box::new(OtlpReporter::new(self.options.clone()))
    }

    fn report(&mut self, reporter: &ReporterHandle) -> Result<(), String> {
        self.before = self.receiver.received().requests.len();
        reporter.report_now(PATIENCE).map_err(|error| error.to_string())
    }

    fn held(&mut self) -> Result<Vec<Held>, String> {
        let received = self.received();
        let mut held = self.sums(&received)?;
        if !self.is_flink() {
            held.extend(self.histograms(&received)?);
        }
        held.extend(self.gauges(&received));
        Ok(held)
    }

    fn held_milestones(&mut self) -> Result<Option<Vec<HeldMilestone>>, String> {
        let received = self.receiver.received();
        let spans = spans(&received).into_iter().map(|span| (span.told.name, span.told.attributes));
        let records = records(&received).into_iter().map(|record| {
            let mut attributes = record.told.attributes;
            let name = match self.is_flink() {
                true => {
                    let place = attributes.iter().position(|pair| pair.key == "name").unwrap();
                    text(attribute(&attributes.remove(place))).1
                }
                false => record.told.event_name,
            };
            (name, attributes)
        });
        let held = spans.chain(records).map(|(name, attributes)| {
            let attributes = attributes.iter().map(attribute).collect();
            HeldMilestone { name, attributes }
        });
        Ok(Some(held.collect()))
    }

    fn abilities(&self) -> Abilities {
        let (truths, texts, histograms) = match self.is_flink() {
            // Flink's reporter leaves out the former, and its histograms are summaries of the last values.
            true => (false, false, false),
            false => (true, true, true),
        };
        let non_finite = self.options.protocol != Protocol::HttpJson;
        Abilities { truths, texts, histograms, non_finite, forgets: false, ..Abilities::default() }
    }

    fn refuse(&mut self, refuse: bool) -> bool {
        self.receiver.always(if refuse { Answer::status(503) } else { Answer::Ok });
        true
    }
}

fn passes(protocol: Protocol, change: impl Fn(OtlpOptions) -> OtlpOptions) {
    let skipped = check(|| Receiving::new(protocol, &change)).unwrap_or_else(|failures| panic!("{failures}"));
    assert_eq!(skipped, [] as [Scenario; 0]);
}

#[test]
fn cumulative_points_by_http_are_compatible() {
    passes(Protocol::HttpProtobuf, |options| options);
}

#[test]
fn cumulative_points_by_grpc_are_compatible() {
    passes(Protocol::Grpc, |options| options);
}

#[test]
fn json_is_compatible() {
    passes(Protocol::HttpJson, |options| options);
}

#[test]
fn differences_are_compatible() {
    passes(Protocol::HttpProtobuf, |options| options.with_temporality(Temporality::Delta));
}

#[test]
fn differences_in_small_requests_are_compatible() {
    passes(Protocol::Grpc, |options| {
        options.with_temporality(Temporality::Delta).with_request_size(32 * 1024)
    });
}

#[test]
fn little_memory_is_compatible() {
    passes(Protocol::Grpc, |options| options.with_temporality(Temporality::LowMemory));
}

#[test]
fn flinks_names_are_compatible() {
    passes(Protocol::HttpProtobuf, |options| options.with_naming(NamingPolicy::Flink));
}

#[test]
fn the_factory_is_as_all_are() {
    let section = ConfigSection::new("reporters.otlp")
        .with("endpoint", "https://collector:4318")
        .with("metrics-endpoint", "https://collector/opentelemetry/v1/metrics")
        .with("traces-endpoint", "https://collector/spans")
        .with("logs-endpoint", "https://collector/events")
        .with("milestones", "true")
        .with("headers.authorization", "Bearer token")
        .with("temporality", "delta");
    let factory = OtlpFactory::with_environment([("OTEL_SERVICE_NAME", "n")]);
    check_factory(&factory, &section).unwrap();
    let of_flink = ConfigSection::new("reporters.otlp")
        .with("exporter.endpoint", "http://127.0.0.1:1337")
        .with("exporter.protocol", "gRPC")
        .with("service.name", "flink");
    check_factory(&factory, &of_flink).unwrap();
}
