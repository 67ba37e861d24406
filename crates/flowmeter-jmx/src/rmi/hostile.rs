//! What clients send that mean no good: every message of a session cut at every byte, changed in any way, and some that were made to hurt.

use std::env;

use super::classes as c;
use super::identity::{ObjId, Uid};
use super::listeners::Filter;
use super::message::{self, MOST_BYTES, Message, Unread};
use super::reader::{Annotations, Reader, Stop};
use super::writer::Writer;
use crate::model::ObjectName;

/// How many changed messages are tried, unless the environment wants more.
const TRIES: u64 = 20_000;
const TRIES_VARIABLE: &str = "FLOWMETER_JMX_FUZZ";

/// The messages of a client in a session, each in one piece.
fn messages() -> Vec<Vec<u8>> {
    let session = include_str!("../../tests/fixtures/session-jdk-client-conn0.txt");
    let chunks = session.lines().filter(|line| line.contains(" C ") && !line.ends_with("EOF")).map(|line| {
        let hex = line.rsplit(' ').next().unwrap();
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    });
    let mut rest: Vec<u8> = chunks.skip(2).collect::<Vec<Vec<u8>>>().concat();
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let (_, length) = message::message(&rest).unwrap();
        messages.push(rest.drain(..length).collect());
    }
    messages
}

#[test]
fn what_is_cut_anywhere_is_waited_for() {
    let messages = messages();
    assert!(messages.len() > 60, "there are {}", messages.len());
    for message in messages {
        for length in 0..message.len() {
            let read = message::message(&message[..length]);
            assert_eq!(read.err(), Some(Unread::Cut), "{length} of {message:02x?}");
        }
        let two = [&message[..], &message].concat();
        assert_eq!(message::message(&two).unwrap().1, message.len(), "no more is read than is there");
    }
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    /// Changes some bytes, takes some out, and puts some in twice.
    fn change(&mut self, bytes: &mut Vec<u8>) {
        const TELLING: [u8; 16] =
            [0, 1, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x7a, 0x7c, 0x7d, 0x7e, 0xff];
        for _ in 0..=self.next(4) {
            let at = self.next(bytes.len());
            match self.next(5) {
                0 => bytes[at] = self.next(256) as u8,
                1 => bytes[at] = TELLING[self.next(TELLING.len())],
                2 => bytes[at] ^= 1 << self.next(8),
                3 => bytes.truncate(at + 1),
                _ => {
                    let end = (at + 1 + self.next(32)).min(bytes.len());
                    let again = bytes[at..end].to_vec();
                    let to = self.next(bytes.len());
                    bytes.splice(to..to, again);
                }
            }
        }
    }
}

fn tries() -> u64 {
    env::var(TRIES_VARIABLE).ok().and_then(|tries| tries.parse().ok()).unwrap_or(TRIES)
}

#[test]
fn changed_messages_are_read_or_refused() {
    let messages = messages();
    let mut random = Random(0x5eed);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..tries() {
        let mut bytes = messages[random.next(messages.len())].clone();
        random.change(&mut bytes);
        match message::message(&bytes) {
            Ok((message, length)) => {
                assert!(length <= bytes.len());
                if let Message::Call(call) = message {
                    // What the arguments say is looked at as well.
                    for at in 0..call.arguments.len() {
                        let _ = (call.name(at), call.pattern(at), call.text(at), call.texts(at));
                        let argument = call.argument(at);
                        let _ = (super::arguments::names(argument), super::arguments::integers(argument));
                        let _ =
                            (super::arguments::remote_objects(argument), super::arguments::lessee(argument));
                        if let Ok(Some(bytes)) = super::listeners::marshalled(argument) {
                            let _ = (Filter::read(bytes).is_ok(), super::arguments::attribute_name(bytes));
                        }
                    }
                }
                read += 1;
            }
            Err(Unread::Refused { .. }) => refused += 1,
            Err(Unread::Cut) => {}
        }
    }
    assert!(read > 100 && refused > 100, "{read} were read and {refused} refused");
}

#[test]
fn changed_filters_and_names_are_read_or_refused() {
    let messages = messages();
    let mut filters = Vec::new();
    for message in &messages {
        if let Ok((Message::Call(call), _)) = message::message(message) {
            for argument in &call.arguments {
                for item in argument.array(&c::MARSHALLED_OBJECT_ARRAY).unwrap_or_default() {
                    filters.extend(super::listeners::marshalled(item).unwrap().map(<[u8]>::to_vec));
                }
            }
        }
    }
    let unregistered = filters.first().expect("the session has a filter");
    assert!(
        matches!(Filter::read(unregistered), Ok(Filter::Types(types)) if types == ["JMX.mbean.unregistered"])
    );
    let mut random = Random(0xf11e);
    for _ in 0..tries() / 4 {
        let mut bytes = unregistered.clone();
        random.change(&mut bytes);
        let _ = Filter::read(&bytes);
        let mut name = b"org.apache.flink.*:a=\"b\\*c\",d=e?,*".to_vec();
        random.change(&mut name);
        let _ = String::from_utf8_lossy(&name).parse::<ObjectName>();
    }
}

/// A call of `getAttribute` with these bytes in the place of its arguments.
fn call(arguments: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x50, 0xac, 0xed, 0, 5, 0x77, 34];
    bytes.extend(ObjId::REGISTRY.bytes());
    bytes.extend((-1_i32).to_be_bytes());
    bytes.extend(0xf0e0_500a_394d_7215_u64.to_be_bytes());
    bytes.extend(arguments);
    bytes
}

fn refusal(arguments: &[u8]) -> String {
    match message::message(&call(arguments)) {
        Err(Unread::Refused { why, is_call: true }) => why,
        read => panic!("{read:?}"),
    }
}

/// A class as it is in a stream, with this behind its name.
fn class(name: &str, rest: &[u8]) -> Vec<u8> {
    [&[0x72][..], &(name.len() as u16).to_be_bytes(), name.as_bytes(), rest].concat()
}

#[test]
fn a_call_that_lets_objects_go_is_read_to_its_end() {
    // The session has none. What follows it would be read as something else if any of its arguments were left.
    let mut writer = Writer::behind(&[0x50]);
    let mut header = ObjId::DGC.bytes().to_vec();
    header.extend(0_i32.to_be_bytes());
    header.extend(super::method::DGC_HASH.to_be_bytes());
    writer.block(&header);
    let object = ObjId { number: -7, space: Uid { unique: -1, time: 5, count: -3 } };
    let uid = |writer: &mut Writer| {
        writer.begin(&c::UID);
        writer.short(object.space.count);
        writer.long(object.space.time);
        writer.int(object.space.unique);
    };
    writer.begin_array(&c::OBJ_ID_ARRAY, 1);
    writer.begin(&c::OBJ_ID);
    writer.long(object.number);
    uid(&mut writer);
    writer.block(&1_i64.to_be_bytes());
    writer.begin(&c::VMID);
    writer.begin_array(&c::BYTES, 2);
    writer.raw(&[1, 2]);
    uid(&mut writer);
    writer.block(&[0]);
    let mut bytes = writer.into_bytes();
    let length = bytes.len();
    bytes.push(0x52);
    let Ok((Message::Call(call), read)) = message::message(&bytes) else { panic!("it is a call") };
    assert_eq!(read, length);
    assert_eq!(super::arguments::remote_objects(call.argument(0)), Some(vec![object]));
    assert!(matches!(message::message(&bytes[read..]), Ok((Message::Ping, 1))));
}

#[test]
fn what_was_made_to_hurt_is_refused() {
    let uid = c::OBJECT_NAME.uid.to_be_bytes();
    let name = |rest: &[u8]| [&[0x73][..], &class("javax.management.ObjectName", rest)].concat();
    let strings = |length: u32, items: &[u8]| {
        let uid = c::STRING_ARRAY.uid.to_be_bytes();
        let class = class("[Ljava.lang.String;", &[&uid[..], &[2, 0, 0, 0x70, 0x78, 0x70]].concat());
        [&[0x75][..], &class, &length.to_be_bytes(), items].concat()
    };
    let gadget = [&[0x73][..], &class("org.apache.commons.collections.Transformer", &[0; 8])].concat();
    assert!(refusal(&gadget).contains("is not read"), "a class that nobody knows");
    assert!(refusal(&name(&[0; 8])).contains("another version"));
    assert!(refusal(&name(&[&uid[..], &[2, 0, 0]].concat())).contains("other fields"));
    assert!(refusal(&name(&[&uid[..], &[3, 0, 1]].concat())).contains("other fields"));
    let codebase = [&uid[..], &[3, 0, 0, 0x74, 0, 11], b"http://evil"].concat();
    assert!(refusal(&name(&codebase)).contains("loaded from elsewhere"));
    let parent = class("java.rmi.dgc.Lease", &[]);
    let parent = [&uid[..], &[3, 0, 0, 0x70, 0x78], &parent].concat();
    assert!(refusal(&name(&parent)).contains("another superclass"));
    assert!(refusal(&strings(4097, &[])).contains("more than 4096"));
    assert!(refusal(&strings(u32::MAX, &[])).contains("less than nothing"));
    assert!(refusal(&[0x71, 0, 0x7e, 0, 0]).contains("no object of a handle"));
    assert!(refusal(&[0x71, 0, 0, 0, 0]).contains("no object of a handle"));
    assert!(refusal(&[0x71, 0xff, 0xff, 0xff, 0xff]).contains("no object of a handle"));
    for tag in [0x76, 0x79, 0x7b, 0x7d, 0x7e, 0x00] {
        assert!(refusal(&[tag]).contains("in the place of an object"), "{tag:#04x}");
    }
    assert!(refusal(&[0x74, 0, 1, 0xff]).contains("modified UTF-8"));
    // The array is the handle behind its class.
    assert!(refusal(&strings(1, &[0x71, 0, 0x7e, 0, 1])).contains("within itself"));
    assert!(refusal(&strings(1, &[0x71, 0, 0x7e, 0, 0])).contains("in the place of an object"));
    let nested = [0x75, 0x71, 0, 0x7e, 0, 0, 0, 0, 0, 1].repeat(9);
    assert!(refusal(&strings(1, &nested)).contains("too deeply"));
    let huge = [0x7c, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert!(
        matches!(message::message(&call(&huge)), Err(Unread::Cut)),
        "it never comes, and nothing is kept for it"
    );
}

#[test]
fn what_refers_to_itself_again_and_again_is_not_deep() {
    // Each array has the one before it: to drop them all would go as deep as there are arrays.
    let mut bytes = vec![0xac, 0xed, 0, 5, 0x75];
    let uid = c::OBJECT_ARRAY.uid.to_be_bytes();
    bytes.extend(class("[Ljava.lang.Object;", &[&uid[..], &[2, 0, 0, 0x78, 0x70, 0, 0, 3, 0xe8]].concat()));
    bytes.extend([0x75, 0x71, 0, 0x7e, 0, 0, 0, 0, 0, 0]);
    for handle in 2..1001_u16 {
        bytes.extend([0x75, 0x71, 0, 0x7e, 0, 0, 0, 0, 0, 1, 0x71, 0, 0x7e]);
        bytes.extend(handle.to_be_bytes());
    }
    static KNOWN: [&super::class::Class; 1] = [&c::OBJECT_ARRAY];
    let mut reader = Reader::new(&bytes, &KNOWN, Annotations::Nothing).unwrap();
    let Err(Stop::Refused(why)) = reader.object() else { panic!("it is refused") };
    assert!(why.contains("too deeply"), "{why}");
}

#[test]
fn there_are_only_so_many_objects() {
    let mut bytes = strings_of(4096);
    bytes.extend([0x74, 0, 0]);
    assert!(bytes.len() < MOST_BYTES);
    assert!(refusal(&bytes).contains("more than 4096 objects"));
}

/// An array of so many empty texts.
fn strings_of(length: usize) -> Vec<u8> {
    let mut writer = Writer::behind(&[]);
    writer.begin_array(&c::STRING_ARRAY, length);
    (0..length).for_each(|_| writer.text(""));
    writer.into_bytes().split_off(4)
}

#[test]
fn types_of_fields_are_texts_and_not_what_nests_without_end() {
    // Where the type of a field is to stand there is an object, whose class has a field, and so on.
    let vmid = [&class("java.rmi.dgc.VMID", &c::VMID.uid.to_be_bytes())[..], &[2, 0, 2, b'[', 0, 4], b"addr"]
        .concat();
    let nested = [&[0x73][..], &vmid].concat();
    let nested = nested.repeat(MOST_BYTES / nested.len() - 1);
    assert!(refusal(&nested).contains("has no field addr"));
}
