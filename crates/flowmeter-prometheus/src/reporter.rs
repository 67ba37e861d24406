//! The reporter: a scrape endpoint.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use flowmeter_core::{Family, GroupView, Naming, Report, ReportError, ReportMode, Reporter, ReporterContext};
use flowmeter_http::{BodyWriter, Request, Responder, Response, Server};
use tracing::{info, warn};

use crate::chunks::{ChunkWriter, Kept};
use crate::clients::Clients;
use crate::compress::Packer;
use crate::encode::{About, Ages, Encoding, Output, encode_flink};
use crate::options::PrometheusOptions;
use crate::page;
use crate::scrape::{Form, Scrape, Waiting};

/// Serves `/metrics` to Prometheus.
///
/// A request wakes the reporter's thread, which writes one answer for all requests that wait by then and want the same; the
/// server's thread only sends it.
pub struct PrometheusReporter {
    options: Arc<PrometheusOptions>,
    about: About,
    waiting: Waiting,
    kept: Kept,
    ages: RefCell<Ages>,
    /// Whether a log line has named a metric that a format cannot have.
    said_left_out: Cell<bool>,
    context: Option<ReporterContext>,
    server: Option<Server>,
}

impl PrometheusReporter {
    /// A reporter that will listen when it is added to a registry.
    #[must_use]
    pub fn new(options: PrometheusOptions) -> Self {
        Self {
            about: if options.info { About::process(&options.target) } else { About::nothing() },
            options: Arc::new(options),
            waiting: Waiting::default(),
            kept: Kept::default(),
            ages: RefCell::default(),
            said_left_out: Cell::new(false),
            context: None,
            server: None,
        }
    }

    /// Writes one answer for all who wait for it.
    fn answer(
        &self,
        report: &Report<'_>,
        context: &ReporterContext,
        form: &Form,
        bodies: Vec<BodyWriter>,
    ) -> io::Result<()> {
        let packer = Packer::new(form.compression, form.accepted.format)?;
        let memory = self.options.memory.max(ChunkWriter::CHUNK);
        let mut clients = Clients::new(bodies, &self.kept, memory, self.options.server.answer_patience);
        let is_over = Cell::new(false);
        let send = |chunk: Bytes| {
            let length = chunk.len();
            let count = clients.write(chunk);
            context.count_bytes((length * count) as u64);
            is_over.set(count == 0);
        };
        let job = Job { report, context, form, is_over: &is_over };
        let mut result = Ok(());
        ChunkWriter::counted(&self.kept).write(send, |buffer, full| match packer {
            None => self.encode(&job, buffer, full),
            Some(packer) => result = self.encode_packed(&job, packer, buffer, full),
        });
        result?;
        clients.finish();
        Ok(())
    }

    fn encode_packed(
        &self,
        job: &Job<'_>,
        mut packer: Packer,
        packed: &mut Vec<u8>,
        full: &mut dyn FnMut(&mut Vec<u8>),
    ) -> io::Result<()> {
        let mut result = Ok(());
        let mut plain = Vec::with_capacity(ChunkWriter::CHUNK + ChunkWriter::CHUNK / 8);
        self.encode(job, &mut plain, &mut |plain| {
            if result.is_ok() {
                result = packer.pack(plain, packed);
            }
            plain.clear();
            if packed.len() >= ChunkWriter::CHUNK {
                full(packed);
            }
        });
        result?;
        packer.pack(&plain, packed)?;
        packer.finish(packed)
    }

    fn encode(&self, job: &Job<'_>, bytes: &mut Vec<u8>, full: &mut dyn FnMut(&mut Vec<u8>)) {
        let Job { report, context, form, is_over } = *job;
        let mut output = Output { bytes, chunk: ChunkWriter::CHUNK, full };
        if self.options.naming.is_flink() {
            return encode_flink(report, &form.selection, &mut output);
        }
        let encoding = Encoding {
            format: form.accepted.format,
            escaping: form.accepted.escaping,
            any_names: self.options.naming.has_any_names(),
            selection: &form.selection,
            buckets: self.options.buckets,
            created: self.options.created,
            about: &self.about,
            ages: &self.ages,
            is_over,
        };
        let left_out = encoding.encode(report, &mut output);
        context.count_dropped(left_out.series);
        if let Some(metric) = left_out.first
            && !self.said_left_out.replace(true)
        {
            let (reporter, format) = (context.name(), form.accepted.content_type());
            warn!(
                reporter,
                metric,
                format,
                "a name is that of a sample of another metric in this format; the metric is left out of it"
            );
        }
    }
}

/// An answer that is being written.
struct Job<'a> {
    report: &'a Report<'a>,
    context: &'a ReporterContext,
    form: &'a Form,
    /// Set when nobody waits for the rest.
    is_over: &'a Cell<bool>,
}

/// When a client that was told to come back should.
const COME_BACK_SECONDS: &str = "1";

/// Answers requests, or has them wait.
fn handle(
    request: &Request,
    responder: Responder,
    options: &PrometheusOptions,
    waiting: &Waiting,
    kept: &Kept,
    context: &ReporterContext,
) {
    match request.path() {
        "/metrics" => {
            let Some(form) = Form::of(request, &options.naming) else {
                let answer = Response::not_acceptable("there is gzip, and what is not compressed\n");
                return responder.send(answer);
            };
            if request.is_head() {
                // What there is to say of an answer is known without it, but for its length.
                let (answer, _) = Response::stream(form.accepted.content_type());
                return responder.send(form.describe(answer));
            }
            if kept.bytes() > options.memory {
                let answer =
                    Response::unavailable("other clients are slow to take their answers; come back\n");
                return responder.send(answer.with_header("retry-after", COME_BACK_SECONDS));
            }
            waiting.push(Scrape { responder, form, peek: request.query("peek").is_some() });
            context.request_report();
        }
        "/-/healthy" => responder.send(Response::text("flowmeter is healthy\n")),
        "/" => responder.send(page::index()),
        _ => responder.send(Response::not_found()),
    }
}

impl Reporter for PrometheusReporter {
    fn mode(&self) -> ReportMode {
        ReportMode::Pull
    }

    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn rates(&self) -> bool {
        // Others work them out in the server.
        self.options.naming.is_flink()
    }

    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        let (options, waiting, kept) = (Arc::clone(&self.options), self.waiting.clone(), self.kept.clone());
        let asking = context.clone();
        let handler = move |request: Request, responder: Responder| {
            handle(&request, responder, &options, &waiting, &kept, &asking);
        };
        let server = Server::start(context.name(), &self.options.server, handler)?;
        info!(reporter = context.name(), endpoint = format!("{}/metrics", server.url()), "serves Prometheus");
        self.server = Some(server);
        self.context = Some(context.clone());
        Ok(())
    }

    fn endpoint(&self) -> Option<String> {
        self.server.as_ref().map(|server| format!("{}/metrics", server.url()))
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        self.options.naming.prepare_group(group, out);
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        self.options.naming.prepare_family(family, out);
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let Some(context) = self.context.clone() else { return Ok(()) };
        // The answers begin at once, and are on their way while the rest is written. If that panics, they break off.
        let answers: Vec<_> = self
            .waiting
            .take()
            .into_iter()
            .map(|(form, scrapes)| {
                let begin = |scrape: Scrape| {
                    let (mut response, body) = Response::stream(form.accepted.content_type());
                    if scrape.delivers() {
                        let (context, number) = (context.clone(), report.number());
                        response = response.on_sent(move || context.delivered(number));
                    }
                    scrape.responder.send(form.describe(response));
                    body
                };
                let bodies: Vec<_> = scrapes.into_iter().map(begin).collect();
                (form, bodies)
            })
            .collect();
        let results = answers.into_iter().map(|(form, bodies)| self.answer(report, &context, &form, bodies));
        // All of them, whatever becomes of one.
        let results: Vec<_> = results.collect();
        Ok(results.into_iter().collect::<io::Result<()>>()?)
    }

    fn stop(&mut self) {
        // Whoever waits for an answer hears that there will be none.
        drop(self.waiting.take());
        self.server = None;
    }
}

impl fmt::Debug for PrometheusReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrometheusReporter").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}
