//! Modified UTF-8, in which Java writes texts: NUL takes two bytes, and what is beyond the basic plane two surrogates of three.

use std::char::decode_utf16;

/// Writes a text, without its length.
pub(crate) fn write(text: &str, out: &mut Vec<u8>) {
    if text.bytes().all(|byte| byte != 0 && byte.is_ascii()) {
        return out.extend_from_slice(text.as_bytes());
    }
    for unit in text.encode_utf16() {
        let low = (unit & 0x3f) as u8 | 0x80;
        let middle = (unit >> 6 & 0x3f) as u8;
        match unit {
            1..0x80 => out.push(unit as u8),
            0 | 0x80..0x800 => out.extend([(unit >> 6) as u8 | 0xc0, low]),
            _ => out.extend([(unit >> 12) as u8 | 0xe0, middle | 0x80, low]),
        }
    }
}

/// How many bytes it takes.
pub(crate) fn length(text: &str) -> usize {
    let width = |c: char| match c {
        '\0' => 2,
        c if c.len_utf8() == 4 => 6,
        c => c.len_utf8(),
    };
    if text.is_ascii() && !text.contains('\0') { text.len() } else { text.chars().map(width).sum() }
}

/// Reads a text. What stands for half a character becomes the replacement character. Nothing if the bytes are no modified UTF-8.
pub(crate) fn read(bytes: &[u8]) -> Option<String> {
    if bytes.is_ascii() {
        // NUL is written in two bytes, but Java reads it in one as well.
        return String::from_utf8(bytes.to_vec()).ok();
    }
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    let tail = |byte: u8| (byte & 0xc0 == 0x80).then_some(u16::from(byte & 0x3f));
    loop {
        let (unit, next) = match *rest {
            [] => break,
            [a, ref next @ ..] if a < 0x80 => (u16::from(a), next),
            [a, b, ref next @ ..] if a & 0xe0 == 0xc0 => (u16::from(a & 0x1f) << 6 | tail(b)?, next),
            [a, b, c, ref next @ ..] if a & 0xf0 == 0xe0 => {
                (u16::from(a & 0x0f) << 12 | tail(b)? << 6 | tail(c)?, next)
            }
            _ => return None,
        };
        units.push(unit);
        rest = next;
    }
    Some(decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in "\\PC*|[\0a\u{e9}\u{20ac}\u{1f980}]*") {
            let mut bytes = Vec::new();
            write(&text, &mut bytes);
            prop_assert_eq!(bytes.len(), length(&text));
            prop_assert!(!bytes.contains(&0));
            prop_assert_eq!(read(&bytes), Some(text));
        }

        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..32)) {
            let _ = read(&bytes);
        }
    }
}
