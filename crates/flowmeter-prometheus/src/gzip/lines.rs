//! Lines, written as what they have in common with an earlier one and what not.

use super::bits::{BitWriter, Code};
use super::code::{LENGTHS, LITERALS, LONGEST, WINDOW, distance, number};

/// Shorter matches take as many bits as the digits that they stand for.
const SHORTEST: usize = 5;

/// How strongly bytes divide a line: into words, into names and values, and from the next line.
static RANKS: [u8; 256] = ranks();

const fn ranks() -> [u8; 256] {
    let mut ranks = [0; 256];
    ranks[b'_' as usize] = 1;
    ranks[b' ' as usize] = 1;
    ranks[b'{' as usize] = 2;
    ranks[b'}' as usize] = 2;
    ranks[b'"' as usize] = 2;
    ranks[b',' as usize] = 2;
    ranks[b'\n' as usize] = 3;
    ranks
}

fn rank(byte: u8) -> u8 {
    RANKS[usize::from(byte)]
}

/// Writes the first line of a text, which begins `back` bytes after an `earlier` line did. Returns the rest of the text.
///
/// The two are read side by side. Where they differ, the word of the new line is written as it is, and that of the earlier
/// line is passed over, up to the delimiter that ended the word in the new one.
#[inline(always)]
pub(super) fn write_line<'a>(
    mut text: &'a [u8],
    mut earlier: &[u8],
    mut back: usize,
    out: &mut BitWriter<'_>,
) -> &'a [u8] {
    loop {
        let (same, rest) = text.split_at(common(text, earlier));
        if same.len() >= SHORTEST && back <= WINDOW {
            write_match(same.len(), distance(back), out);
        } else {
            write_literals(same, out);
        }
        if same.last() == Some(&b'\n') {
            return rest;
        }
        earlier = &earlier[same.len()..];

        text = write_word(rest, out);
        back += rest.len() - text.len();
        let Some((&delimiter, rest)) = text.split_first() else { return text };
        if delimiter == b'\n' {
            write_literals(b"\n", out);
            return rest;
        }
        // Not beyond a stronger delimiter: a name that has fewer words must not be compared with the labels.
        let is_next = |byte: &u8| *byte == delimiter || rank(*byte) > rank(delimiter);
        match earlier.iter().position(is_next) {
            Some(skipped) if earlier[skipped] == delimiter => {
                earlier = &earlier[skipped..];
                back -= skipped;
            }
            _ => {
                write_literals(&[delimiter], out);
                text = rest;
                back += 1;
            }
        }
    }
}

/// How many bytes two texts have in common at the beginning.
#[inline(always)]
fn common(a: &[u8], b: &[u8]) -> usize {
    // Most texts differ at once or after hundreds of bytes.
    if let (Some(a), Some(b)) = (a.first_chunk(), b.first_chunk())
        && a != b
    {
        return first_difference(*a, *b);
    }
    let mut same = 0;
    for (a, b) in a.as_chunks::<32>().0.iter().zip(b.as_chunks::<32>().0) {
        if a != b {
            break;
        }
        same += 32;
    }
    for (a, b) in a[same..].as_chunks().0.iter().zip(b[same..].as_chunks().0) {
        if a != b {
            return same + first_difference(*a, *b);
        }
        same += 8;
    }
    same + a[same..].iter().zip(&b[same..]).take_while(|(a, b)| a == b).count()
}

fn first_difference(a: [u8; 8], b: [u8; 8]) -> usize {
    (u64::from_le_bytes(a) ^ u64::from_le_bytes(b)).trailing_zeros() as usize / 8
}

#[inline(always)]
fn write_match(mut length: usize, distance: Code, out: &mut BitWriter<'_>) {
    let mut put = |length: usize| {
        out.put(LENGTHS[length]);
        out.put(distance);
        out.flush();
    };
    while length > LONGEST {
        // What is left must not be too short for a match.
        let part = LONGEST.min(length - SHORTEST);
        put(part);
        length -= part;
    }
    put(length);
}

/// Writes up to the next delimiter, and returns what follows.
#[inline(always)]
fn write_word<'a>(text: &'a [u8], out: &mut BitWriter<'_>) -> &'a [u8] {
    let text = write_number(text, out);
    let length = text.iter().position(|byte| rank(*byte) > 0).unwrap_or(text.len());
    let (word, rest) = text.split_at(length);
    write_literals(word, out);
    rest
}

/// Writes the digits that a text begins with, eight at a time, and returns what follows. May leave some of the last eight
/// bytes of the text.
#[inline(always)]
fn write_number<'a>(mut text: &'a [u8], out: &mut BitWriter<'_>) -> &'a [u8] {
    while let Some(digits) = text.first_chunk() {
        let code = number(*digits);
        out.put(code);
        out.flush();
        let count = code.count as usize / 4;
        text = &text[count..];
        if count < digits.len() {
            break;
        }
    }
    text
}

#[inline(always)]
fn write_literals(text: &[u8], out: &mut BitWriter<'_>) {
    for byte in text {
        out.put(LITERALS[usize::from(*byte)]);
        out.flush();
    }
}
