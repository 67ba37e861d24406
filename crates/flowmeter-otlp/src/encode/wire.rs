//! The encoding of protocol buffers.
//!
//! Source: [Encoding](https://protobuf.dev/programming-guides/encoding/).

/// How bytes of a field are to be read.
#[derive(Clone, Copy)]
pub(crate) enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Delimited = 2,
}

/// The tag of a field whose number is below 16, which takes one byte.
pub(crate) const fn tag(field: u8, wire_type: WireType) -> u8 {
    field << 3 | wire_type as u8
}

/// Writes a number, seven bits a byte.
pub(crate) fn write_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// How many bytes a number takes.
#[inline]
pub(crate) const fn varint_length(number: u64) -> usize {
    // One bit at least, seven a byte.
    (70 - (number | 1).leading_zeros() as usize) / 7
}

/// A signed number so that small ones are short.
const fn zigzag(number: i32) -> u64 {
    ((number << 1) ^ (number >> 31)).cast_unsigned() as u64
}

pub(crate) fn write_uint(field: u8, number: u64, out: &mut Vec<u8>) {
    out.push(tag(field, WireType::Varint));
    write_varint(number, out);
}

pub(crate) fn write_sint(field: u8, number: i32, out: &mut Vec<u8>) {
    write_uint(field, zigzag(number), out);
}

pub(crate) fn sint_length(number: i32) -> usize {
    1 + varint_length(zigzag(number))
}

pub(crate) fn write_fixed(field: u8, number: u64, out: &mut Vec<u8>) {
    out.push(tag(field, WireType::Fixed64));
    out.extend_from_slice(&number.to_le_bytes());
}

pub(crate) fn write_double(field: u8, number: f64, out: &mut Vec<u8>) {
    write_fixed(field, number.to_bits(), out);
}

/// Writes a field of bytes up to them.
#[inline]
pub(crate) fn write_length(field: u8, length: usize, out: &mut Vec<u8>) {
    out.push(tag(field, WireType::Delimited));
    write_varint(length as u64, out);
}

pub(crate) fn write_bytes(field: u8, bytes: &[u8], out: &mut Vec<u8>) {
    write_length(field, bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// How many bytes a field of so many bytes takes.
#[inline]
pub(crate) const fn field_length(length: usize) -> usize {
    1 + varint_length(length as u64) + length
}

/// Writes an attribute, a `KeyValue` with a text, as a field.
pub(crate) fn write_attribute(field: u8, key: &str, value: &str, out: &mut Vec<u8>) {
    let text = field_length(value.len());
    write_length(field, field_length(key.len()) + field_length(text), out);
    write_bytes(1, key.as_bytes(), out);
    write_length(2, text, out);
    write_bytes(1, value.as_bytes(), out);
}

/// A length that is written when what it is of is written.
///
/// What takes long to know its length, a metric or all of a resource, would otherwise have to be moved to make room for it.
/// A varint may have more bytes than it needs, which readers take: five at least where a length is due, and ten in most.
pub(crate) struct Later;

impl Later {
    /// How many bytes it takes.
    pub(crate) const BYTES: usize = 4;
    /// The longest that goes into them.
    pub(crate) const MOST: usize = (1 << (7 * Self::BYTES)) - 1;

    /// Leaves room for it.
    pub(crate) fn reserve(out: &mut Vec<u8>) {
        out.extend_from_slice(&[0; Self::BYTES]);
    }

    /// Writes the length of all behind the room.
    pub(crate) fn patch(at: usize, out: &mut [u8]) {
        let length = out.len() - at - Self::BYTES;
        debug_assert!(length <= Self::MOST, "requests are shorter");
        for (place, byte) in out[at..at + Self::BYTES].iter_mut().enumerate() {
            let is_last = place + 1 == Self::BYTES;
            *byte = (length >> (7 * place)) as u8 & 0x7F | if is_last { 0 } else { 0x80 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_as_the_specification_has_them() {
        let written = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            out
        };
        assert_eq!(written(&|out| write_uint(1, 150, out)), [0x08, 0x96, 0x01]);
        assert_eq!(written(&|out| write_sint(2, -2, out)), [0x10, 0x03]);
        assert_eq!(written(&|out| write_bytes(2, b"testing", out)), *b"\x12\x07testing");
        assert_eq!(written(&|out| write_double(1, 1.0, out)), [9, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F]);
    }

    #[test]
    fn a_length_may_be_written_later() {
        for length in [0, 1, 127, 128, 300, 1 << 21, 40_000] {
            let mut out = vec![7, 7];
            Later::reserve(&mut out);
            out.resize(out.len() + length, 1);
            Later::patch(2, &mut out);
            let read = prost::decode_length_delimiter(&out[2..]).unwrap();
            assert_eq!(read, length);
            assert_eq!(out[2..].len(), length + Later::BYTES);
        }
    }

    proptest! {
        #[test]
        fn lengths_are_those_that_are_written(number: u64, shift in 0_u32..64, signed: i32) {
            let mut out = Vec::new();
            write_varint(number >> shift, &mut out);
            prop_assert_eq!(out.len(), varint_length(number >> shift));
            out.clear();
            write_sint(3, signed, &mut out);
            prop_assert_eq!(out.len(), sint_length(signed));
        }

        #[test]
        fn attributes_are_read_back(key in "\\PC{1,200}", value in "\\PC{0,300}") {
            use opentelemetry_proto::tonic::resource::v1::Resource;
            let mut out = Vec::new();
            write_attribute(1, &key, &value, &mut out);
            let resource: Resource = prost::Message::decode(&*out).unwrap();
            prop_assert_eq!(prost::Message::encode_to_vec(&resource), out);
            prop_assert_eq!(&resource.attributes[0].key, &key);
        }
    }
}
