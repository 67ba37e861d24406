//! The reporter does what every reporter must, as a strict reader sees what the Prometheus exporter of the facade serves of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use flowmeter_core::{ConfigSection, Number, Reporter};
use flowmeter_metrics::{MetricsFactory, MetricsReporter};
use flowmeter_testkit::Observed;
use flowmeter_testkit::compatibility::{Abilities, Held, Scenario, Subject, check, check_factory};
use flowmeter_testkit::exposition::{Sample, parse};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// An exporter that has what it was told in its text.
struct Exporter {
    reporter: Option<MetricsReporter>,
    exporter: PrometheusHandle,
}

impl Exporter {
    fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let exporter = recorder.handle();
        Self { reporter: Some(MetricsReporter::new(recorder)), exporter }
    }
}

impl Subject for Exporter {
    fn reporter(&mut self) -> Box<dyn Reporter> {
        Box::new(self.reporter.take().unwrap())
    }

    fn held(&mut self) -> Result<Vec<Held>, String> {
        // Infinities are not spelled there as the format has them.
        let text = self.exporter.render().replace(" inf\n", " +Inf\n").replace(" -inf\n", " -Inf\n");
        let summaries: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" summary")).collect();
        // The sums of histograms are near, so they have tests of their own.
        let is_histogram = |name: &str| {
            let ends = ["", "_sum", "_count"].map(|end| name.strip_suffix(end));
            ends.into_iter().flatten().any(|name| summaries.contains(&name))
        };
        let samples = parse(&text)?.into_iter().filter(|sample| !is_histogram(&sample.name));
        let held = |mut sample: Sample| {
            let text = sample.labels.remove("value");
            let (name, labels) = (sample.name, sample.labels.into_iter().collect());
            let unsigned = sample.value.parse().map(Number::U64);
            let number = unsigned.or_else(|_| sample.value.parse().map(Number::F64));
            match (text, number.map_err(|error| error.to_string())) {
                // The one that it had before.
                (Some(_), Ok(Number::U64(0))) => Ok(None),
                (Some(text), _) => Ok(Some(Held { name, labels, value: Observed::Text(text) })),
                (None, number) => Ok(Some(Held { name, labels, value: Observed::Number(number?) })),
            }
        };
        samples.filter_map(|sample| held(sample).transpose()).collect()
    }

    fn abilities(&self) -> Abilities {
        // Gauges are floats.
        Abilities { integers: false, histograms: false, forgets: false, ..Abilities::default() }
    }
}

#[test]
fn it_is_compatible() {
    let skipped = check(Exporter::new).unwrap_or_else(|failures| panic!("{failures}"));
    // A recorder refuses nothing.
    assert_eq!(skipped, [Scenario::Refusal]);
}

#[test]
fn the_factory_is_as_all_are() {
    let section = ConfigSection::new("reporters.metrics").with("prefix", "shop");
    let recorder = PrometheusBuilder::new().build_recorder();
    check_factory(&MetricsFactory::new(recorder), &section).unwrap();
    check_factory(&MetricsFactory::global(), &section).unwrap();
}
