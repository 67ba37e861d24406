//! Scrapers that come at the same time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client;

use std::io::Read;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use client::{get, receive, send};
use flowmeter_core::{Counter, Registry, ReporterHandle, ReporterOptions};
use flowmeter_http::Ports;
use flowmeter_prometheus::{PrometheusOptions, PrometheusReporter};
use flowmeter_testkit::{PATIENCE, quiet_registry};

/// A reporter whose reports wait, so that scrapes gather.
struct Gathering {
    registry: Registry,
    handle: ReporterHandle,
    open: Option<mpsc::Sender<()>>,
}

impl Gathering {
    fn new(options: PrometheusOptions) -> Self {
        let registry = quiet_registry();
        let reporter = PrometheusReporter::new(options.with_ports(Ports::any()).without_info());
        let options = ReporterOptions::default().with_callback_patience(PATIENCE);
        let handle = registry.add_reporter("prometheus", Box::new(reporter), options).unwrap();
        let (open, gate) = mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        registry.add_group("gate").gauge_callback("open", move || {
            // Goes on for good once the other side is gone.
            let _ = gate.lock().unwrap().recv();
            1_u64
        });
        Self { registry, handle, open: Some(open) }
    }

    /// Lets reports go on.
    fn open(&mut self) {
        // Whoever asks now asks after all who did before: the server has one thread, which answers this at once.
        assert!(get(&self.handle, "/-/healthy").0.starts_with("HTTP/1.1 200"));
        self.open = None;
    }

    /// More text than the system keeps for a connection.
    fn add_much_text(&self) -> Vec<Counter> {
        let group = self.registry.add_group("g");
        let long = "x".repeat(16 * 1024);
        (0..2_000).map(|i| group.add_group_kv("i", &format!("{i}{long}")).counter("n")).collect()
    }
}

#[test]
fn scrapes_that_wait_together_share_a_report() {
    let mut gathering = Gathering::new(PrometheusOptions::default());
    let counter = gathering.registry.add_group("g").counter("n");
    counter.inc_by(7);
    let forms = ["text/plain", "application/openmetrics-text"];
    let send = |accept| (accept, send(&gathering.handle, "GET /metrics", &[("accept", accept)]));
    let scrapes: Vec<_> = forms.into_iter().cycle().take(20).map(send).collect();
    gathering.open();
    for (accept, stream) in scrapes {
        let (head, body) = receive(stream, false);
        assert!(head.contains(&format!("content-type: {accept}")), "{head}");
        assert!(String::from_utf8(body).unwrap().contains("\ng_n_total 7\n"));
    }
    // The next one, which has nobody to answer, may have begun.
    let reports = gathering.handle.status().reports;
    assert!((1..=3).contains(&reports), "20 scrapes took {reports} reports");
}

#[test]
fn a_client_that_takes_nothing_is_given_up_and_those_beside_it_get_all() {
    let mut gathering = Gathering::new(PrometheusOptions::default().with_memory(1 << 20));
    let counters = gathering.add_much_text();
    let ask = |path: &str| send(&gathering.handle, &format!("GET {path}"), &[]);
    // One shares the idle client's answer, the other is in another form.
    let (mut idle, text, few) = (ask("/metrics"), ask("/metrics"), ask("/metrics?name[]=gate_open"));
    gathering.open();
    let [text, few] = [text, few].map(|stream| {
        let (head, body) = receive(stream, false);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        String::from_utf8(body).unwrap()
    });
    assert_eq!(text.matches("\ng_i_n_total{").count(), counters.len());
    assert!(few.ends_with("\ngate_open 1\n"));
    gathering.handle.wait_delivered(PATIENCE).unwrap();
    // It hears of it once it looks.
    let mut rest = Vec::new();
    let _ = idle.read_to_end(&mut rest);
    assert!(rest.len() < text.len(), "it has got {} bytes", rest.len());
}

#[test]
fn who_comes_while_memory_is_short_is_told_to_come_back_until_it_is_not() {
    let mut options = PrometheusOptions::default().with_memory(1 << 20);
    options.server.client_patience = Duration::from_millis(500);
    let mut gathering = Gathering::new(options);
    gathering.open();
    let counters = gathering.add_much_text();
    let mut idle = send(&gathering.handle, "GET /metrics", &[]);
    let mut begins = [0; 12];
    idle.read_exact(&mut begins).unwrap();
    assert_eq!(&begins, b"HTTP/1.1 200");
    let deadline = Instant::now() + PATIENCE;
    let body = loop {
        let (head, body) = get(&gathering.handle, "/metrics");
        if head.starts_with("HTTP/1.1 200") {
            break body;
        }
        assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after: 1"), "{head}");
        assert!(Instant::now() < deadline, "the idle client still has the memory");
        thread::yield_now();
    };
    assert_eq!(body.matches("\ng_i_n_total{").count(), counters.len());
}
