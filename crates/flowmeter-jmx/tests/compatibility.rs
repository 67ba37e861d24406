//! The reporter does what every reporter must, as a client of JMX sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client;

use std::time::Duration;

use client::{Client, Value};
use flowmeter_core::{ConfigSection, Number, Reporter, ReporterHandle};
use flowmeter_http::Ports;
use flowmeter_jmx::model::{ObjectName, unquoted};
use flowmeter_jmx::{JmxFactory, JmxOptions, JmxReporter, PlatformBeans};
use flowmeter_testkit::compatibility::{Held, Scenario, Subject, check, check_factory};
use flowmeter_testkit::{Observed, PATIENCE};

/// Longer than the test, in which reports are made when the kit wants them.
const FRESHNESS: Duration = Duration::from_secs(3600);

/// What a client has read last, all of it.
#[derive(Default)]
struct Reader {
    client: Option<Client>,
    held: Vec<Held>,
}

impl Subject for Reader {
    fn reporter(&mut self) -> Box<dyn Reporter> {
        let options = JmxOptions::default().with_ports(Ports::any()).with_freshness(FRESHNESS);
        Box::new(JmxReporter::new(options.with_platform(PlatformBeans::None)))
    }

    fn report(&mut self, reporter: &ReporterHandle) -> Result<(), String> {
        let endpoint = reporter.endpoint().ok_or("it listens nowhere")?;
        if self
            .client
            .as_ref()
            .is_none_or(|client| client.stream.peer_addr().unwrap().to_string() != client::address(&endpoint))
        {
            self.client = Some(Client::new(reporter));
        }
        let client = self.client.as_mut().unwrap();
        self.held.clear();
        reporter.report_now(PATIENCE).map_err(|error| error.to_string())?;
        for name in client.names("flowmeter:*") {
            // It may have gone since.
            if let Ok(attributes) = client.values(&name, &["Value", "Count", "Rate", "Mean"]) {
                self.held.push(held(&name, &attributes));
            }
        }
        Ok(())
    }

    fn held(&mut self) -> Result<Vec<Held>, String> {
        Ok(self.held.clone())
    }
}

fn held(name: &str, attributes: &[(String, Value)]) -> Held {
    let parsed: ObjectName = name.parse().unwrap();
    let labels = parsed.properties().filter(|(key, _)| !matches!(*key, "type" | "name"));
    let labels = labels.map(|(key, value)| (key.to_owned(), unquoted(value).into_owned())).collect();
    let key = |key: &str| unquoted(parsed.property(key).unwrap()).into_owned();
    let names: Vec<_> = attributes.iter().map(|(name, _)| name.as_str()).collect();
    let values: Vec<_> = attributes.iter().map(|(_, value)| observed(value)).collect();
    let value = match (&*names, &*values) {
        (["Value" | "Count"] | ["Count", "Rate"], [value, ..]) => value.clone(),
        (["Count", "Mean"], [Observed::Number(Number::I64(count)), Observed::Number(mean)]) => {
            // There is no attribute for the sum, but this is it.
            let sum = if *count == 0 { 0.0 } else { mean.to_f64() * *count as f64 };
            Observed::Histogram { count: *count as u64, sum }
        }
        other => panic!("{other:?}"),
    };
    Held { name: format!("{}.{}", key("type"), key("name")), labels, value }
}

fn observed(value: &Value) -> Observed {
    let number = |value: &Value| match value {
        Value::Number(number) => Number::I64(*number),
        Value::Float(number) => Number::F64(*number),
        other => panic!("{other:?}"),
    };
    match value {
        Value::Text(text) => Observed::Text(text.clone()),
        value if value.class() == "java.lang.Boolean" => {
            Observed::Bool(*value.field("value") == Value::Number(1))
        }
        value if value.class() == "java.math.BigInteger" => {
            let magnitude = value.field("magnitude").items().iter();
            let magnitude = magnitude.fold(0, |sum: u64, byte| match byte {
                Value::Number(byte) => sum << 8 | *byte as u64,
                other => panic!("{other:?}"),
            });
            Observed::Number(Number::U64(magnitude))
        }
        value => Observed::Number(number(value.field("value"))),
    }
}

#[test]
fn the_reporter_is_compatible() {
    let skipped = check(Reader::default).unwrap_or_else(|failures| panic!("{failures}"));
    assert_eq!(skipped, [Scenario::Refusal], "a client takes what it has asked for");
}

#[test]
fn the_factory_is_as_all_are() {
    let section = ConfigSection::new("reporters.jmx").with("port", "9250-9260").with("naming", "flink");
    check_factory(&JmxFactory, &section).unwrap();
}
