//! The reporter.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flowmeter_core::{
    Family, GroupView, Milestones, Naming, Report, ReportError, ReportMark, Reporter, ReporterContext,
};
use tracing::warn;

use crate::encode::Encoder;
use crate::environment::Environment;
use crate::json;
use crate::milestones::MilestoneEncoder;
use crate::request::{Delivery, Request};
use crate::share::Share;
use crate::transport::{Client, Signal};
use crate::{OtlpOptions, Protocol};

/// How many different messages of a receiver are shown at most.
const SHOWN_MESSAGES: usize = 20;

/// Sends metrics, spans and events to a receiver of OTLP.
///
/// It starts whether the receiver is there or not; reports fail while it is not. With cumulative points the first report that
/// it takes makes up for those; with differences that report has all that was counted meanwhile. A report ends before the next is
/// due, however long the options let it take.
pub struct OtlpReporter {
    options: OtlpOptions,
    /// Whether metrics are sent, which the environment can switch off.
    sends_metrics: bool,
    /// The ways of spans and of events, if those are sent.
    spans: Option<OtlpOptions>,
    events: Option<OtlpOptions>,
    /// The time between reports that the environment asks for.
    interval: Option<Duration>,
    encoder: Encoder,
    milestones: MilestoneEncoder,
    /// The numbers of spans and events that were taken, or given up, and come again because others before them were not.
    taken: BTreeSet<u64>,
    share: Share,
    way: Option<Way>,
    /// What the receiver has said to what it took in part or not at all.
    shown: BTreeSet<String>,
}

/// The way out, while the reporter is started.
struct Way {
    metrics: Client,
    traces: Option<Client>,
    logs: Option<Client>,
    context: ReporterContext,
}

impl Way {
    fn client(&mut self, signal: Signal) -> Option<&mut Client> {
        match signal {
            Signal::Metrics => Some(&mut self.metrics),
            Signal::Traces => self.traces.as_mut(),
            Signal::Logs => self.logs.as_mut(),
        }
    }
}

impl OtlpReporter {
    /// A reporter that will connect for the first report.
    ///
    /// Spans and events go the same way as metrics. If that is an endpoint for metrics alone, which is one that is
    /// [complete](crate::Endpoint::complete), they go nowhere unless [something](Self::with_spans) is said about them.
    #[must_use]
    pub fn new(options: OtlpOptions) -> Self {
        let same_way = Some(options.clone()).filter(OtlpOptions::has_all_signals);
        Self::of(options, same_way.clone(), same_way)
    }

    /// A reporter of which everything is said by OpenTelemetry's [environment variables], for each signal, or else is the default.
    /// One that cannot be read is ignored, with a warning. What they switch off is not sent.
    ///
    /// [environment variables]: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
    #[must_use]
    pub fn from_environment() -> Self {
        Self::from_environment_with(|options| options)
    }

    /// The same with changes, which are made to the options of each signal and come before the environment. They see its
    /// headers, which go to another endpoint as well if one is set here: clear [`headers`](OtlpOptions::headers) then.
    ///
    /// ```
    /// use flowmeter_otlp::{Compression, OtlpReporter};
    ///
    /// let reporter = OtlpReporter::from_environment_with(|options| options.with_compression(Compression::Gzip));
    /// ```
    #[must_use]
    pub fn from_environment_with(change: impl Fn(OtlpOptions) -> OtlpOptions) -> Self {
        Self::of_environment(&Environment::of_process(), change)
    }

    fn of_environment(environment: &Environment, change: impl Fn(OtlpOptions) -> OtlpOptions) -> Self {
        let metrics = change(environment.options(Signal::Metrics));
        let way = |signal| {
            Some(change(environment.options(signal)))
                .filter(|options| environment.sends(signal) && options.is_way_beside(&metrics))
        };
        let (spans, events) = (way(Signal::Traces), way(Signal::Logs));
        let reporter = Self { interval: environment.interval(), ..Self::of(metrics, spans, events) };
        reporter.sending_metrics(environment.sends(Signal::Metrics))
    }

    /// Has metrics be sent or not, and tells if not, since that is rarely what a reporter is for.
    pub(crate) fn sending_metrics(mut self, sends_metrics: bool) -> Self {
        if !sends_metrics {
            warn!("no metrics are sent: OTEL_SDK_DISABLED is `true`, or OTEL_METRICS_EXPORTER is `none`");
        }
        self.sends_metrics = sends_metrics;
        self
    }

    /// Has no metrics be sent, as was asked for.
    pub(crate) fn without_metrics(mut self) -> Self {
        self.sends_metrics = false;
        self
    }

    pub(crate) fn of(metrics: OtlpOptions, spans: Option<OtlpOptions>, events: Option<OtlpOptions>) -> Self {
        let options = metrics.corrected();
        let is_wanted = options.milestones;
        let way = |way: Option<OtlpOptions>| way.filter(|_| is_wanted).map(OtlpOptions::corrected);
        Self {
            encoder: Encoder::new(&OtlpOptions {
                request_size: options.protobuf_size(options.protocol),
                ..options.clone()
            }),
            milestones: MilestoneEncoder::new(&options),
            spans: way(spans),
            events: way(events),
            sends_metrics: true,
            interval: None,
            taken: BTreeSet::new(),
            share: Share::of(options.report_timeout),
            way: None,
            shown: BTreeSet::new(),
            options,
        }
    }

    /// Sends spans on another way: protocol, endpoint, headers, compression, timeout, retries and TLS. All else is as for metrics.
    #[must_use]
    pub fn with_spans(mut self, way: OtlpOptions) -> Self {
        self.spans = Some(way.corrected());
        self
    }

    /// Sends events on another way.
    #[must_use]
    pub fn with_events(mut self, way: OtlpOptions) -> Self {
        self.events = Some(way.corrected());
        self
    }

    /// The time between reports that the environment asks for, if it says something about it.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        self.interval
    }

    /// Sends what the requests of a report hold, and tells the core what was taken of it.
    fn send_all(&mut self, report: &Report<'_>, requests: Vec<Request>) -> Result<(), ReportError> {
        let deadline = Instant::now() + self.share.for_report();
        let (mut failures, mut first_failure) = (0_u64, None);
        let (count, mut before) = (requests.len(), ReportMark::default());
        for (number, request) in requests.into_iter().enumerate() {
            let Request { body, points, differences, mark } = request;
            let (message, for_good) = match self.send(Signal::Metrics, body, points, deadline) {
                Delivery::Taken { rejected, message, ambiguous } => {
                    report.acknowledge_between(before, mark);
                    self.note_partial(rejected, &message);
                    self.count(|context| {
                        context.count_dropped(rejected);
                        context.count_uncertain(if ambiguous { differences } else { 0 });
                    });
                    before = mark;
                    continue;
                }
                Delivery::Refused { message, for_good } => (message, for_good),
                Delivery::Unknown { message, for_good } => {
                    // It comes again with what is counted by then.
                    self.count(|context| context.count_uncertain(differences));
                    (message, for_good)
                }
            };
            before = mark;
            failures += 1;
            first_failure.get_or_insert(message);
            if !for_good {
                // The receiver is not there, and neither is time for another attempt.
                failures += (count - number - 1) as u64;
                break;
            }
        }
        match first_failure {
            None => Ok(()),
            Some(message) if count == 1 => Err(message.into()),
            Some(message) => Err(format!("{failures} of {count} requests were not taken: {message}").into()),
        }
    }

    /// Sends a request in the form that the receiver wants.
    fn send(&mut self, signal: Signal, body: Bytes, points: u64, deadline: Instant) -> Delivery {
        let Some(way) = &mut self.way else {
            return Delivery::refused("it is not started".to_owned());
        };
        let context = way.context.clone();
        let Some(client) = way.client(signal) else {
            return Delivery::refused("it has no way".to_owned());
        };
        let body = match client.protocol() {
            Protocol::Grpc | Protocol::HttpProtobuf => body,
            Protocol::HttpJson => json::from_protobuf(signal.into(), &body).into(),
        };
        let ending = || context.time_left().map(|left| Instant::now() + left);
        let delivery = client.send(signal, body, points, deadline, &ending);
        context.count_bytes(client.take_sent());
        delivery
    }

    /// Sends all spans or all events that were not taken yet, until one request is not taken.
    fn send_milestones(
        &mut self,
        signal: Signal,
        milestones: &Milestones<'_>,
        deadline: Instant,
    ) -> Result<(), ReportError> {
        let protocol = self.way.as_mut().and_then(|way| way.client(signal)).map(|client| client.protocol());
        let limit = self.options.protobuf_size(protocol.unwrap_or_default());
        while let Some(batch) = match signal {
            Signal::Logs => self.milestones.records(milestones, &self.taken, limit),
            Signal::Metrics | Signal::Traces => self.milestones.spans(milestones, &self.taken, limit),
        } {
            if protocol.is_some() {
                self.send_batch(signal, batch.body, batch.count, deadline)?;
            }
            self.taken.extend(batch.numbers);
            milestones.acknowledge(self.first_taken(milestones));
        }
        Ok(())
    }

    /// Sends some of them, of which no books are kept.
    fn send_batch(
        &mut self,
        signal: Signal,
        body: Bytes,
        count: u64,
        deadline: Instant,
    ) -> Result<(), ReportError> {
        match self.send(signal, body, count, deadline) {
            Delivery::Taken { rejected, message, .. } => {
                self.note_partial(rejected, &message);
                self.count(|context| context.count_dropped_milestones(rejected));
                Ok(())
            }
            Delivery::Refused { message, for_good: true } | Delivery::Unknown { message, for_good: true } => {
                // Another time would be like this one, and others wait behind them.
                self.note(&message, "the receiver does not take spans or events, which are dropped");
                self.count(|context| context.count_dropped_milestones(count));
                Ok(())
            }
            Delivery::Refused { message, .. } | Delivery::Unknown { message, .. } => Err(message.into()),
        }
    }

    /// How many of the first were taken.
    fn first_taken(&self, milestones: &Milestones<'_>) -> usize {
        milestones.iter().take_while(|view| self.taken.contains(&view.number())).count()
    }

    fn count(&self, count: impl FnOnce(&ReporterContext)) {
        if let Some(way) = &self.way {
            count(&way.context);
        }
    }

    /// Tells what a receiver says to what it took in part.
    fn note_partial(&mut self, rejected: u64, message: &str) {
        if rejected > 0 {
            self.note(message, "the receiver has rejected some of what was in a request, which is dropped");
        } else if !message.is_empty() {
            self.note(message, "the receiver has taken a request, and there is something to be said to it");
        }
    }

    /// Tells what a receiver says, once.
    fn note(&mut self, message: &str, what: &str) {
        if self.shown.len() < SHOWN_MESSAGES
            && !self.shown.contains(message)
            && let Some(way) = &self.way
        {
            warn!(reporter = way.context.name(), message, "{what}");
            self.shown.insert(message.to_owned());
        }
    }
}

impl Reporter for OtlpReporter {
    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn deltas(&self) -> bool {
        self.encoder.wants().deltas
    }

    fn rates(&self) -> bool {
        self.encoder.wants().rates
    }

    fn milestones(&self) -> bool {
        self.spans.is_some() || self.events.is_some()
    }

    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        self.share = Share::within(context.interval(), self.options.report_timeout);
        self.milestones.set_seed(context.seed());
        let client = |way: &Option<OtlpOptions>| way.as_ref().map(Client::new).transpose();
        self.way = Some(Way {
            metrics: Client::new(&self.options)?,
            traces: client(&self.spans)?,
            logs: client(&self.events)?,
            context: context.clone(),
        });
        Ok(())
    }

    fn endpoint(&self) -> Option<String> {
        self.way.as_ref().map(|way| way.metrics.endpoint().to_string())
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        self.encoder.prepare_group(group, out);
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        self.encoder.prepare_family(family, out);
    }

    fn accepts(&self, family: &Family) -> bool {
        self.sends_metrics && self.encoder.accepts(family)
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        // All of it, before anything is sent: the values are of one time, however long the receiver takes.
        let mut requests = Vec::new();
        let unsaid = self.encoder.encode(report, &mut |request| requests.push(request));
        self.count(|context| context.count_dropped(unsaid));
        let outcome = self.send_all(report, requests);
        self.share.begin_anew();
        outcome
    }

    fn report_milestones(&mut self, milestones: &Milestones<'_>) -> Result<(), ReportError> {
        let begun = Instant::now();
        let left = self.way.as_ref().and_then(|way| way.context.time_left());
        // The last report comes after the last of these.
        let time = left.map_or(self.share.for_milestones(), |left| self.share.for_milestones().min(left / 2));
        // A receiver of spans that is not there leaves some of the time to events, and they get through meanwhile.
        let spans = self.send_milestones(Signal::Traces, milestones, begun + time / 2);
        let events = self.send_milestones(Signal::Logs, milestones, begun + time);
        for view in milestones.iter().take(self.first_taken(milestones)) {
            self.taken.remove(&view.number());
        }
        self.share.spend_since(begun);
        spans.and(events)
    }

    fn stop(&mut self) {
        self.way = None;
    }
}

impl From<OtlpOptions> for OtlpReporter {
    fn from(options: OtlpOptions) -> Self {
        Self::new(options)
    }
}

impl fmt::Debug for OtlpReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpReporter").field("options", &self.options).finish_non_exhaustive()
    }
}
