//! The reporter does what every reporter must, as a client of Jolokia sees it.

use std::time::Duration;

use flowmeter_core::{Number, Reporter, ReporterHandle};
use flowmeter_http::Ports;
use flowmeter_jmx::model::{ObjectName, unquoted};
use flowmeter_jmx::{JmxOptions, JmxReporter, JolokiaOptions, JolokiaServer, PlatformBeans};
use flowmeter_testkit::compatibility::{Held, Scenario, Subject, check};
use flowmeter_testkit::{Observed, PATIENCE};
use serde_json::{Map, Value, json};

use crate::client::post;

/// Longer than the test, in which reports are made when the kit wants them.
const FRESHNESS: Duration = Duration::from_secs(3600);

/// What a client has read last, all of it.
#[derive(Default)]
struct Reader {
    server: Option<JolokiaServer>,
    held: Vec<Held>,
}

impl Subject for Reader {
    fn reporter(&mut self) -> Box<dyn Reporter> {
        let options = JmxOptions::default().with_ports(Ports::any()).with_freshness(FRESHNESS);
        let reporter = JmxReporter::new(options.with_platform(PlatformBeans::None));
        let options = JolokiaOptions::default().with_ports(Ports::any());
        self.server = Some(JolokiaServer::start("test", &options, reporter.beans()).unwrap());
        Box::new(reporter)
    }

    fn report(&mut self, reporter: &ReporterHandle) -> Result<(), String> {
        reporter.report_now(PATIENCE).map_err(|error| error.to_string())?;
        let url = self.server.as_ref().ok_or("there is no reporter")?.url();
        let answer = post(&url, &json!({"type": "read", "mbean": "flowmeter:*"}));
        self.held = match &answer["value"] {
            Value::Object(beans) => beans.iter().map(|(name, values)| held(name, values)).collect(),
            _ if answer["error_type"] == "javax.management.InstanceNotFoundException" => Vec::new(),
            _ => return Err(answer.to_string()),
        };
        Ok(())
    }

    fn held(&mut self) -> Result<Vec<Held>, String> {
        Ok(self.held.clone())
    }
}

fn held(name: &str, values: &Value) -> Held {
    let parsed: ObjectName = name.parse().unwrap();
    let labels = parsed.properties().filter(|(key, _)| !matches!(*key, "type" | "name"));
    let labels = labels.map(|(key, value)| (key.to_owned(), unquoted(value).into_owned())).collect();
    let key = |key: &str| unquoted(parsed.property(key).unwrap()).into_owned();
    let values: &Map<String, Value> = values.as_object().unwrap();
    let value = match (values.get("Value").or(values.get("Count")), values.get("Mean")) {
        (Some(count), Some(mean)) => {
            let count = count.as_u64().unwrap();
            // There is no attribute for the sum, but this is it.
            Observed::Histogram { count, sum: mean.as_f64().unwrap_or(0.0) * count as f64 }
        }
        (Some(value), None) => observed(value),
        (None, _) => panic!("{values:?}"),
    };
    Held { name: format!("{}.{}", key("type"), key("name")), labels, value }
}

fn observed(value: &Value) -> Observed {
    match value {
        Value::Bool(value) => Observed::Bool(*value),
        Value::String(text) if ["NaN", "Infinity", "-Infinity"].contains(&&**text) => {
            Observed::Number(Number::F64(text.parse().unwrap()))
        }
        Value::String(text) => Observed::Text(text.clone()),
        Value::Number(number) => Observed::Number(match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Number::I64(number),
            (None, Some(number)) => Number::U64(number),
            (None, None) => Number::F64(number.as_f64().unwrap()),
        }),
        other => panic!("{other}"),
    }
}

#[test]
fn the_reporter_is_compatible() {
    let skipped = check(Reader::default).unwrap_or_else(|failures| panic!("{failures}"));
    assert_eq!(skipped, [Scenario::Refusal], "a client takes what it has asked for");
}
