//! What the JDK's own client gets of us, beside what it gets of the JDK's own server with the same beans.

mod access;
mod beans;
mod certificate;
mod demo;
mod lifecycle;
mod query;

use std::fs;

use flowmeter::jmx::model::{MBeanServer, MBeanValue};
use flowmeter::jmx::{JmxOptions, JmxReporter, NamingPolicy, Ports};
use flowmeter::{Registry, ReporterHandle, ReporterOptions};
use flowmeter_e2e::Folder;
use flowmeter_testkit::quiet_registry;

/// A registry that is served with Flink's names.
struct Served {
    registry: Registry,
    reporter: ReporterHandle,
    beans: MBeanServer,
}

impl Served {
    fn new(options: JmxOptions) -> Self {
        let registry = quiet_registry();
        let options = options.with_ports(Ports::any()).with_naming(NamingPolicy::Flink);
        let reporter = JmxReporter::new(options);
        let beans = reporter.beans();
        let reporter = registry.add_reporter("jmx", Box::new(reporter), ReporterOptions::default());
        Self { registry, reporter: reporter.expect("a port is free"), beans }
    }

    fn url(&self) -> String {
        self.reporter.endpoint().expect("it serves")
    }

    /// Writes its beans to a file, for a server in Java that is to have the same.
    fn write(&self, folder: &Folder) -> String {
        self.reporter.report_now(flowmeter_testkit::PATIENCE).expect("it reports");
        let beans = self.beans.latest();
        let metrics = beans.iter().filter(|bean| bean.name().domain().starts_with("org.apache.flink"));
        let line = |bean: &flowmeter::jmx::model::MBean| {
            let kind = bean.class().name.rsplit("Jmx").next().unwrap_or_default().to_owned();
            let values = bean.values().iter().map(|value| match (&*kind, value) {
                ("Gauge", MBeanValue::Long(number)) => format!("Long\t{number}"),
                ("Gauge", MBeanValue::Double(number)) => format!("Double\t{}", java(*number)),
                ("Gauge", MBeanValue::Boolean(value)) => format!("Boolean\t{value}"),
                ("Gauge", MBeanValue::Text(text)) => format!("String\t{text}"),
                (_, MBeanValue::Long(number)) => number.to_string(),
                (_, MBeanValue::Double(number)) => java(*number),
                other => panic!("{other:?}"),
            });
            let values: Vec<_> = values.collect();
            format!("{}\t{kind}\t{}\n", bean.name(), values.join("\t"))
        };
        let path = folder.path().join("beans");
        fs::write(&path, metrics.map(line).collect::<String>()).expect("the folder can be written");
        path.to_str().expect("its path is a text").to_owned()
    }
}

/// As Java reads it.
fn java(number: f64) -> String {
    if number.is_infinite() {
        format!("{}Infinity", if number < 0.0 { "-" } else { "" })
    } else {
        number.to_string()
    }
}
