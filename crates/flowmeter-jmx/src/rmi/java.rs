//! How beans and what is said of them are written.

use crate::model::{AttributeInfo, MBean, MBeanClass, MBeanValue, MemoryUsage, ObjectName, Registration};

use super::classes as c;
use super::writer::Writer;

pub(crate) fn value(writer: &mut Writer, value: &MBeanValue) {
    match value {
        MBeanValue::Null => writer.null(),
        MBeanValue::Boolean(value) => {
            writer.begin(&c::BOOLEAN);
            writer.byte((*value).into());
        }
        MBeanValue::Integer(value) => integer(writer, *value),
        MBeanValue::Long(value) => {
            writer.begin(&c::LONG);
            writer.long(*value);
        }
        MBeanValue::BigInteger(value) => big_integer(writer, *value),
        MBeanValue::Double(value) => {
            writer.begin(&c::DOUBLE);
            writer.double(*value);
        }
        MBeanValue::Text(text) => writer.text(text),
        MBeanValue::Memory(usage) => memory_usage(writer, *usage),
    }
}

fn memory_usage(writer: &mut Writer, usage: MemoryUsage) {
    const TYPE: &str = "java.lang.management.MemoryUsage";
    let items = usage.items();
    writer.begin(&c::COMPOSITE_DATA_SUPPORT);
    writer.begin(&c::COMPOSITE_TYPE);
    for text in ["javax.management.openmbean.CompositeData", TYPE, TYPE] {
        writer.shared_text(text);
    }
    sorted_map(writer, &items, |writer, name, _| writer.shared_text(name));
    let mut long_type = None;
    sorted_map(writer, &items, |writer, _, _| match long_type {
        Some(handle) => writer.reference(handle),
        None => {
            long_type = Some(writer.begin(&c::SIMPLE_TYPE));
            // Its class, its description and its name.
            (0..3).for_each(|_| writer.shared_text(c::LONG.name));
        }
    });
    sorted_map(writer, &items, |writer, _, number| value(writer, &MBeanValue::Long(number)));
}

fn sorted_map(writer: &mut Writer, items: &[(&str, i64)], mut write: impl FnMut(&mut Writer, &str, i64)) {
    writer.begin(&c::TREE_MAP);
    // By the order of the keys themselves.
    writer.null();
    writer.block(&(items.len() as u32).to_be_bytes());
    for (name, number) in items {
        writer.shared_text(name);
        write(writer, name, *number);
    }
    writer.end_annotation();
}

pub(crate) fn integer(writer: &mut Writer, value: i32) {
    writer.begin(&c::INTEGER);
    writer.int(value);
}

fn big_integer(writer: &mut Writer, value: u64) {
    let bytes = value.to_be_bytes();
    let magnitude = &bytes[value.leading_zeros() as usize / 8..];
    writer.begin(&c::BIG_INTEGER);
    // What these are is worked out anew; they are there for old versions.
    for unused in [-1, -1, -2, -2] {
        writer.int(unused);
    }
    writer.int((value > 0).into());
    writer.begin_array(&c::BYTES, magnitude.len());
    writer.raw(magnitude);
    writer.end_annotation();
}

pub(crate) fn object_name(writer: &mut Writer, name: &ObjectName) {
    writer.begin(&c::OBJECT_NAME);
    writer.text(&name.to_string());
    writer.end_annotation();
}

pub(crate) fn object_instance(writer: &mut Writer, bean: &MBean) {
    writer.begin(&c::OBJECT_INSTANCE);
    writer.shared_text(&bean.class().name);
    object_name(writer, bean.name());
}

/// A set of what each bean is written as.
pub(crate) fn set(writer: &mut Writer, beans: &[&MBean], write: impl Fn(&mut Writer, &MBean)) {
    let capacity = (beans.len() * 4 / 3 + 1).next_power_of_two().max(16);
    writer.begin(&c::HASH_SET);
    let mut block = Vec::with_capacity(12);
    block.extend((capacity as u32).to_be_bytes());
    block.extend(0.75_f32.to_be_bytes());
    block.extend((beans.len() as u32).to_be_bytes());
    writer.block(&block);
    beans.iter().for_each(|bean| write(writer, bean));
    writer.end_annotation();
}

pub(crate) fn attribute_list(writer: &mut Writer, attributes: &[(&str, &MBeanValue)]) {
    let length = attributes.len() as i32;
    writer.begin(&c::ATTRIBUTE_LIST);
    writer.int(length);
    writer.block(&length.to_be_bytes());
    for (name, attribute) in attributes {
        writer.begin(&c::ATTRIBUTE);
        writer.shared_text(name);
        match attribute {
            // It is the same object in Java too, for whoever asks for it several times; and a small call has no huge answer.
            MBeanValue::Text(text) => writer.shared_text(text),
            attribute => value(writer, attribute),
        }
    }
    writer.end_annotation();
}

pub(crate) fn texts<'a>(writer: &mut Writer, texts: impl ExactSizeIterator<Item = &'a str>) {
    writer.begin_array(&c::STRING_ARRAY, texts.len());
    texts.for_each(|text| writer.shared_text(text));
}

pub(crate) fn info(writer: &mut Writer, class: &MBeanClass) {
    writer.begin(&c::MBEAN_INFO);
    writer.begin_array(&c::MBEAN_ATTRIBUTE_INFO_ARRAY, class.attributes.len());
    class.attributes.iter().for_each(|info| attribute_info(writer, info));
    writer.shared_text(&class.name);
    writer.begin_array(&c::MBEAN_CONSTRUCTOR_INFO_ARRAY, 0);
    writer.shared_text(&class.description);
    writer.begin_array(&c::MBEAN_NOTIFICATION_INFO_ARRAY, usize::from(!class.notifications.is_empty()));
    if !class.notifications.is_empty() {
        writer.begin(&c::MBEAN_NOTIFICATION_INFO);
        feature(
            writer,
            "Notifications sent by the MBeanServerDelegate MBean",
            c::MBEAN_SERVER_NOTIFICATION.name,
            &[],
        );
        texts(writer, class.notifications.iter().copied());
    }
    writer.begin_array(&c::MBEAN_OPERATION_INFO_ARRAY, 0);
    let descriptor: Vec<_> = class.descriptor.iter().map(|(key, value)| (&**key, &**value)).collect();
    describe(writer, &descriptor);
}

fn attribute_info(writer: &mut Writer, info: &AttributeInfo) {
    let units = [("units", &*info.units)];
    writer.begin(&c::MBEAN_ATTRIBUTE_INFO);
    feature(writer, &info.description, &info.name, if info.units.is_empty() { &[] } else { &units });
    // It is not an `is` method, it can be read, and not be written.
    writer.raw(&[0, 1, 0]);
    writer.shared_text(info.java_type);
}

fn feature(writer: &mut Writer, description: &str, name: &str, descriptor: &[(&str, &str)]) {
    writer.shared_text(description);
    writer.shared_text(name);
    describe(writer, descriptor);
}

/// Keys and values of a descriptor, which end an annotation.
fn describe(writer: &mut Writer, descriptor: &[(&str, &str)]) {
    // The descriptor comes as its keys and values, rather than as an object.
    writer.block(&[1]);
    texts(writer, descriptor.iter().map(|(key, _)| *key));
    writer.begin_array(&c::OBJECT_ARRAY, descriptor.len());
    descriptor.iter().for_each(|(_, value)| writer.shared_text(value));
    writer.end_annotation();
}

/// What a client gets of the beans that came and went: each of them for each of its listeners.
pub(crate) fn notifications(
    writer: &mut Writer,
    (earliest, next): (u64, u64),
    source: &ObjectName,
    notifications: &[(i32, Registration)],
) {
    writer.begin(&c::NOTIFICATION_RESULT);
    writer.long(earliest.cast_signed());
    writer.long(next.cast_signed());
    writer.begin_array(&c::TARGETED_NOTIFICATION_ARRAY, notifications.len());
    for (listener, registration) in notifications {
        writer.begin(&c::TARGETED_NOTIFICATION);
        integer(writer, *listener);
        writer.begin(&c::MBEAN_SERVER_NOTIFICATION);
        writer.long(registration.sequence.cast_signed());
        writer.long(i64::try_from(registration.time.as_millis()).unwrap_or(i64::MAX));
        writer.text("");
        object_name(writer, source);
        writer.shared_text(notification_type(registration));
        writer.null();
        writer.end_annotation();
        object_name(writer, &registration.name);
    }
}

/// The type of the notification of a registration.
pub(crate) fn notification_type(registration: &Registration) -> &'static str {
    if registration.is_registered { "JMX.mbean.registered" } else { "JMX.mbean.unregistered" }
}
