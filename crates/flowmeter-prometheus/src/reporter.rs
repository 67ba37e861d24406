//! The reporter: a scrape endpoint.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use flowmeter_core::{Family, GroupView, Naming, Report, ReportError, ReportMode, Reporter, ReporterContext};
use flowmeter_http::{BodyWriter, Ports, Request, Responder, Response, Server, ServerOptions};

use crate::chunks::ChunkWriter;
use crate::text::{CONTENT_TYPE, TextEncoder};

/// Where Flink's own reporter listens, so that existing scrape configurations go on working.
const DEFAULT_PORT: u16 = 9249;

/// How a [`PrometheusReporter`] serves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PrometheusOptions {
    /// Address, ports and limits: 127.0.0.1:9249 unless changed.
    pub server: ServerOptions,
}

impl Default for PrometheusOptions {
    fn default() -> Self {
        Self { server: ServerOptions::default().with_ports(Ports::one(DEFAULT_PORT)) }
    }
}

impl PrometheusOptions {
    /// Sets the port, or the range of ports of which the first free one is taken.
    #[must_use]
    pub fn with_ports(mut self, ports: Ports) -> Self {
        self.server = self.server.with_ports(ports);
        self
    }

    /// Sets the address to listen on. Anything but loopback lets other hosts in.
    #[must_use]
    pub fn with_address(mut self, address: IpAddr) -> Self {
        self.server = self.server.with_address(address);
        self
    }
}

/// Serves `/metrics` to Prometheus.
///
/// A request wakes the reporter's thread, which writes one text for all requests that wait by then; the server's
/// thread only sends it.
pub struct PrometheusReporter {
    options: PrometheusOptions,
    waiting: Waiting,
    context: Option<ReporterContext>,
    server: Option<Server>,
}

/// The requests that wait for a text.
#[derive(Clone, Default)]
struct Waiting(Arc<Mutex<Vec<Scrape>>>);

struct Scrape {
    responder: Responder,
    /// Whether it only wants to look, and closed groups stay for others.
    peek: bool,
}

impl PrometheusReporter {
    /// A reporter that will listen when it is added to a registry.
    #[must_use]
    pub fn new(options: PrometheusOptions) -> Self {
        Self { options, waiting: Waiting::default(), context: None, server: None }
    }
}

impl Waiting {
    fn push(&self, scrape: Scrape) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(scrape);
    }

    fn take(&self) -> Vec<Scrape> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Reporter for PrometheusReporter {
    fn mode(&self) -> ReportMode {
        ReportMode::Pull
    }

    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        let (waiting, asking) = (self.waiting.clone(), context.clone());
        let handler = move |request: Request, responder: Responder| match request.path() {
            "/metrics" => {
                waiting.push(Scrape { responder, peek: request.query("peek").is_some() });
                asking.request_report();
            }
            "/" => responder.send(Response::text("flowmeter: the metrics are at /metrics\n")),
            _ => responder.send(Response::not_found()),
        };
        self.server = Some(Server::start(context.name(), &self.options.server, handler)?);
        self.context = Some(context.clone());
        Ok(())
    }

    fn endpoint(&self) -> Option<String> {
        self.server.as_ref().map(|server| format!("{}/metrics", server.url()))
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        TextEncoder.prepare_group(group, out);
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        TextEncoder.prepare_family(family, out);
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let scrapes = self.waiting.take();
        let Some(context) = self.context.as_ref().filter(|_| !scrapes.is_empty()) else { return Ok(()) };
        // All who wait share the chunks. They are on their way while the rest is written. If that panics, the answers
        // break off.
        let answer = |scrape: Scrape| {
            let (mut response, body) = Response::stream(CONTENT_TYPE);
            if !scrape.peek {
                let (context, number) = (context.clone(), report.number());
                response = response.on_sent(move || context.delivered(number));
            }
            scrape.responder.send(response);
            body
        };
        let bodies: Vec<_> = scrapes.into_iter().map(answer).collect();
        ChunkWriter::default().write(
            |chunk| {
                context.count_bytes((chunk.len() * bodies.len()) as u64);
                bodies.iter().for_each(|body| body.write(chunk.clone()));
            },
            |text, full| TextEncoder.encode(report, text, ChunkWriter::CHUNK, full),
        );
        bodies.into_iter().for_each(BodyWriter::finish);
        Ok(())
    }

    fn stop(&mut self) {
        // Whoever waits for a text hears that there will be none.
        drop(self.waiting.take());
        self.server = None;
    }
}

impl fmt::Debug for PrometheusReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrometheusReporter").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}
