//! Other readers than Prometheus read every kind of metric, in every format, as it was recorded.

use std::collections::BTreeMap;

use flowmeter::prometheus::NamingPolicy;
use flowmeter_e2e::{
    EveryKind, Held, Labels, Message, ParsedSample, Protoc, Protocol, PythonClient, Series, check_metrics,
    decompress, get, program,
};

/// What the reporter says of itself, beside what was registered.
const OWN: [&str; 2] = ["target_info", "flowmeter_build_info"];

/// An answer in a format, with all names as they are.
fn body_of(metrics: &EveryKind, protocol: Protocol) -> Vec<u8> {
    let accept = format!("{};escaping=allow-utf-8", protocol.accept());
    let answer = get(&metrics.served.peek(), &[("accept", &accept)]);
    assert!(answer.content_type.starts_with(protocol.media_type()), "{}", answer.content_type);
    assert!(answer.content_type.ends_with("; escaping=allow-utf-8"), "{}", answer.content_type);
    assert_eq!(answer.encoding, "", "nothing was said of encodings");
    answer.body
}

fn text_of(metrics: &EveryKind, protocol: Protocol) -> String {
    String::from_utf8(body_of(metrics, protocol)).expect("a text")
}

fn is_same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// Samples by name and labels, which are unique.
type Samples = BTreeMap<(String, Labels), ParsedSample>;

fn samples(parsed: Vec<ParsedSample>) -> Samples {
    let mut samples = Samples::new();
    for sample in parsed {
        let key = (sample.name.clone(), sample.labels.clone());
        assert!(samples.insert(key, sample).is_none(), "each sample is there once");
    }
    samples
}

fn with(labels: &Labels, label: &str, value: &str) -> Labels {
    let mut labels = labels.clone();
    labels.insert(label.to_owned(), value.to_owned());
    labels
}

/// Takes a sample out, and sees that its family is of a type.
fn take(samples: &mut Samples, name: &str, labels: &Labels, kind: &str) -> f64 {
    let sample = samples.remove(&(name.to_owned(), labels.clone()));
    let sample = sample.unwrap_or_else(|| panic!("no {name} with {labels:?}: {:?}", samples.keys()));
    assert_eq!(sample.kind, kind, "{name}");
    assert!(!sample.help.is_empty(), "{name}");
    sample.value
}

/// Takes the samples of a histogram out, which are those of the values.
fn take_histogram(samples: &mut Samples, series: &Series, values: &[f64], sum: f64) {
    let Series { name, labels, .. } = series;
    let bucket = format!("{name}_bucket");
    let mut edges: Vec<_> = samples.keys().filter(|(name, _)| *name == bucket).cloned().collect();
    edges.retain(|(_, of)| of.iter().all(|(key, value)| key == "le" || labels.get(key) == Some(value)));
    assert!(edges.len() > 1, "{name}");
    for (_, labels) in edges {
        let edge: f64 = labels["le"].parse().expect("an edge");
        let count = values.iter().filter(|value| **value <= edge).count();
        assert_eq!(take(samples, &bucket, &labels, "histogram"), count as f64, "{name} up to {edge}");
    }
    assert_eq!(take(samples, &format!("{name}_sum"), labels, "histogram"), sum, "{name}");
    assert_eq!(take(samples, &format!("{name}_count"), labels, "histogram"), values.len() as f64, "{name}");
}

/// Sees that the samples are those of the series, and no others.
fn are_samples_of(mut samples: Samples, series: &[Series], protocol: Protocol) {
    let text = protocol == Protocol::Text;
    samples.retain(|(name, _), _| !OWN.contains(&name.as_str()));
    for series in series {
        let Series { name, labels, held } = series;
        let (found, expected) = match held {
            Held::Counter(value) => (take(&mut samples, name, labels, "counter"), *value),
            Held::Gauge(value) => (take(&mut samples, name, labels, "gauge"), *value),
            Held::Text(value) => {
                let (name, labels) = (format!("{name}_info"), with(labels, "value", value));
                let kind = if text { "gauge" } else { "info" };
                (take(&mut samples, &name, &labels, kind), 1.0)
            }
            Held::Histogram(values, sum) => {
                take_histogram(&mut samples, series, values, *sum);
                (0.0, 0.0)
            }
        };
        assert!(is_same(found, expected), "{name}: {found}, not {expected}");
        if !text && matches!(held, Held::Counter(_) | Held::Histogram(..)) {
            let created = format!("{}_created", name.strip_suffix("_total").unwrap_or(name));
            let kind = if matches!(held, Held::Counter(_)) { "counter" } else { "histogram" };
            assert!(take(&mut samples, &created, labels, kind) > 1.7e9, "seconds since 1970");
        }
    }
    assert!(samples.is_empty(), "what nobody registered: {:?}", samples.keys());
}

#[test]
fn promtool_has_nothing_to_say_of_any_kind_of_metric() {
    let Some(promtool) = program("promtool", "promtool") else { return };
    let metrics = EveryKind::new(NamingPolicy::Native);
    assert_eq!(check_metrics(&promtool, &text_of(&metrics, Protocol::Text)), Ok(()));
}

/// Has the Python client read both kinds of names in a format.
fn the_python_client_reads(test: &str, protocol: Protocol) {
    let Some(client) = PythonClient::find(test) else { return };
    for naming in [NamingPolicy::Native, NamingPolicy::Utf8] {
        let metrics = EveryKind::new(naming);
        let parsed =
            client.read(protocol, &text_of(&metrics, protocol)).unwrap_or_else(|said| panic!("{said}"));
        if protocol == Protocol::OpenMetrics {
            for sample in &parsed {
                let unit = ["seconds", "bytes"].into_iter().find(|unit| sample.family.ends_with(unit));
                assert_eq!(sample.unit, unit.unwrap_or_default(), "{}", sample.family);
            }
        }
        are_samples_of(samples(parsed), &metrics.series, protocol);
    }
}

#[test]
fn the_python_client_reads_every_kind_of_metric_as_text() {
    the_python_client_reads("python client, text", Protocol::Text);
}

#[test]
fn the_python_client_reads_every_kind_of_metric_as_openmetrics() {
    the_python_client_reads("python client, OpenMetrics", Protocol::OpenMetrics);
}

/// Sees that the message of a metric is a histogram of the values, in classic and in native buckets.
fn is_histogram_of(histogram: &Message, values: &[f64], sum: f64) {
    assert_eq!(histogram.number("sample_count"), Some(values.len() as u64));
    assert_eq!(histogram.number("sample_sum"), Some(sum));
    for bucket in histogram.messages("bucket") {
        let edge: f64 = bucket.number("upper_bound").expect("an edge");
        let count = values.iter().filter(|value| **value <= edge).count();
        assert_eq!(bucket.number("cumulative_count").unwrap_or(0), count as u64, "up to {edge}");
    }
    let schema: i32 = histogram.number("schema").expect("native buckets");
    assert!((0..=8).contains(&schema), "{schema}");
    let zeros = values.iter().filter(|value| **value == 0.0).count();
    assert_eq!(histogram.number("zero_count").unwrap_or(0), zeros as u64);
    for (sign, factor) in [("positive", 1.0), ("negative", -1.0)] {
        let mut expected = BTreeMap::new();
        for value in values.iter().map(|value| value * factor).filter(|value| *value > 0.0) {
            // The index of the bucket that ends at `2^(index / 2^schema)`.
            let index = (value.log2() * 2_f64.powi(schema)).ceil() as i64;
            *expected.entry(index).or_insert(0_i64) += 1;
        }
        assert_eq!(native_buckets(histogram, sign), expected, "{sign}");
    }
}

/// The counts of native buckets of one sign by their index, without empty ones.
fn native_buckets(histogram: &Message, sign: &str) -> BTreeMap<i64, i64> {
    let delta_field = format!("{sign}_delta");
    let mut deltas = histogram.numbers::<i64>(&delta_field);
    let mut counts = BTreeMap::new();
    let (mut index, mut count) = (0, 0);
    for span in histogram.messages(&format!("{sign}_span")) {
        index += span.number::<i64>("offset").unwrap_or(0);
        for _ in 0..span.number::<u32>("length").expect("a span has a length") {
            count += deltas.next().expect("a delta for each bucket of the spans");
            counts.insert(index, count);
            index += 1;
        }
    }
    assert_eq!(deltas.next(), None, "no delta without a bucket");
    counts.retain(|_, count| *count != 0);
    counts
}

#[test]
fn protoc_decodes_every_kind_of_metric_with_the_official_definition() {
    let Some(protoc) = Protoc::find("protoc") else { return };
    for naming in [NamingPolicy::Native, NamingPolicy::Utf8] {
        let metrics = EveryKind::new(naming);
        let families = protoc.decode(&body_of(&metrics, Protocol::Protobuf));
        are_families_of(&families.unwrap_or_else(|said| panic!("{said}")), &metrics.series);
    }
}

/// Sees that the messages are those of the series, and no others.
fn are_families_of(families: &[Message], series: &[Series]) {
    let mut found = BTreeMap::new();
    for family in families {
        let name = family.text("name").expect("a family has a name");
        assert!(family.text("help").is_some_and(|help| !help.is_empty()), "{name}");
        for metric in family.messages("metric").filter(|_| !OWN.contains(&name)) {
            let pair = |pair: &Message| {
                let text = |field| pair.text(field).unwrap_or_default().to_owned();
                (text("name"), text("value"))
            };
            let labels: Labels = metric.messages("label").map(pair).collect();
            let kind = family.text("type").unwrap_or("COUNTER");
            assert!(found.insert((name.to_owned(), labels), (kind, metric)).is_none(), "{name}");
        }
    }
    for Series { name, labels, held } in series {
        let (key, kind) = match held {
            Held::Counter(_) => ((name.clone(), labels.clone()), "COUNTER"),
            Held::Gauge(_) => ((name.clone(), labels.clone()), "GAUGE"),
            Held::Text(text) => ((format!("{name}_info"), with(labels, "value", text)), "GAUGE"),
            Held::Histogram(..) => ((name.clone(), labels.clone()), "HISTOGRAM"),
        };
        let (found_kind, metric) = found.remove(&key).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(found_kind, kind, "{name}");
        let message = metric.message(&kind.to_lowercase()).expect("a metric has a value");
        if let Held::Histogram(values, sum) = held {
            is_histogram_of(message, values, *sum);
        } else {
            let expected = match held {
                Held::Counter(value) | Held::Gauge(value) => *value,
                Held::Text(_) | Held::Histogram(..) => 1.0,
            };
            let value = message.number("value").expect("a number");
            assert!(is_same(value, expected), "{name}: {value}, not {expected}");
        }
        if matches!(held, Held::Counter(_) | Held::Histogram(..)) {
            is_created(message);
        }
    }
    assert!(found.is_empty(), "what nobody registered: {:?}", found.keys());
}

fn is_created(message: &Message) {
    let created = message.message("created_timestamp").and_then(|time| time.number::<i64>("seconds"));
    assert!(created.is_some_and(|seconds| seconds > 1_700_000_000), "{created:?}");
}

#[test]
fn compressed_bodies_are_those_that_are_not() {
    let metrics = EveryKind::new(NamingPolicy::Native);
    for protocol in Protocol::ALL {
        let plain = body_of(&metrics, protocol);
        for encoding in ["gzip", "zstd"] {
            let accept = format!("{};escaping=allow-utf-8", protocol.accept());
            let headers = [("accept", &*accept), ("accept-encoding", encoding)];
            let answer = get(&metrics.served.peek(), &headers);
            assert_eq!(answer.encoding, encoding);
            assert!(answer.body.len() < plain.len(), "{}", answer.body.len());
            let Some(body) = decompress("compression", encoding, &answer.body) else { return };
            assert!(body == plain, "{encoding} of {}", protocol.name());
        }
    }
}
