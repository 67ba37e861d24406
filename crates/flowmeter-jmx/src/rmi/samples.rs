//! What is written is, byte for byte, what the JDK writes. The samples are its output for RMI, and the layouts what it says of its own classes;
//! the programs that wrote them are beside them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::answer::{Answer, Reply};
use super::class::{Class, Field};
use super::exception::Exception;
use super::identity::{ObjId, Uid};
use super::stub::{Stub, stub};
use super::writer::Writer;
use super::{classes as c, exception_classes as e, java};
use crate::model::{AttributeInfo, MBean, MBeanClass, MBeanValue, MemoryUsage, ObjectName, Registration};

fn samples() -> HashMap<&'static str, Vec<u8>> {
    let files = [
        include_str!("../../tests/fixtures/serialized-samples.tsv"),
        include_str!("../../tests/fixtures/more-samples.tsv"),
    ];
    let sample = |line: &'static str| {
        let (name, hex) = line.split_once('\t').unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (name, (0..hex.len()).step_by(2).map(byte).collect())
    };
    files.into_iter().flat_map(str::lines).map(sample).collect()
}

/// Compares with the sample of a name.
fn check(name: &str, write: impl FnOnce(&mut Writer)) {
    let mut writer = Writer::behind(&[]);
    write(&mut writer);
    let (written, sample) = (writer.into_bytes(), samples().remove(name).unwrap());
    let at = written.iter().zip(&sample).position(|(a, b)| a != b);
    let at = at.unwrap_or(written.len().min(sample.len()));
    let around = |bytes: &[u8]| format!("{:02x?}", &bytes[at.saturating_sub(16)..bytes.len().min(at + 16)]);
    assert!(written == sample, "{name} differs at {at}: {} is not {}", around(&written), around(&sample));
}

/// Any class of the layouts.
fn class(name: &str) -> &'static Class {
    let layouts = include_str!("../../tests/fixtures/class-layouts.tsv");
    let line = layouts.lines().find(|line| line.split('\t').next() == Some(name)).unwrap();
    let [name, uid, flags, parent, fields] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
    let field = |field: &'static str| {
        let (code, name) = field.split_once(' ').unwrap();
        let (name, signature) = name.split_once(':').unwrap_or((name, ""));
        Field { code: code.as_bytes()[0], name, signature }
    };
    let fields: Vec<_> = fields.split(", ").filter(|field| !field.is_empty()).map(field).collect();
    Box::leak(Box::new(Class {
        name,
        uid: u64::from_str_radix(uid, 16).unwrap(),
        has_annotation: flags == "0x03",
        fields: fields.leak(),
        parent: (parent != "-").then(|| class(parent)),
    }))
}

fn assert_same(known: &Class, layout: &Class) {
    let fields = |class: &Class| {
        class.fields.iter().map(|field| (field.code, field.name, field.signature)).collect::<Vec<_>>()
    };
    assert_eq!((known.uid, known.flags()), (layout.uid, layout.flags()), "{}", known.name);
    assert_eq!(fields(known), fields(layout), "{}", known.name);
    let parent = |class: &Class| class.parent.map(|parent| parent.name);
    assert_eq!(parent(known), parent(layout), "{}", known.name);
}

#[test]
fn classes_are_laid_out_as_in_the_jdk() {
    let known: [&Class; 14] = [
        &c::RMI_SERVER_STUB,
        &c::RMI_CONNECTION_STUB,
        &c::SSL_RMI_CLIENT_SOCKET_FACTORY,
        &c::OBJ_ID,
        &c::VMID,
        &c::LEASE,
        &c::MARSHALLED_OBJECT,
        &c::NOTIFICATION_FILTER_SUPPORT,
        &c::VECTOR,
        &c::MBEAN_NOTIFICATION_INFO,
        &c::MARSHALLED_OBJECT_ARRAY,
        &c::OBJECT_NAME_ARRAY,
        &c::SUBJECT_ARRAY,
        &c::OBJ_ID_ARRAY,
    ];
    // The others are in the samples.
    for known in known.into_iter().flat_map(Class::down_from_top) {
        assert_same(known, class(known.name));
    }
    assert_same(&e::THROWABLE, class("java.lang.Throwable"));
}

#[test]
fn methods_have_the_hashes_of_the_jdk() {
    let hashes = include_str!("../../tests/fixtures/method-hashes.tsv");
    let mut found = 0;
    for line in hashes.lines().filter(|line| line.starts_with("RMI")) {
        let [_, hash, signature] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let hash = u64::from_str_radix(hash, 16).unwrap();
        let known = super::method::Signature::find(-1, hash).unwrap_or_else(|| panic!("{signature}"));
        let (name, parameters) = signature.split_once('(').unwrap();
        assert_eq!(format!("{:?}", known.method).to_lowercase(), name.to_lowercase());
        let parameters = parameters.split_once(')').unwrap().0;
        let objects = parameters.matches(';').count();
        assert_eq!(known.arguments.len(), objects, "{signature}");
        let primitives = if parameters == "JIJ" { 20 } else { 0 };
        assert_eq!(known.primitives, primitives, "{signature}");
        found += 1;
    }
    assert_eq!(found, super::method::REMOTE.len());
}

#[test]
fn values_are_written_as_by_the_jdk() {
    use MBeanValue::{BigInteger, Boolean, Double, Integer, Long};
    for (name, value) in [
        ("Integer", Integer(3)),
        ("Long", Long(42)),
        ("Long-min", Long(i64::MIN)),
        ("Double", Double(0.25)),
        ("Double-nan", Double(f64::NAN)),
        ("Double-infinity", Double(f64::INFINITY)),
        ("Boolean", Boolean(true)),
        ("Boolean-false", Boolean(false)),
        ("BigInteger", BigInteger(12_345_678_901_234_567_890)),
        ("BigInteger-max", BigInteger(u64::MAX)),
        ("String", "abc".into()),
        ("MemoryUsage", MBeanValue::Memory(MemoryUsage::new(1000, Some(2000), Some(3000)))),
        ("UTF modified", "\0\u{e9}\u{1f600}".into()),
        ("String-long", (*"x".repeat(70_000)).into()),
    ] {
        check(name, |writer| java::value(writer, &value));
    }
}

#[test]
fn objects_that_are_not_sent_are_written_as_by_the_jdk_too() {
    check("Float", |writer| {
        writer.begin(class("java.lang.Float"));
        writer.raw(&0.5_f32.to_be_bytes());
    });
    check("Short", |writer| {
        writer.begin(class("java.lang.Short"));
        writer.short(2);
    });
    check("Byte", |writer| {
        writer.begin(class("java.lang.Byte"));
        writer.byte(1);
    });
    check("Date", |writer| {
        writer.begin(class("java.util.Date"));
        writer.block(&1_700_000_000_000_i64.to_be_bytes());
        writer.end_annotation();
    });
    check("BigDecimal", |writer| {
        writer.begin(class("java.math.BigDecimal"));
        writer.int(1);
        java::value(writer, &MBeanValue::BigInteger(15));
        writer.end_annotation();
    });
    check("ArrayList", |writer| {
        writer.begin(&c::ARRAY_LIST);
        writer.int(1);
        writer.block(&[0, 0, 0, 1]);
        writer.text("x");
        writer.end_annotation();
    });
    check("HashSet2", |writer| {
        writer.begin(&c::HASH_SET);
        writer.block(&[0, 0, 0, 16, 0x3f, 0x40, 0, 0, 0, 0, 0, 2]);
        writer.text("x");
        writer.text("y");
        writer.end_annotation();
    });
    check("HashMap", |writer| {
        writer.begin(class("java.util.HashMap"));
        writer.raw(&0.75_f32.to_be_bytes());
        writer.int(1);
        writer.block(&[0, 0, 0, 2, 0, 0, 0, 1]);
        writer.text("k");
        java::value(writer, &MBeanValue::Long(1));
        writer.end_annotation();
    });
    check("long[]", |writer| {
        writer.begin_array(class("[J"), 2);
        writer.long(1);
        writer.long(2);
    });
    check("double[]", |writer| {
        writer.begin_array(class("[D"), 1);
        writer.double(1.0);
    });
    check("MBeanInfo", |writer| {
        // With a descriptor that is `null`, which no bean of a server has.
        writer.begin(&c::MBEAN_INFO);
        writer.begin_array(&c::MBEAN_ATTRIBUTE_INFO_ARRAY, 1);
        writer.begin(&c::MBEAN_ATTRIBUTE_INFO);
        writer.shared_text("d");
        writer.shared_text("Count");
        writer.block(&[0]);
        writer.null();
        writer.end_annotation();
        writer.raw(&[0, 1, 0]);
        writer.shared_text("long");
        writer.shared_text("C");
        writer.begin_array(&c::MBEAN_CONSTRUCTOR_INFO_ARRAY, 0);
        writer.shared_text("d");
        writer.begin_array(&c::MBEAN_NOTIFICATION_INFO_ARRAY, 0);
        writer.begin_array(&c::MBEAN_OPERATION_INFO_ARRAY, 0);
        writer.block(&[1]);
        writer.begin_array(&c::STRING_ARRAY, 0);
        writer.begin_array(&c::OBJECT_ARRAY, 0);
        writer.end_annotation();
    });
}

fn name(text: &str) -> ObjectName {
    text.parse().unwrap()
}

#[test]
fn beans_are_written_as_by_the_jdk() {
    let class = Arc::new(MBeanClass {
        description: "d".into(),
        ..MBeanClass::standard(
            "C",
            "I",
            vec![AttributeInfo::new("Count", "long").with_description("a").with_units("By")],
        )
    });
    check("MBeanInfo-units", |writer| java::info(writer, &class));
    let class = Arc::new(MBeanClass::standard("X", "I", Vec::new()));
    let bean = MBean::metric(name("a:b=c"), class, Box::default());
    check("ObjectName", |writer| java::object_name(writer, bean.name()));
    check("ObjectInstance", |writer| java::object_instance(writer, &bean));
    check("ObjectInstances", |writer| java::set(writer, &[&bean], java::object_instance));
    check("String[]", |writer| java::texts(writer, ["a"].into_iter()));
    let (one, text) = (MBeanValue::Integer(1), MBeanValue::from("x"));
    check("AttributeList", |writer| java::attribute_list(writer, &[("Count", &MBeanValue::Long(42))]));
    check("AttributeList0", |writer| java::attribute_list(writer, &[]));
    check("AttributeList3", |writer| {
        java::attribute_list(writer, &[("A", &one), ("B", &text), ("C", &MBeanValue::Null)]);
    });
    check("Integer[]", |writer| {
        writer.begin_array(&c::INTEGER_ARRAY, 2);
        java::integer(writer, 0);
        java::integer(writer, 1);
    });
}

#[test]
fn notifications_are_written_as_by_the_jdk() {
    let registration = Registration {
        sequence: 7,
        time: Duration::from_millis(1_700_000_000_000),
        name: name("a:b=c"),
        is_registered: true,
    };
    let source = name("JMImplementation:type=MBeanServerDelegate");
    check("NotificationResult+MBeanServerNotification", |writer| {
        java::notifications(writer, (1, 2), &source, &[(0, registration)]);
    });
}

#[test]
fn exceptions_are_written_as_by_the_jdk() {
    let inner = Exception::no_such_method("foo(a, b)");
    for (name, exception) in [
        ("InstanceNotFoundException-emptytrace", Exception::instance_not_found("a:b=c")),
        ("AttributeNotFoundException", Exception::attribute_not_found("No such attribute: X")),
        ("ListenerNotFoundException", Exception::listener_not_found("m")),
        ("SecurityException", Exception::security("Authentication failed! Invalid username or password")),
        ("IllegalArgumentException", Exception::illegal_argument("m")),
        ("IOException", Exception::io("m")),
        ("UnmarshalException", Exception::unmarshal("m")),
        ("NoSuchObjectException", Exception::no_such_object("no such object in table")),
        ("NotBoundException", Exception::not_bound("x")),
        ("AccessException", Exception::access("x")),
        ("ReflectionException", Exception::reflection("No such operation: foo").with_inner(inner)),
    ] {
        check(name, |writer| exception.write(writer));
    }
}

#[test]
fn a_stub_over_tls_is_written_as_by_the_jdk() {
    let reply = include_str!("../../tests/fixtures/registry-lookup-reply-ssl.txt");
    let hex = reply.lines().find_map(|line| line.strip_prefix("ret ")).unwrap();
    let bytes: Vec<_> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let uid = |bytes: &[u8]| Uid {
        unique: i32::from_be_bytes(bytes[..4].try_into().unwrap()),
        time: i64::from_be_bytes(bytes[4..12].try_into().unwrap()),
        count: i16::from_be_bytes(bytes[12..14].try_into().unwrap()),
    };
    // The object is at the end, before the marks of a result and of the end.
    let object = &bytes[bytes.len() - 24..];
    let object =
        ObjId { number: i64::from_be_bytes(object[..8].try_into().unwrap()), space: uid(&object[8..]) };
    let answer = Answer::object(move |writer| {
        stub(writer, Stub::Server, ("127.0.0.4", 0x270c), object, true);
    });
    let reply = Reply::new(uid(&bytes[8..]), Ok(answer), false);
    assert_eq!(reply.bytes, bytes);
}
