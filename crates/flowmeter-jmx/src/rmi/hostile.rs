//! What clients send that mean no good: every message of a session cut at every byte, and some that were made to hurt.

use super::classes as c;
use super::identity::{ObjId, Uid};
use super::listeners::Filter;
use super::message::{self, MOST_BYTES, Message, Unread};
use super::probe::{filters, messages};
use super::reader::{Annotations, Reader, Stop};
use super::writer::Writer;

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

#[test]
fn the_filter_of_the_session_is_read() {
    let filters = filters(&messages());
    let unregistered = filters.first().expect("the session has a filter");
    assert!(
        matches!(Filter::read(unregistered), Ok(Filter::Types(types)) if types == ["JMX.mbean.unregistered"])
    );
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
