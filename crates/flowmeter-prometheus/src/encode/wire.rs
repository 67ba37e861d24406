//! The encoding of protocol buffers.
//!
//! Source: [Encoding](https://protobuf.dev/programming-guides/encoding/).

/// Writes a number, seven bits a byte.
pub(super) fn write_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn write_tag(field: u32, wire_type: u32, out: &mut Vec<u8>) {
    write_varint(u64::from(field << 3 | wire_type), out);
}

pub(super) fn write_uint(field: u32, number: u64, out: &mut Vec<u8>) {
    write_tag(field, 0, out);
    write_varint(number, out);
}

/// Writes a signed number so that small ones are short.
pub(super) fn write_sint(field: u32, number: i64, out: &mut Vec<u8>) {
    write_uint(field, ((number << 1) ^ (number >> 63)).cast_unsigned(), out);
}

pub(super) fn write_double(field: u32, number: f64, out: &mut Vec<u8>) {
    write_tag(field, 1, out);
    out.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn write_bytes(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    write_tag(field, 2, out);
    write_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Writes a message within a message.
pub(super) fn write_message(field: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    write_tag(field, 2, out);
    write_delimited(out, write);
}

/// Writes something behind its length.
pub(super) fn write_delimited(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    // Most lengths take a byte; for others what was written makes room.
    out.push(0);
    write(out);
    let length = out.len() - start - 1;
    if length < 0x80 {
        out[start] = length as u8;
    } else {
        let mut varint = Vec::with_capacity(10);
        write_varint(length as u64, &mut varint);
        out.splice(start..=start, varint);
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
        assert_eq!(written(&|out| write_sint(2, i64::MIN, out)).len(), 11);
        assert_eq!(written(&|out| write_bytes(2, b"testing", out)), *b"\x12\x07testing");
        assert_eq!(written(&|out| write_double(1, 1.0, out)), [9, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F]);
    }

    proptest! {
        #[test]
        fn messages_are_behind_their_lengths(content in prop::collection::vec(any::<u8>(), 0..40_000)) {
            let (mut nested, mut flat) = (vec![7], vec![7]);
            write_message(3, &mut nested, |out| out.extend_from_slice(&content));
            write_bytes(3, &content, &mut flat);
            prop_assert_eq!(nested, flat);
        }
    }
}
