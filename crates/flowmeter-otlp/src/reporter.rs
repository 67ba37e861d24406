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
use crate::json;
use crate::milestones::MilestoneEncoder;
use crate::request::{Delivery, Request};
use crate::transport::{Client, Signal};
use crate::{OtlpOptions, Protocol};

/// How many different messages of a receiver are shown at most.
const SHOWN_MESSAGES: usize = 20;

/// Sends metrics, spans and events to a receiver of OTLP.
///
/// It starts whether the receiver is there or not; reports fail while it is not. With cumulative points the first report that
/// it takes makes up for those; with differences that report has all that was counted meanwhile.
pub struct OtlpReporter {
    options: OtlpOptions,
    encoder: Encoder,
    milestones: MilestoneEncoder,
    /// The number of the last milestone up to which all spans were taken: if the events beside them were not, those come again.
    spans_taken: u64,
    way: Option<Way>,
    /// What the receiver has said to what it took in part or not at all.
    shown: BTreeSet<String>,
}

/// The way out, while the reporter is started.
struct Way {
    client: Client,
    context: ReporterContext,
}

impl OtlpReporter {
    /// A reporter that will connect for the first report.
    #[must_use]
    pub fn new(options: OtlpOptions) -> Self {
        let options = options.corrected();
        Self {
            encoder: Encoder::new(&options),
            milestones: MilestoneEncoder::new(&options),
            spans_taken: 0,
            way: None,
            shown: BTreeSet::new(),
            options,
        }
    }

    /// Sends what the requests of a report hold, and tells the core what was taken of it.
    fn send_all(&mut self, report: &Report<'_>, requests: Vec<Request>) -> Result<(), ReportError> {
        let deadline = Instant::now() + self.options.report_timeout;
        let (mut failures, mut first_failure) = (0_u64, None);
        let (count, mut before) = (requests.len(), ReportMark::default());
        for (number, request) in requests.into_iter().enumerate() {
            let Request { body, points, mark } = request;
            let (message, for_good) = match self.send(Signal::Metrics, body, points, deadline) {
                Delivery::Taken { rejected, message, ambiguous } => {
                    report.acknowledge_between(before, mark);
                    self.note_partial(rejected, &message);
                    self.count(|context| {
                        context.count_dropped(rejected);
                        // A cumulative point that is there twice is there once.
                        context.count_uncertain(if ambiguous && self.encoder.wants().deltas {
                            points
                        } else {
                            0
                        });
                    });
                    before = mark;
                    continue;
                }
                Delivery::Refused { message, for_good } => (message, for_good),
                Delivery::Unknown(message) => {
                    // It comes again with what is counted by then.
                    let uncertain = if self.encoder.wants().deltas { points } else { 0 };
                    self.count(|context| context.count_uncertain(uncertain));
                    (message, false)
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
        let Some(Way { client, context }) = &mut self.way else {
            return Delivery::refused("it is not started".to_owned());
        };
        let body = match self.options.protocol {
            Protocol::Grpc | Protocol::HttpProtobuf => body,
            Protocol::HttpJson => json::from_protobuf(signal.into(), &body).into(),
        };
        let delivery = client.send(signal, body, points, deadline, &|| context.pause(Duration::ZERO));
        context.count_bytes(client.take_sent());
        delivery
    }

    /// Sends spans or records, of which no books are kept. Returns whether the receiver is done with them.
    fn send_milestones(
        &mut self,
        signal: Signal,
        part: Option<(Bytes, u64)>,
        deadline: Instant,
    ) -> Result<(), ReportError> {
        let Some((body, count)) = part else { return Ok(()) };
        match self.send(signal, body, count, deadline) {
            Delivery::Taken { rejected, message, .. } => {
                self.note_partial(rejected, &message);
                self.count(|context| context.count_dropped_milestones(rejected));
                Ok(())
            }
            Delivery::Refused { message, for_good: true } => {
                // Another time would be like this one, and others wait behind them.
                self.note(&message, "the receiver does not take spans or events, which are dropped");
                self.count(|context| context.count_dropped_milestones(count));
                Ok(())
            }
            Delivery::Refused { message, for_good: false } | Delivery::Unknown(message) => {
                Err(message.into())
            }
        }
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
            self.note(message, "the receiver has taken a request, and has something to say to it");
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
        self.options.milestones
    }

    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        self.way = Some(Way { client: Client::new(&self.options)?, context: context.clone() });
        Ok(())
    }

    fn endpoint(&self) -> Option<String> {
        self.way.as_ref().map(|way| way.client.endpoint().to_string())
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        self.encoder.prepare_group(group, out);
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        self.encoder.prepare_family(family, out);
    }

    fn accepts(&self, family: &Family) -> bool {
        self.encoder.accepts(family)
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        // All of it, before anything is sent: the values are of one time, however long the receiver takes.
        let mut requests = Vec::new();
        let unsaid = self.encoder.encode(report, &mut |request| requests.push(request));
        self.count(|context| context.count_dropped(unsaid));
        self.send_all(report, requests)
    }

    fn report_milestones(&mut self, milestones: &Milestones<'_>) -> Result<(), ReportError> {
        let deadline = Instant::now() + self.options.report_timeout;
        let mut done = 0;
        while done < milestones.len() {
            let batch = self.milestones.encode(milestones, done, self.spans_taken);
            self.send_milestones(Signal::Traces, batch.spans, deadline)?;
            self.spans_taken = batch.last;
            self.send_milestones(Signal::Logs, batch.records, deadline)?;
            done += batch.milestones;
            milestones.acknowledge(done);
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.way = None;
    }
}

impl fmt::Debug for OtlpReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpReporter").field("options", &self.options).finish_non_exhaustive()
    }
}
