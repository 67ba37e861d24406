//! From options to what sends.

use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::MetricGroup;
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{self, BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::trace::{self, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanLimits};

use super::OtlpTelemetry;
use super::counts::{Counting, Shared};
use super::exporters;
use super::outlet::Outlet;
use crate::environment::Environment;
use crate::transport::Signal;
use crate::{Error, OtlpOptions, naming, resource};

/// How spans, and log records, wait until they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueOptions {
    /// How many of each signal wait at most: 2048. What comes when there are so many is dropped.
    pub length: usize,
    /// With how many a request is sent at once: 512. It has no more.
    pub batch: usize,
    /// How long one waits at most until a request is sent: 1 s.
    pub delay: Duration,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { length: 2048, batch: 512, delay: Duration::from_secs(1) }
    }
}

impl QueueOptions {
    /// Sets how many wait at most, 1 and more; taken for the nearest that is possible.
    #[must_use]
    pub fn with_length(mut self, length: usize) -> Self {
        self.length = length;
        self
    }

    /// Sets how many a request has, 1 to the length of the queue; taken for the nearest that is possible.
    #[must_use]
    pub fn with_batch(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }

    /// Sets how long one waits at most, 1 ms and more; taken for the nearest that is possible.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    fn corrected(self) -> Self {
        let length = self.length.max(1);
        Self {
            length,
            batch: self.batch.clamp(1, length),
            delay: self.delay.clamp(OtlpOptions::SHORTEST_TIME, OtlpOptions::LONGEST_TIME),
        }
    }
}

/// What is to be sent, where, and how. See [`OtlpTelemetry`].
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is built"]
pub struct OtlpTelemetryBuilder {
    spans: OtlpOptions,
    logs: OtlpOptions,
    /// The attributes of the resource that come from groups.
    of_groups: Vec<MetricGroup>,
    /// Where nothing is said here, the SDK asks the environment.
    queue: Option<QueueOptions>,
    sampled: Option<f64>,
    limits: Option<SpanLimits>,
}

impl OtlpTelemetryBuilder {
    pub(super) fn new(options: OtlpOptions) -> Self {
        Self {
            spans: options.clone(),
            logs: options,
            of_groups: Vec::new(),
            queue: Some(QueueOptions::default()),
            sampled: Some(1.0),
            limits: Some(SpanLimits::default()),
        }
    }

    pub(super) fn from_environment() -> Self {
        let environment = Environment::of_process();
        Self {
            spans: environment.options(Signal::Traces),
            logs: environment.options(Signal::Logs),
            of_groups: Vec::new(),
            queue: None,
            sampled: None,
            limits: None,
        }
    }

    /// Sets where and how log records go, if not as spans do.
    pub fn with_log_options(mut self, options: OtlpOptions) -> Self {
        self.logs = options;
        self
    }

    /// Has the variables of a group, and of those above it, be attributes of the resource, in the naming of the options. What the
    /// options say about the resource comes before them. A TaskManager's group tells the spans of one process from another's.
    pub fn with_group(mut self, group: &MetricGroup) -> Self {
        self.of_groups.push(group.clone());
        self
    }

    /// Sets how spans and log records wait.
    pub fn with_queue(mut self, queue: QueueOptions) -> Self {
        self.queue = Some(queue);
        self
    }

    /// Sets which part of the traces is sent, 0 to 1: all. Spans that have a parent elsewhere are sent if that is.
    pub fn with_sampled(mut self, part: f64) -> Self {
        self.sampled = Some(part);
        self
    }

    /// Makes what sends, which connects with the first request.
    ///
    /// # Errors
    ///
    /// When the endpoint, a header or a file of TLS cannot be used.
    pub fn build(self) -> Result<OtlpTelemetry, Error> {
        let shared = Arc::new(Shared::default());
        let outlet =
            |signal, options: &OtlpOptions| Outlet::new(signal, &options.clone().corrected(), shared.clone());
        let spans = exporters::spans(outlet(Signal::Traces, &self.spans)?).map_err(Error::Exporter)?;
        let logs = exporters::logs(outlet(Signal::Logs, &self.logs)?).map_err(Error::Exporter)?;

        let (mut of_spans, mut of_logs) =
            (trace::BatchConfigBuilder::default(), logs::BatchConfigBuilder::default());
        if let Some(QueueOptions { length, batch, delay }) = self.queue.map(QueueOptions::corrected) {
            of_spans = of_spans
                .with_max_queue_size(length)
                .with_max_export_batch_size(batch)
                .with_scheduled_delay(delay);
            of_logs = of_logs
                .with_max_queue_size(length)
                .with_max_export_batch_size(batch)
                .with_scheduled_delay(delay);
        }
        let spans = BatchSpanProcessor::builder(spans).with_batch_config(of_spans.build()).build();
        let logs = BatchLogProcessor::builder(logs).with_batch_config(of_logs.build()).build();

        let mut tracers = SdkTracerProvider::builder()
            .with_resource(self.resource(&self.spans))
            .with_span_processor(Counting { queue: spans, shared: shared.clone() });
        if let Some(part) = self.sampled {
            tracers = tracers.with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(part))));
        }
        if let Some(limits) = self.limits {
            tracers = tracers.with_span_limits(limits);
        }
        let loggers = SdkLoggerProvider::builder()
            .with_resource(self.resource(&self.logs))
            .with_log_processor(Counting { queue: logs, shared: shared.clone() });
        Ok(OtlpTelemetry { tracers: tracers.build(), loggers: loggers.build(), shared })
    }

    /// The attributes that metrics have, and then those of groups.
    fn resource(&self, options: &OtlpOptions) -> Resource {
        let mut attributes = resource::attributes(options);
        for group in &self.of_groups {
            let naming::Split { of_resource, of_points } =
                naming::attributes(options, &attributes, &group.view());
            let of_group: Vec<_> = of_resource
                .into_iter()
                .chain(of_points)
                .map(|(key, value)| (key, value.to_owned()))
                .collect();
            for (key, value) in of_group {
                if attributes.iter().all(|(known, _)| *known != key) {
                    attributes.push((key, value));
                }
            }
        }
        let attributes = attributes.into_iter().map(|(key, value)| KeyValue::new(key, value));
        Resource::builder_empty().with_attributes(attributes).build()
    }
}
