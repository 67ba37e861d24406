//! The beans that clients expect of every process: about itself, and of what it runs on.

use std::sync::Arc;
use std::time::Duration;
use std::{env, process, thread};

use flowmeter_core::{FamilyView, Number, Value};

use crate::PlatformBeans;
use crate::model::{AttributeInfo, MBean, MBeanClass, MBeanValue, MemoryUsage, ObjectName};

/// Sent by the delegate when beans come and go.
const NOTIFICATIONS: &[&str] = &["JMX.mbean.unregistered", "JMX.mbean.registered"];

/// Makes the platform's beans. What they say is true: what the process knows of itself, and the series of the system that are in the
/// registry. An attribute whose value nobody knows is not there.
pub(crate) struct Platform {
    delegate: MBean,
    which: PlatformBeans,
    seen: Vec<Option<Number>>,
    host: Option<String>,
    /// Those of the last report, which stay the same beans as long as they have the same attributes.
    last: Vec<MBean>,
}

/// An attribute that a series of the system has the value of.
struct Source {
    bean: &'static str,
    attribute: &'static str,
    java_type: &'static str,
    /// The group, as the end of the logical scope, and the metric.
    group: &'static str,
    metric: &'static str,
}

const fn source(
    (bean, attribute, java_type): (&'static str, &'static str, &'static str),
    (group, metric): (&'static str, &'static str),
) -> Source {
    Source { bean, attribute, java_type, group, metric }
}

const RUNTIME: &str = "Runtime";
const SYSTEM: &str = "OperatingSystem";
const THREADING: &str = "Threading";
const MEMORY: &str = "Memory";

const USED: &str = "used";
const COMMITTED: &str = "committed";
const MAX: &str = "max";

const SOURCES: [Source; 13] = [
    source((RUNTIME, "StartTime", "long"), ("process", "startTime")),
    source((SYSTEM, "ProcessCpuTime", "long"), ("process", "cpuTime")),
    source((SYSTEM, "ProcessCpuLoad", "double"), ("process", "cpuLoad")),
    source((SYSTEM, "OpenFileDescriptorCount", "long"), ("process", "openFileDescriptors")),
    source((SYSTEM, "MaxFileDescriptorCount", "long"), ("process", "maxFileDescriptors")),
    source((SYSTEM, "CommittedVirtualMemorySize", "long"), ("process", "virtualMemory")),
    source((SYSTEM, "SystemLoadAverage", "double"), ("System.CPU", "Load1min")),
    source((SYSTEM, "TotalMemorySize", "long"), ("System.Memory", "Total")),
    source((SYSTEM, "TotalSwapSpaceSize", "long"), ("System.Swap", "Total")),
    source((THREADING, "ThreadCount", "int"), ("process", "threads")),
    // Parts of one attribute.
    source((MEMORY, USED, "long"), ("allocator", "heapUsed")),
    source((MEMORY, COMMITTED, "long"), ("allocator", "heapCommitted")),
    source((MEMORY, MAX, "long"), ("allocator", "heapMax")),
];

/// The interfaces that Java has for these beans, which clients ask for before they use them.
const INTERFACES: [(&str, &[&str]); 4] = [
    (RUNTIME, &["java.lang.management.RuntimeMXBean"]),
    (
        SYSTEM,
        &[
            "java.lang.management.OperatingSystemMXBean",
            "com.sun.management.OperatingSystemMXBean",
            "com.sun.management.UnixOperatingSystemMXBean",
        ],
    ),
    (THREADING, &["java.lang.management.ThreadMXBean"]),
    (MEMORY, &["java.lang.management.MemoryMXBean"]),
];

/// The interface of a process that does not pass for a virtual machine.
const OWN_RUNTIME: &str = "flowmeter.RuntimeMBean";

impl Platform {
    pub(crate) fn new(which: PlatformBeans) -> Self {
        Self { delegate: delegate(), which, seen: vec![None; SOURCES.len()], host: None, last: Vec::new() }
    }

    /// Forgets what was seen in the last report.
    pub(crate) fn begin(&mut self) {
        self.seen.fill(None);
        self.host = None;
    }

    /// Looks whether a family has a value for an attribute.
    pub(crate) fn look(&mut self, family: &FamilyView<'_>) {
        if self.which == PlatformBeans::None {
            return;
        }
        let (scope, name) = (family.family().logical_scope(), family.family().name());
        let is_in = |group: &str| {
            scope.strip_suffix(group).is_some_and(|above| above.is_empty() || above.ends_with('.'))
        };
        let Some(place) = SOURCES.iter().position(|source| source.metric == name && is_in(source.group))
        else {
            return;
        };
        // A process is one, however many groups say the same of it.
        let first = family.for_each(|series| {
            if let Value::Number(number) = series.value() {
                self.seen[place] = Some(number);
                let mut variables = series.group().variables();
                self.host = variables.find(|(key, _)| *key == "host").map(|(_, host)| host.to_owned());
            }
            Err(())
        });
        let _ = first;
    }

    /// The beans.
    pub(crate) fn beans(&mut self, now: Duration) -> Vec<MBean> {
        let mut beans = vec![self.delegate.clone()];
        if self.which != PlatformBeans::None {
            let new: Vec<_> = INTERFACES
                .iter()
                .filter(|(name, _)| *name != THREADING || self.which == PlatformBeans::All)
                .map(|(name, interfaces)| match self.which {
                    // Of this one VisualVM concludes that all is there that a virtual machine has, and fails.
                    PlatformBeans::Basic if *name == RUNTIME => self.bean(name, &[OWN_RUNTIME], now),
                    _ => self.bean(name, interfaces, now),
                })
                // Java's other beans are about a virtual machine, and a bean without attributes says nothing.
                .filter(|bean| !bean.values().is_empty())
                .collect();
            self.last = new
                .into_iter()
                .map(|new| match self.last.iter().find(|last| last.is_like(&new)) {
                    Some(last) => last.with_values(new.values().into()),
                    None => new,
                })
                .collect();
            beans.extend(self.last.iter().cloned());
        }
        beans
    }

    /// The heap, if there is an allocator that tells.
    fn heap(&self) -> Option<MemoryUsage> {
        let part = |part: &str| {
            let at = SOURCES.iter().position(|source| source.bean == MEMORY && source.attribute == part)?;
            match self.seen[at]? {
                Number::U64(bytes) => Some(bytes),
                _ => None,
            }
        };
        Some(MemoryUsage::new(part(USED)?, part(COMMITTED), part(MAX)))
    }

    fn bean(&self, name: &str, interfaces: &[&'static str], now: Duration) -> MBean {
        let mut attributes: Vec<(AttributeInfo, MBeanValue)> = Vec::new();
        let mut add = |name: &'static str, java_type, value| {
            attributes.push((AttributeInfo::new(name, java_type), value));
        };
        match name {
            RUNTIME => {
                let (pid, host) = (process::id(), self.host.as_deref().unwrap_or("localhost"));
                add("Name", "java.lang.String", MBeanValue::from(&*format!("{pid}@{host}")));
                add("Pid", "long", MBeanValue::Long(pid.into()));
            }
            SYSTEM => {
                add("Name", "java.lang.String", system_name().into());
                add("Arch", "java.lang.String", architecture().into());
                if let Ok(processors) = thread::available_parallelism() {
                    let processors = i32::try_from(processors.get()).unwrap_or(i32::MAX);
                    add("AvailableProcessors", "int", MBeanValue::Integer(processors));
                }
            }
            MEMORY => {
                if let Some(usage) = self.heap() {
                    let java_type = "javax.management.openmbean.CompositeData";
                    add("HeapMemoryUsage", java_type, MBeanValue::Memory(usage));
                }
            }
            _ => {}
        }
        for (source, number) in
            SOURCES.iter().zip(&self.seen).filter(|(source, _)| source.bean == name && name != MEMORY)
        {
            let Some(number) = *number else { continue };
            let value = match source.java_type {
                "double" => MBeanValue::Double(number.to_f64()),
                "int" => MBeanValue::Integer(number.to_f64() as i32),
                _ if source.attribute == "StartTime" => {
                    let start = Duration::try_from_secs_f64(number.to_f64()).unwrap_or_default();
                    add("Uptime", "long", milliseconds(now.saturating_sub(start)));
                    milliseconds(start)
                }
                _ => number.into(),
            };
            add(source.attribute, source.java_type, value);
        }
        let (attributes, values): (Vec<_>, Vec<_>) = attributes.into_iter().unzip();
        let class = MBeanClass {
            name: format!("flowmeter.{name}").into(),
            interfaces: interfaces.iter().map(|name| (*name).into()).collect(),
            ..MBeanClass::standard("", interfaces.first().copied().unwrap_or_default(), attributes)
        };
        MBean::fixed(named(&format!("java.lang:type={name}")), Arc::new(class), values.into())
    }
}

/// As Java calls it.
fn system_name() -> &'static str {
    match env::consts::OS {
        "linux" => "Linux",
        "macos" => "Mac OS X",
        other => other,
    }
}

/// As Java calls it.
fn architecture() -> &'static str {
    match env::consts::ARCH {
        "x86_64" => "amd64",
        other => other,
    }
}

fn milliseconds(time: Duration) -> MBeanValue {
    MBeanValue::Long(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

fn named(name: &str) -> ObjectName {
    name.parse().expect("the names here are object names")
}

/// The bean that stands for the server of the beans, which clients listen to.
fn delegate() -> MBean {
    let facts = [
        ("MBeanServerId", format!("flowmeter_{}", process::id())),
        ("SpecificationName", "Java Management Extensions".to_owned()),
        ("SpecificationVersion", "1.4".to_owned()),
        ("SpecificationVendor", "Oracle Corporation".to_owned()),
        ("ImplementationName", "flowmeter".to_owned()),
        ("ImplementationVersion", env!("CARGO_PKG_VERSION").to_owned()),
        ("ImplementationVendor", "The flowmeter authors".to_owned()),
    ];
    let attribute = |(name, _): &(&'static str, String)| AttributeInfo::new(*name, "java.lang.String");
    let attributes = facts.iter().map(attribute).collect();
    let name = "javax.management.MBeanServerDelegate";
    let mut class = MBeanClass::standard(name, format!("{name}MBean"), attributes);
    class.interfaces.extend(
        ["javax.management.NotificationEmitter", "javax.management.NotificationBroadcaster"].map(Into::into),
    );
    class.notifications = NOTIFICATIONS;
    let values = facts.into_iter().map(|(_, value)| MBeanValue::Text(value.into())).collect();
    MBean::fixed(named("JMImplementation:type=MBeanServerDelegate"), Arc::new(class), values)
}
