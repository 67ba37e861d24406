//! What is prepared once for a group and once for a family.

mod characters;
mod flink;

use flowmeter_core::{Family, GroupView};

use crate::{Dialect, StatsdOptions};
use characters::{Characters, write_char};

pub(crate) use flink::FlinkFamily;

/// Writes what stands before, between or behind the names of a group's metrics: for names alone the identifier, else the tags.
pub(crate) fn prepare_group(options: &StatsdOptions, group: &GroupView<'_>, out: &mut Vec<u8>) {
    match options.dialect {
        Dialect::Plain => {
            write_prefix(options, out);
            for component in group.components() {
                Characters::Plain.write_component(&component, options.delimiter, out);
                write_char(options.delimiter, out);
            }
        }
        Dialect::Flink => flink::prepare_group(options, group, out),
        Dialect::DogStatsd => write_tags(group, ["|#", ",", ":"], Characters::DatadogTag, None, out),
        Dialect::Graphite => write_tags(group, [";", ";", "="], Characters::Plain, Some("name"), out),
    }
}

/// Writes the name of a family: the last part of an identifier, or all of it where there are tags.
pub(crate) fn prepare_family(options: &StatsdOptions, family: &Family, out: &mut Vec<u8>) {
    match options.dialect {
        Dialect::Plain => Characters::Plain.write_component(family.name(), options.delimiter, out),
        Dialect::Flink => Characters::Flink.write_component(family.name(), options.delimiter, out),
        Dialect::DogStatsd | Dialect::Graphite => {
            let (start, characters) = (out.len(), characters_of_names(options.dialect));
            write_prefix(options, out);
            if !family.logical_scope().is_empty() {
                characters.write(family.logical_scope(), out);
                out.push(b'.');
            }
            characters.write(family.name(), out);
            // Datadog takes no other names.
            if options.dialect == Dialect::DogStatsd
                && !out[start..].first().is_some_and(u8::is_ascii_alphabetic)
            {
                out.splice(start..start, *b"m_");
            }
        }
    }
}

fn write_prefix(options: &StatsdOptions, out: &mut Vec<u8>) {
    if !options.prefix.is_empty() {
        characters_of_names(options.dialect).write(&options.prefix, out);
        out.push(b'.');
    }
}

fn characters_of_names(dialect: Dialect) -> Characters {
    if dialect == Dialect::DogStatsd { Characters::DatadogName } else { Characters::Plain }
}

/// Writes the variables, with what stands before the first, before others, and between key and value. Empty ones have no
/// tag, of keys that are written alike the first has it, and a key that means something else has an underscore behind it.
fn write_tags(
    group: &GroupView<'_>,
    [first, next, is]: [&str; 3],
    values: Characters,
    reserved: Option<&str>,
    out: &mut Vec<u8>,
) {
    let mut keys: Vec<Vec<u8>> = Vec::with_capacity(12);
    for (key, value) in group.variables().filter(|(_, value)| !value.is_empty()) {
        let mut tag = Vec::with_capacity(key.len());
        Characters::Plain.write(key, &mut tag);
        if reserved.is_some_and(|reserved| tag == reserved.as_bytes()) {
            tag.push(b'_');
        }
        if keys.contains(&tag) {
            continue;
        }
        out.extend_from_slice(if keys.is_empty() { first } else { next }.as_bytes());
        out.extend_from_slice(&tag);
        out.extend_from_slice(is.as_bytes());
        values.write(value, out);
        keys.push(tag);
    }
}
