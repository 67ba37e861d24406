//! The reporter does what every reporter must, as a strict reader of the format sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client;

use std::collections::BTreeMap;

use flowmeter_core::{ConfigSection, Number, Reporter, ReporterHandle};
use flowmeter_http::Ports;
use flowmeter_prometheus::{PrometheusFactory, PrometheusOptions, PrometheusReporter};
use flowmeter_testkit::Observed;
use flowmeter_testkit::compatibility::{Held, Scenario, Subject, check, check_factory};
use flowmeter_testkit::exposition::{self, Sample};

/// The last answer that a scraper got.
#[derive(Default)]
struct Scraper(String);

impl Subject for Scraper {
    fn reporter(&mut self) -> Box<dyn Reporter> {
        Box::new(PrometheusReporter::new(
            PrometheusOptions::default().with_ports(Ports::any()).without_info(),
        ))
    }

    fn report(&mut self, reporter: &ReporterHandle) -> Result<(), String> {
        let (head, body) = client::get(reporter, "/metrics");
        if !head.starts_with("HTTP/1.1 200") {
            return Err(head);
        }
        self.0 = body;
        Ok(())
    }

    fn held(&mut self) -> Result<Vec<Held>, String> {
        let mut held = Vec::new();
        let mut histograms = BTreeMap::<_, (Option<u64>, Option<f64>)>::new();
        for Sample { name, mut labels, value } in exposition::parse(&self.0)? {
            if name.ends_with("_bucket") {
                continue;
            }
            if let Some(histogram) = name.strip_suffix("_count") {
                let count = value.parse().map_err(|_| format!("{value} is no count"))?;
                histograms.entry((histogram.to_owned(), labels)).or_default().0 = Some(count);
                continue;
            }
            if let Some(histogram) = name.strip_suffix("_sum") {
                histograms.entry((histogram.to_owned(), labels)).or_default().1 = value.parse().ok();
                continue;
            }
            // A text gauge is the label `value` of a series that is 1.
            let value = match labels.remove("value") {
                Some(text) => Observed::Text(text),
                None if name.ends_with("_text") => Observed::Text(String::new()),
                None => Observed::Number(number(&value)),
            };
            held.push(Held { name, labels: labels.into_iter().collect(), value });
        }
        for ((name, labels), parts) in histograms {
            let (Some(count), Some(sum)) = parts else {
                return Err(format!("{name} has no count or no sum"));
            };
            let value = Observed::Histogram { count, sum };
            held.push(Held { name, labels: labels.into_iter().collect(), value });
        }
        Ok(held)
    }
}

fn number(text: &str) -> Number {
    let unsigned = text.parse().map(Number::U64);
    let integer = unsigned.or_else(|_| text.parse().map(Number::I64));
    integer.unwrap_or_else(|_| Number::F64(text.parse().unwrap()))
}

#[test]
fn the_reporter_is_compatible() {
    let skipped = check(Scraper::default).unwrap_or_else(|failures| panic!("{failures}"));
    assert_eq!(skipped, [Scenario::Refusal], "a scraper takes what it has asked for");
}

#[test]
fn the_factory_is_as_all_are() {
    let section = ConfigSection::new("reporters.prom").with("port", "9249-9260").with("address", "127.0.0.1");
    check_factory(&PrometheusFactory, &section).unwrap();
}
