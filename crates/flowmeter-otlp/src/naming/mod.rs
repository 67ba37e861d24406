//! What metrics and attributes are called.

mod attributes;
mod flink;
mod native;

use flowmeter_core::{Family, GroupView};

pub(crate) use attributes::{Attributes, Split, write_text_attribute};
pub(crate) use flink::{FlinkMetrics, flink_accepts};
pub(crate) use native::{has_convention, is_up_down};

use crate::{NamingPolicy, OtlpOptions};

/// The attributes of a group, those of the resource apart.
pub(crate) fn attributes<'a>(
    options: &OtlpOptions,
    resource: &[(String, String)],
    group: &GroupView<'a>,
) -> Split<'a> {
    match options.naming {
        NamingPolicy::Native => attributes::split(options, resource, native::variables(group)),
        NamingPolicy::Flink => attributes::split(options, resource, flink::variables(group)),
    }
}

/// Writes what is prepared for a group: its attributes, those of the resource apart.
pub(crate) fn prepare_group(
    options: &OtlpOptions,
    resource: &[(String, String)],
    group: &GroupView<'_>,
    out: &mut Vec<u8>,
) {
    attributes::write(&attributes(options, resource, group), out);
}

/// Writes the name of a family, which decides alone whether it clashes with another.
pub(crate) fn prepare_family(options: &OtlpOptions, family: &Family, out: &mut Vec<u8>) {
    match options.naming {
        NamingPolicy::Native => out.extend_from_slice(native::name(family).as_bytes()),
        NamingPolicy::Flink => out.extend_from_slice(flink::name(family).as_bytes()),
    }
}
