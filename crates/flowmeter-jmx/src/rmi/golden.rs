//! A session of a client with the JDK's own server, played again.
//!
//! What the client sent is sent to this server, with the numbers of the objects that it gives; what it answers must say the same, but for what is
//! another's: numbers, stacks, constructors, and beans of a virtual machine.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use flowmeter_core::ReportNumber;
use flowmeter_http::Ports;

use super::RmiServer;
use crate::JmxOptions;
use crate::model::{AttributeInfo, MBean, MBeanClass, MBeanServer, MBeanValue, MBeans};
use crate::platform::Platform;

#[path = "../../tests/client/mod.rs"]
mod client;

use client::Value;

/// The beans of the session.
fn beans() -> MBeans {
    let bean =
        |name: &str, kind: &str, attributes: &[(&'static str, &'static str)], values: &[MBeanValue]| {
            let attributes =
                attributes.iter().map(|(name, java_type)| AttributeInfo::new(*name, java_type)).collect();
            let class = format!("flinkish.Srv$Jmx{kind}");
            let class = MBeanClass::standard(class.clone(), format!("{class}MBean"), attributes);
            MBean::metric(name.parse().unwrap(), Arc::new(class), values.into())
        };
    let gauge = |name: &str, value| {
        let name = format!("org.apache.flink.{name}");
        bean(&name, "Gauge", &[("Value", "java.lang.Object")], &[value])
    };
    let double = MBeanValue::Double;
    let quantiles =
        ["75thPercentile", "95thPercentile", "98thPercentile", "99thPercentile", "999thPercentile"];
    let longs = ["Count", "Min", "Max"].map(|name| (name, "long"));
    let doubles = ["Mean", "StdDev", "Median"].into_iter().chain(quantiles).map(|name| (name, "double"));
    let histogram: Vec<_> = longs.into_iter().chain(doubles).collect();
    let task = "org.apache.flink.taskmanager.job.task";
    let mut beans = Platform::new(crate::PlatformBeans::None).beans(std::time::Duration::ZERO);
    beans.extend([
        bean(
            &format!(
                "{task}.operator.numRecordsIn:operator_name=map,job_name=WordCount,host=localhost,subtask_index=0,\
                 task_name=Source-_x,job_id=00ff,tm_id=127.0.0.1-9250-abc"
            ),
            "Counter",
            &[("Count", "long")],
            &[MBeanValue::Long(42)],
        ),
        gauge("jobmanager.numRunningJobs:host=localhost", MBeanValue::Integer(3)),
        gauge("jobmanager.job.restartingTime:job_name=WordCount,host=localhost", "RUNNING".into()),
        gauge("taskmanager.Status.gaugeDouble:host=localhost", double(0.25)),
        gauge("taskmanager.Status.gaugeLong:host=localhost", MBeanValue::Long(123_456_789_012)),
        gauge("taskmanager.Status.gaugeBool:host=localhost", MBeanValue::Boolean(true)),
        gauge("taskmanager.Status.gaugeNull:host=localhost", MBeanValue::Null),
        bean(
            &format!("{task}.numRecordsInPerSecond:host=localhost,task_name=map"),
            "Meter",
            &[("Count", "long"), ("Rate", "double")],
            &[MBeanValue::Long(7), double(1.5)],
        ),
        bean(
            &format!("{task}.operator.latency:host=localhost,task_name=map"),
            "Histogram",
            &histogram,
            &[
                [100, 1, 9].map(MBeanValue::Long).as_slice(),
                &[5.5, 1.25, 5.0, 7.0, 8.0, 8.5, 8.75, 9.0].map(double),
            ]
            .concat(),
        ),
    ]);
    MBeans::new(beans, ReportNumber::default())
}

/// The bytes that one side sent, up to where the other one did.
struct Turn {
    is_client: bool,
    bytes: Vec<u8>,
}

fn turns(session: &str) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for line in session.lines().filter(|line| !line.ends_with("EOF")) {
        let [_, side, _, hex] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        let is_client = side == "C";
        match turns.last_mut() {
            Some(turn) if turn.is_client == is_client => turn.bytes.extend(bytes),
            _ => turns.push(Turn { is_client, bytes: bytes.collect() }),
        }
    }
    turns
}

/// Without what is another's.
fn normal(value: &Value) -> Value {
    let list = |items: &[Value]| items.iter().map(normal).collect::<Vec<_>>();
    match value {
        Value::Array(class, _) if class.contains("ConstructorInfo") => Value::Null,
        Value::Array(class, items) => {
            let mut items = list(items);
            if items.iter().any(|item| matches!(item, Value::Text(text) if text == "JMImplementation")) {
                items.retain(|item| item.text().starts_with("org."));
                items.sort_by_key(|item| item.text().to_owned());
            }
            Value::Array(class.clone(), items)
        }
        Value::Object { class, annotation, .. } if class.ends_with("_Stub") => {
            let Value::Block(block) = &annotation[0] else { panic!("{annotation:?}") };
            Value::Block([&block[..14], &block[block.len() - 1..]].concat())
        }
        Value::Object { class, annotation, .. } if class == "java.util.HashSet" => {
            let is_flinks = |item: &&Value| format!("{item:?}").contains("org.apache.flink");
            let mut items: Vec<_> = annotation.iter().skip(1).filter(is_flinks).map(normal).collect();
            items.sort_by_key(|item| format!("{item:?}"));
            Value::Array(class.clone(), items)
        }
        Value::Object { class, fields, annotation } => {
            let mut fields: std::collections::BTreeMap<_, _> =
                fields.iter().map(|(name, value)| (name.clone(), normal(value))).collect();
            fields.remove("stackTrace");
            if class.ends_with("NotificationResult") {
                assert_eq!(fields.remove("earliestSequenceNumber"), fields.remove("nextSequenceNumber"));
            }
            Value::Object { class: class.clone(), fields, annotation: list(annotation) }
        }
        other => other.clone(),
    }
}

fn replace(bytes: &mut [u8], from: &[u8; 22], to: &[u8; 22]) {
    for at in 0..bytes.len().saturating_sub(from.len() - 1) {
        if bytes[at..at + from.len()] == *from {
            bytes[at..at + from.len()].copy_from_slice(to);
        }
    }
}

/// Plays a session over a socket. Returns how many answers were the same.
fn play(session: &str, address: &str, objects: &mut Vec<([u8; 22], [u8; 22])>) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let mut same = 0;
    for Turn { is_client, mut bytes } in turns(session) {
        if is_client {
            objects.iter().for_each(|(theirs, ours)| replace(&mut bytes, theirs, ours));
            stream.write_all(&bytes).unwrap();
            continue;
        }
        match bytes[0] {
            0x51 if bytes.len() > 22 => {
                let (expected, ours) = (client::decode(&bytes).unwrap(), client::answer(&mut stream));
                if let (Ok(expected), Ok(ours)) = (&expected, &ours)
                    && matches!(expected, Value::Object { class, .. } if class.ends_with("_Stub"))
                {
                    objects.push((client::object_of(expected), client::object_of(ours)));
                }
                let is_count = matches!(&expected, Ok(Value::Object { fields, .. }) if fields.get("value") == Some(&Value::Number(35)));
                if !is_count {
                    let normal = |answer: client::Answer| match answer {
                        Ok(value) => Ok(normal(&value)),
                        Err(exception) => Err(normal(&exception)),
                    };
                    assert_eq!(normal(ours), normal(expected));
                }
            }
            // An address that the server sees, or nothing that differs.
            kind => {
                let mut ours = vec![0; if kind == 0x4e { 3 + 9 + 4 } else { bytes.len() }];
                stream.read_exact(&mut ours).unwrap();
                let same = if kind == 0x51 { 8 } else { 1 };
                assert_eq!(ours[..same], bytes[..same]);
            }
        }
        same += 1;
    }
    same
}

#[test]
fn a_session_with_the_jdks_server_is_answered_the_same() {
    let options = JmxOptions::default().with_ports(Ports::any());
    let server = RmiServer::start("golden", &options, MBeanServer::of(beans())).unwrap();
    let address = client::address(&server.url());
    let mut objects = Vec::new();
    let first =
        play(include_str!("../../tests/fixtures/session-jdk-client-conn0.txt"), &address, &mut objects);
    let second =
        play(include_str!("../../tests/fixtures/session-jdk-client-conn1.txt"), &address, &mut objects);
    assert!(first > 60 && second == 3, "{first} and {second} answers");
}
