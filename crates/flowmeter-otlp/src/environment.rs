//! The environment variables of OpenTelemetry.
//!
//! Those for one signal come before those for all, an empty one is none, and one that cannot be read is ignored, with a warning, as
//! the specifications of [exporters] and [variables] have it.
//!
//! [exporters]: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
//! [variables]: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tracing::warn;

use crate::endpoint::redacted;
use crate::transport::{Signal, checked_header, legible};
use crate::{Compression, Endpoint, HistogramForm, OtlpOptions, Protocol, Temporality};

const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
const PREFIX: &str = "OTEL_";
const SERVICE_NAME: &str = "service.name";

/// Those variables that are OpenTelemetry's and not empty.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Those of the process.
    pub(crate) fn of_process() -> Self {
        let ours = |(name, value): (OsString, OsString)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX))?;
            match value.into_string() {
                Ok(value) => Some((name, value)),
                Err(_) => {
                    Ignored { name, reason: "it is no UTF-8".to_owned() }.log();
                    None
                }
            }
        };
        std::env::vars_os().filter_map(ours).collect()
    }

    /// What they say about how and where a signal goes.
    pub(crate) fn options(&self, signal: Signal) -> OtlpOptions {
        let (options, ignored) = self.read(signal);
        // What is for all signals is read for each.
        let of_signal = format!("OTEL_EXPORTER_OTLP_{}_", name(signal));
        let is_new = |ignored: &&Ignored| signal == Signal::Metrics || ignored.name.starts_with(&of_signal);
        ignored.iter().filter(is_new).for_each(Ignored::log);
        options
    }

    /// The time between reports, if they say something about it.
    pub(crate) fn interval(&self) -> Option<Duration> {
        let (interval, ignored) = self.read_interval();
        ignored.iter().for_each(Ignored::log);
        interval
    }

    fn read_interval(&self) -> (Option<Duration>, Vec<Ignored>) {
        let mut reading = Reading { environment: self, signal: "METRICS", ignored: Vec::new() };
        (reading.one(INTERVAL, interval), reading.ignored)
    }

    fn read(&self, signal: Signal) -> (OtlpOptions, Vec<Ignored>) {
        let timeout_name = match signal {
            Signal::Metrics => "OTEL_METRIC_EXPORT_TIMEOUT",
            Signal::Traces => "OTEL_BSP_EXPORT_TIMEOUT",
            Signal::Logs => "OTEL_BLRP_EXPORT_TIMEOUT",
        };
        let mut reading = Reading { environment: self, signal: name(signal), ignored: Vec::new() };
        let mut options = OtlpOptions::default();
        reading.connection(&mut options);
        reading.metrics(&mut options);
        options.report_timeout = reading.one(timeout_name, timeout).unwrap_or(options.report_timeout);
        reading.resource(&mut options);
        (options, reading.ignored)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(pairs.filter(|(name, value)| name.starts_with(PREFIX) && !value.trim().is_empty()).collect())
    }
}

impl fmt::Debug for Environment {
    /// Without the values: some are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A signal in the names of variables.
fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::Metrics => "METRICS",
        Signal::Traces => "TRACES",
        Signal::Logs => "LOGS",
    }
}

/// A variable that cannot be read.
#[derive(Debug, PartialEq, Eq)]
struct Ignored {
    name: String,
    /// Why not, without what is secret.
    reason: String,
}

impl Ignored {
    fn log(&self) {
        warn!(variable = self.name, reason = self.reason, "an environment variable is ignored");
    }
}

struct Reading<'a> {
    environment: &'a Environment,
    signal: &'static str,
    ignored: Vec<Ignored>,
}

impl Reading<'_> {
    fn one<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        match read(self.environment.0.get(name)?.trim()) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.ignored.push(Ignored { name: name.to_owned(), reason });
                None
            }
        }
    }

    /// That for the signal, or else that for all.
    fn either<T>(&mut self, suffix: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let of_signal = format!("OTEL_EXPORTER_OTLP_{}_{suffix}", self.signal);
        self.one(&of_signal, &read).or_else(|| self.one(&format!("OTEL_EXPORTER_OTLP_{suffix}"), read))
    }

    fn connection(&mut self, options: &mut OtlpOptions) {
        options.protocol = self.either("PROTOCOL", protocol).unwrap_or(options.protocol);
        options.endpoint = self
            .one(&format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", self.signal), |text| {
                endpoint(text, Endpoint::complete)
            })
            .or_else(|| self.one("OTEL_EXPORTER_OTLP_ENDPOINT", |text| endpoint(text, str::parse)));
        options.insecure = self.either("INSECURE", truth).unwrap_or_default();
        for (name, value) in self.either("HEADERS", headers).unwrap_or_default() {
            *options = std::mem::take(options).with_header(name, value);
        }
        options.timeout = self.either("TIMEOUT", timeout).unwrap_or(options.timeout);
        options.compression = self.either("COMPRESSION", compression).unwrap_or_default();
        options.tls.authorities = self.either("CERTIFICATE", |text| Ok(text.into()));
        options.tls.client_certificate = self.either("CLIENT_CERTIFICATE", |text| Ok(text.into()));
        options.tls.client_key = self.either("CLIENT_KEY", |text| Ok(text.into()));
    }

    fn metrics(&mut self, options: &mut OtlpOptions) {
        options.temporality = self
            .one("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", temporality)
            .unwrap_or(options.temporality);
        options.histograms = self
            .one("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", histograms)
            .unwrap_or(options.histograms);
    }

    fn resource(&mut self, options: &mut OtlpOptions) {
        let service = self.one("OTEL_SERVICE_NAME", |text| Ok(text.to_owned()));
        let attributes = self.one("OTEL_RESOURCE_ATTRIBUTES", attributes).unwrap_or_default();
        let service = service.map(|name| (SERVICE_NAME.to_owned(), name));
        for (key, value) in attributes.into_iter().chain(service) {
            *options = std::mem::take(options).with_resource(key, value);
        }
    }
}

fn none_of(text: &str, expected: &str) -> String {
    format!("`{}` is not {expected}", legible(text))
}

pub(crate) fn protocol(text: &str) -> Result<Protocol, String> {
    match text.to_ascii_lowercase().as_str() {
        "grpc" => Ok(Protocol::Grpc),
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        "http/json" => Ok(Protocol::HttpJson),
        _ => Err(none_of(text, "`grpc`, `http/protobuf` or `http/json`")),
    }
}

fn endpoint(
    text: &str,
    read: impl Fn(&str) -> Result<Endpoint, crate::ParseEndpointError>,
) -> Result<Endpoint, String> {
    read(text).map_err(|error| format!("`{}` is no URL: {error}", legible(&redacted(text))))
}

/// All that is not true is false, as all truth values of OpenTelemetry's are.
fn truth(text: &str) -> Result<bool, String> {
    match text {
        text if text.eq_ignore_ascii_case("true") => Ok(true),
        text if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(none_of(text, "`true` or `false`")),
    }
}

/// Zero is no limit.
fn timeout(text: &str) -> Result<Duration, String> {
    match milliseconds(text)? {
        Duration::ZERO => Ok(OtlpOptions::LONGEST_TIME),
        time => Ok(time.min(OtlpOptions::LONGEST_TIME)),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    match milliseconds(text)? {
        Duration::ZERO => Err("there must be some time between reports".to_owned()),
        time => Ok(time),
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let milliseconds = text.parse().map_err(|_| none_of(text, "a whole number of milliseconds"))?;
    Ok(Duration::from_millis(milliseconds))
}

fn compression(text: &str) -> Result<Compression, String> {
    match text {
        "none" => Ok(Compression::None),
        "gzip" => Ok(Compression::Gzip),
        #[cfg(feature = "zstd")]
        "zstd" => Ok(Compression::Zstd),
        _ if cfg!(feature = "zstd") => Err(none_of(text, "`none`, `gzip` or `zstd`")),
        _ => Err(none_of(text, "`none` or `gzip`")),
    }
}

fn temporality(text: &str) -> Result<Temporality, String> {
    match text.to_ascii_lowercase().as_str() {
        "cumulative" => Ok(Temporality::Cumulative),
        "delta" => Ok(Temporality::Delta),
        "lowmemory" => Ok(Temporality::LowMemory),
        _ => Err(none_of(text, "`cumulative`, `delta` or `lowmemory`")),
    }
}

fn histograms(text: &str) -> Result<HistogramForm, String> {
    match text.to_ascii_lowercase().as_str() {
        "explicit_bucket_histogram" => Ok(HistogramForm::Explicit),
        "base2_exponential_bucket_histogram" => Ok(HistogramForm::Exponential),
        _ => Err(none_of(text, "`explicit_bucket_histogram` or `base2_exponential_bucket_histogram`")),
    }
}

/// Headers, whose values are shown nowhere.
fn headers(text: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = pairs(text, |key| Ok(key.to_owned()))?;
    for (name, value) in &pairs {
        checked_header(name, value).map_err(|error| error.to_string())?;
    }
    Ok(pairs)
}

/// Attributes, whose keys may be percent-encoded as well.
fn attributes(text: &str) -> Result<Vec<(String, String)>, String> {
    pairs(text, decoded)
}

/// Pairs such as `key=value,other=value`, as the header `baggage` of the W3C has them. One that is wrong makes all wrong.
fn pairs(
    text: &str,
    key_of: impl Fn(&str) -> Result<String, String>,
) -> Result<Vec<(String, String)>, String> {
    let members = text.split(',').map(str::trim).enumerate().filter(|(_, member)| !member.is_empty());
    members
        .map(|(number, member)| {
            let wrong = |reason: &str| format!("{reason} in pair {}", number + 1);
            let (key, value) = member.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
            let (key, value) = (key_of(key.trim()), decoded(value.trim()));
            let (key, value) =
                (key.map_err(|reason| wrong(&reason))?, value.map_err(|reason| wrong(&reason))?);
            if key.is_empty() { Err(wrong("there is no key")) } else { Ok((key, value)) }
        })
        .collect()
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| "what is percent-encoded is no UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(signal: Signal, pairs: &[(&str, &str)]) -> (OtlpOptions, Vec<Ignored>) {
        pairs.iter().copied().collect::<Environment>().read(signal)
    }

    fn metrics(pairs: &[(&str, &str)]) -> OtlpOptions {
        let (options, ignored) = read(Signal::Metrics, pairs);
        assert_eq!(ignored, []);
        options
    }

    fn resource(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        metrics(pairs).resource
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_signal_has_its_time_for_an_export() {
        let names = ["OTEL_METRIC_EXPORT_TIMEOUT", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BLRP_EXPORT_TIMEOUT"];
        let environment: Environment = names.into_iter().zip(["1", "2", "3"]).collect();
        let times = [Signal::Metrics, Signal::Traces, Signal::Logs]
            .map(|signal| environment.read(signal).0.report_timeout.as_millis());
        assert_eq!(times, [1, 2, 3]);
    }

    #[test]
    fn nothing_is_the_defaults() {
        let nothing = [("OTEL_EXPORTER_OTLP_ENDPOINT", " "), ("OTEL_SERVICE_NAME", ""), ("HOME", "/")];
        assert_eq!(format!("{:?}", metrics(&nothing)), format!("{:?}", OtlpOptions::default()));
    }

    #[test]
    fn each_variable_has_its_effect_and_that_of_the_signal_comes_first() {
        let all = [
            ("ENDPOINT", "http://all:1", "http://one:1/path"),
            ("PROTOCOL", "grpc", "http/json"),
            ("HEADERS", "a=1", "B=x%20%2C=y, c = 2 ,"),
            ("TIMEOUT", "7", "0"),
            ("COMPRESSION", "gzip", "none"),
            ("CERTIFICATE", "all.pem", "one.pem"),
            ("CLIENT_CERTIFICATE", "allc.pem", "onec.pem"),
            ("CLIENT_KEY", "allk.pem", "onek.pem"),
            ("INSECURE", "TRUE", "false"),
        ];
        let general: Vec<_> = all
            .iter()
            .map(|(suffix, value, _)| (format!("OTEL_EXPORTER_OTLP_{suffix}"), (*value).to_owned()))
            .collect();
        let tls = |part: &str| {
            let path = |end: &str| format!("{part}{end}.pem");
            crate::TlsOptions::default().with_authorities(path("")).with_client(path("c"), path("k"))
        };
        for (signal, name) in
            [(Signal::Metrics, "METRICS"), (Signal::Traces, "TRACES"), (Signal::Logs, "LOGS")]
        {
            let expected = OtlpOptions::default()
                .with_endpoint("http://all:1".parse().unwrap())
                .with_protocol(Protocol::Grpc)
                .with_header("a", "1")
                .with_timeout(Duration::from_millis(7))
                .with_compression(Compression::Gzip)
                .with_tls(tls("all"))
                .with_insecure(true);
            let (options, ignored) = general.iter().cloned().collect::<Environment>().read(signal);
            assert_eq!((format!("{options:?}"), ignored), (format!("{expected:?}"), Vec::new()));
            let of_signal = all.iter().map(|(suffix, _, value)| {
                (format!("OTEL_EXPORTER_OTLP_{name}_{suffix}"), (*value).to_owned())
            });
            let expected = OtlpOptions::default()
                .with_endpoint(Endpoint::complete("http://one:1/path").unwrap())
                .with_protocol(Protocol::HttpJson)
                .with_header("B", "x ,=y")
                .with_header("c", "2")
                .with_timeout(OtlpOptions::LONGEST_TIME)
                .with_tls(tls("one"));
            let (options, ignored) =
                general.iter().cloned().chain(of_signal).collect::<Environment>().read(signal);
            assert_eq!((format!("{options:?}"), ignored), (format!("{expected:?}"), Vec::new()));
            assert_eq!(options.headers, expected.headers);
        }
    }

    #[test]
    fn metrics_have_more() {
        let options = metrics(&[
            ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "LowMemory"),
            ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "EXPLICIT_BUCKET_HISTOGRAM"),
            ("OTEL_METRIC_EXPORT_TIMEOUT", "5000"),
        ]);
        assert_eq!(
            (options.temporality, options.histograms),
            (Temporality::LowMemory, HistogramForm::Explicit)
        );
        assert_eq!(options.report_timeout, Duration::from_secs(5));
        let interval = |text| [(INTERVAL, text)].into_iter().collect::<Environment>().read_interval();
        assert_eq!(interval("2500"), (Some(Duration::from_millis(2500)), Vec::new()));
        assert_eq!(interval(""), (None, Vec::new()));
        for wrong in ["0", "-1", "1s"] {
            let (interval, ignored) = interval(wrong);
            assert_eq!((interval, ignored.len()), (None, 1), "{wrong}");
        }
    }

    #[test]
    fn the_name_of_the_service_comes_first() {
        let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,k%3D=v%2C%20w,,service.version= 1 ");
        let (name, k, version) = (("service.name", "a"), ("k=", "v, w"), ("service.version", "1"));
        assert_eq!(resource(&[attributes]), owned(&[name, k, version]));
        let named = [attributes, ("OTEL_SERVICE_NAME", "b")];
        assert_eq!(resource(&named), owned(&[("service.name", "b"), k, version]));
    }

    #[test]
    fn what_cannot_be_read_is_ignored_and_named_without_what_is_secret() {
        let (options, ignored) = read(
            Signal::Metrics,
            &[
                ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "udp"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://u:hunter2@h/?k=hunter2"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2%0A"),
                ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "a=1,hunter2"),
                ("OTEL_EXPORTER_OTLP_INSECURE", "1"),
                ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
                ("OTEL_EXPORTER_OTLP_COMPRESSION", "br"),
                ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "\u{1b}"),
                ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "drop"),
                ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b=%ff"),
                ("OTEL_METRIC_EXPORT_TIMEOUT", "-1"),
            ],
        );
        let expected = OtlpOptions::default().with_protocol(Protocol::Grpc);
        assert_eq!(format!("{options:?}"), format!("{expected:?}"));
        let said: Vec<_> =
            ignored.iter().map(|Ignored { name, reason }| format!("{}: {reason}", &name[5..])).collect();
        let compression =
            if cfg!(feature = "zstd") { "`none`, `gzip` or `zstd`" } else { "`none` or `gzip`" };
        assert_eq!(
            said,
            [
                "EXPORTER_OTLP_METRICS_PROTOCOL: `udp` is not `grpc`, `http/protobuf` or `http/json`",
                "EXPORTER_OTLP_ENDPOINT: `ftp://(hidden)@h/?(hidden)` is no URL: it begins with neither `http://` nor `https://`",
                "EXPORTER_OTLP_INSECURE: `1` is not `true` or `false`",
                "EXPORTER_OTLP_METRICS_HEADERS: there is no `=` in pair 2",
                "EXPORTER_OTLP_HEADERS: the header `authorization` cannot be sent: its value has characters that headers cannot \
                 have",
                "EXPORTER_OTLP_TIMEOUT: `10s` is not a whole number of milliseconds",
                &format!("EXPORTER_OTLP_COMPRESSION: `br` is not {compression}"),
                "EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: `\\u{1b}` is not `cumulative`, `delta` or `lowmemory`",
                "EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: `drop` is not `explicit_bucket_histogram` or \
                 `base2_exponential_bucket_histogram`",
                "METRIC_EXPORT_TIMEOUT: `-1` is not a whole number of milliseconds",
                "RESOURCE_ATTRIBUTES: what is percent-encoded is no UTF-8 in pair 2",
            ]
        );
    }

    #[test]
    fn values_are_not_shown() {
        let environment: Environment = [("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2")].into_iter().collect();
        assert_eq!(format!("{environment:?}"), r#"{"OTEL_EXPORTER_OTLP_HEADERS"}"#);
    }

    proptest! {
        #[test]
        fn any_text_is_pairs_or_not(text in any::<String>(), likely in "[a%=, 0-9fF;\u{e9}]{0,20}") {
            for text in [text, likely] {
                let _headers = headers(&text);
                let _attributes = attributes(&text);
            }
        }

        #[test]
        fn what_was_encoded_is_read(pairs in prop::collection::vec(("[ -~\u{e9}]{1,5}", "[ -~\u{e9}]{0,5}"), 0..4)) {
            let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
            let text: Vec<_> = pairs.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
            prop_assert_eq!(attributes(&text.join(",")), Ok(pairs));
        }
    }
}
