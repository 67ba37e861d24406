//! The attributes of a group as they are prepared.
//!
//! Four bytes say how long the part is that belongs to the resource, then there are those attributes as fields of a
//! `Resource`, then the others as fields of a `NumberDataPoint`, which most points are.

use crate::OtlpOptions;
use crate::encode::wire::{WireType, tag, write_attribute};

/// The fields of attributes in a `Resource` and in a `NumberDataPoint`.
const IN_RESOURCE: u8 = 1;
const IN_NUMBER: u8 = 7;

/// The attribute that is the text of a metric that is one.
const TEXT: &str = "value";

/// A variable, and what it is called as an attribute.
pub(super) struct Variable<'a> {
    pub(super) key: &'a str,
    pub(super) name: &'a str,
    pub(super) value: &'a str,
}

/// The attributes of a group: those of the resource, and those of its points.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Split<'a> {
    pub(crate) of_resource: Vec<(String, &'a str)>,
    pub(crate) of_points: Vec<(String, &'a str)>,
}

/// Sorts out the variables of a group. Those of the resource and of the points are sorted each, because attributes that differ
/// in their order alone are the same.
pub(super) fn split<'a>(
    options: &OtlpOptions,
    resource: &[(String, String)],
    variables: impl Iterator<Item = Variable<'a>>,
) -> Split<'a> {
    let Split { mut of_resource, mut of_points } = Split::default();
    for Variable { key, name, value } in variables {
        // One that the resource has already stays with the points, so that none is lost.
        let is_of_resource = options.resource_variables.iter().any(|named| named == key)
            && !resource.iter().any(|(taken, _)| taken == name);
        let attributes = if is_of_resource { &mut of_resource } else { &mut of_points };
        let mut name = if name.is_empty() { "variable".to_owned() } else { name.to_owned() };
        // A key must not be there twice.
        while (!is_of_resource && name == TEXT) || attributes.iter().any(|(taken, _)| *taken == name) {
            name.push('_');
        }
        attributes.push((name, value));
    }
    of_resource.sort_unstable();
    of_points.sort_unstable();
    Split { of_resource, of_points }
}

/// Writes the attributes of a group.
pub(super) fn write(Split { of_resource, of_points }: &Split<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH]);
    of_resource.iter().for_each(|(name, value)| write_attribute(IN_RESOURCE, name, value, out));
    let length = u32::try_from(out.len() - start - LENGTH).unwrap_or(u32::MAX);
    out[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
    of_points.iter().for_each(|(name, value)| write_attribute(IN_NUMBER, name, value, out));
}

/// Writes the text of a metric that is one as an attribute of a number.
pub(crate) fn write_text_attribute(text: &str, out: &mut Vec<u8>) {
    write_attribute(IN_NUMBER, TEXT, text, out);
}

/// How many bytes say how long the first part is.
const LENGTH: usize = 4;

/// The prepared attributes of a group.
#[derive(Clone, Copy)]
pub(crate) struct Attributes<'a> {
    /// Those of the resource.
    pub(crate) variables: &'a [u8],
    /// Those of a number.
    pub(crate) points: &'a [u8],
}

impl<'a> Attributes<'a> {
    #[inline]
    pub(crate) fn of(prepared: &'a [u8]) -> Self {
        let Some((length, rest)) = prepared.split_first_chunk::<LENGTH>() else {
            return Self { variables: &[], points: &[] };
        };
        let (variables, points) = rest.split_at((u32::from_le_bytes(*length) as usize).min(rest.len()));
        Self { variables, points }
    }

    /// Writes those of the points as another field, which other kinds of points have them in.
    pub(crate) fn write_as(&self, field: u8, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(self.points);
        let mut rest = &mut out[start..];
        while let [first, behind @ ..] = rest {
            *first = tag(field, WireType::Delimited);
            let (mut length, mut digits) = (0, 0);
            while let Some(byte) = behind.get(digits) {
                length |= usize::from(byte & 0x7F) << (7 * digits);
                digits += 1;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            rest = behind.get_mut(digits + length..).unwrap_or_default();
        }
    }
}
