//! The beans of the server that the exchanges were recorded with, as far as they were asked for.

use std::sync::Arc;

use flowmeter_core::ReportNumber;
use flowmeter_http::Ports;
use flowmeter_jmx::model::{AttributeInfo, MBean, MBeanClass, MBeanServer, MBeanValue, MBeans, MemoryUsage};
use flowmeter_jmx::{JolokiaOptions, JolokiaServer};

/// An attribute: its name, type and value.
type Attribute = (&'static str, &'static str, MBeanValue);

fn bean(name: &str, class: &'static str, attributes: Vec<Attribute>) -> MBean {
    let (infos, values): (Vec<_>, Vec<_>) = attributes
        .into_iter()
        .map(|(name, java_type, value)| (AttributeInfo::new(name, java_type), value))
        .unzip();
    let class = MBeanClass::standard(class, format!("{class}MBean"), infos);
    MBean::metric(name.parse().unwrap(), Arc::new(class), values.into())
}

fn gauge(name: &str, value: MBeanValue) -> MBean {
    bean(name, "flinkish.Srv$JmxGauge", vec![("Value", "java.lang.Object", value)])
}

pub(crate) fn recorded() -> MBeans {
    use MBeanValue::{Boolean, Double, Integer, Long, Memory, Null};
    let of_counter = vec![("Count", "long", Long(42))];
    let of_meter = vec![("Count", "long", Long(7)), ("Rate", "double", Double(1.5))];
    let of_histogram = vec![
        ("Count", "long", Long(100)),
        ("Mean", "double", Double(5.5)),
        ("StdDev", "double", Double(1.25)),
        ("Max", "long", Long(9)),
        ("Min", "long", Long(1)),
        ("Median", "double", Double(5.0)),
        ("75thPercentile", "double", Double(7.0)),
        ("95thPercentile", "double", Double(8.0)),
        ("98thPercentile", "double", Double(8.5)),
        ("99thPercentile", "double", Double(8.75)),
        ("999thPercentile", "double", Double(9.0)),
    ];
    let memory = MemoryUsage::new(6_417_864, Some(41_943_040), Some(6_320_816_128));
    let of_memory = vec![
        ("HeapMemoryUsage", "javax.management.openmbean.CompositeData", Memory(memory)),
        ("ObjectPendingFinalizationCount", "int", Integer(0)),
        ("Verbose", "boolean", Boolean(false)),
    ];
    let task = "org.apache.flink.taskmanager.job.task";
    let status = "org.apache.flink.taskmanager.Status";
    MBeans::new(
        vec![
            delegate(),
            bean("java.lang:type=Memory", "sun.management.MemoryImpl", of_memory),
            bean(
                "java.lang:type=OperatingSystem",
                "com.sun.management.internal.OperatingSystemImpl",
                vec![("SystemCpuLoad", "double", Double(1.0))],
            ),
            gauge("org.apache.flink.jobmanager.numRunningJobs:host=localhost", Integer(3)),
            gauge(
                "org.apache.flink.jobmanager.job.restartingTime:job_name=WordCount,host=localhost",
                "RUNNING".into(),
            ),
            bean(
                &format!(
                    "{task}.operator.numRecordsIn:operator_name=map,job_name=WordCount,host=localhost,subtask_index=0,\
                     task_name=Source-_x,job_id=00ff,tm_id=127.0.0.1-9250-abc"
                ),
                "flinkish.Srv$JmxCounter",
                of_counter,
            ),
            bean(
                &format!("{task}.numRecordsInPerSecond:host=localhost,task_name=map"),
                "flinkish.Srv$JmxMeter",
                of_meter,
            ),
            bean(
                &format!("{task}.operator.latency:host=localhost,task_name=map"),
                "flinkish.Srv$JmxHistogram",
                of_histogram,
            ),
            gauge(&format!("{status}.gaugeLong:host=localhost"), Long(123_456_789_012)),
            gauge(&format!("{status}.gaugeDouble:host=localhost"), Double(0.25)),
            gauge(&format!("{status}.gaugeBool:host=localhost"), Boolean(true)),
            gauge(&format!("{status}.gaugeNull:host=localhost"), Null),
        ],
        ReportNumber::default(),
    )
}

/// As the JDK describes it.
fn delegate() -> MBean {
    let attributes = [
        ("MBeanServerId", "The MBean server agent identification"),
        ("SpecificationName", "The full name of the JMX specification implemented by this product."),
        ("SpecificationVersion", "The version of the JMX specification implemented by this product."),
        ("SpecificationVendor", "The vendor of the JMX specification implemented by this product."),
        ("ImplementationName", "The JMX implementation name (the name of this product)"),
        ("ImplementationVersion", "The JMX implementation version (the version of this product)."),
        ("ImplementationVendor", "the JMX implementation vendor (the vendor of this product)."),
    ];
    let info = |(name, text)| AttributeInfo::new(name, "java.lang.String").with_description(text);
    let class = MBeanClass {
        description: "Represents  the MBean server from the management point of view.".into(),
        notifications: &["JMX.mbean.registered"],
        ..MBeanClass::standard("javax.management.MBeanServerDelegate", "", attributes.map(info).into())
    };
    let values = attributes.map(|(name, _)| name.into()).into();
    MBean::fixed("JMImplementation:type=MBeanServerDelegate".parse().unwrap(), Arc::new(class), values)
}

/// A server of these beans.
pub(crate) fn serve(options: JolokiaOptions) -> JolokiaServer {
    let beans = MBeanServer::of(recorded());
    JolokiaServer::start("test", &options.with_ports(Ports::any()), beans).unwrap()
}
