//! The Huffman codes, the same for all texts.
//!
//! Where lines repeat earlier ones what is left is mostly digits, so these have four bits each, where the codes that deflate
//! has by itself give them eight. What text in English has no use for pays for that with up to 14.

use super::bits::{BitWriter, Code};

/// Literals, the end of the block, and lengths.
const SYMBOLS: usize = 286;
const DISTANCES: usize = 30;
const END: usize = 256;

/// The length of a match has at least 3 and at most 258 bytes.
pub(super) const LONGEST: usize = 258;
/// How far back a match can begin.
pub(super) const WINDOW: usize = 32 * 1024;

const SYMBOL_COUNTS: [u8; SYMBOLS] = symbol_counts();
const DISTANCE_COUNTS: [u8; DISTANCES] = distance_counts();
const SYMBOL_CODES: [Code; SYMBOLS] = codes(&SYMBOL_COUNTS);
const DISTANCE_CODES: [Code; DISTANCES] = codes(&DISTANCE_COUNTS);

/// The code of each byte.
pub(super) static LITERALS: [Code; 256] = literals();
/// The code of each length, with the bits that say which of the lengths with that code it is.
pub(super) static LENGTHS: [Code; LONGEST + 1] = lengths();
/// The end of the block.
pub(super) const END_OF_BLOCK: Code = SYMBOL_CODES[END];

/// How many bits each symbol has.
const fn symbol_counts() -> [u8; SYMBOLS] {
    let mut counts = [14; SYMBOLS];
    counts = set(counts, b' ', b'~', 12);
    counts = set(counts, b'A', b'Z', 10);
    counts = set(counts, b'a', b'z', 8);
    counts = set(counts, b'0', b'9', 4);
    counts[b'\n' as usize] = 5;
    counts[b'"' as usize] = 5;
    counts[b'}' as usize] = 5;
    counts[b' ' as usize] = 5;
    counts[b'.' as usize] = 7;
    counts[b'_' as usize] = 8;
    counts[b'{' as usize] = 9;
    counts[b',' as usize] = 9;
    counts[b'=' as usize] = 9;
    counts[b'-' as usize] = 9;
    counts[END] = 9;
    let mut length = END + 1;
    while length < SYMBOLS - 1 {
        counts[length] = 9;
        length += 1;
    }
    // Most lines are longer than the longest match.
    counts[SYMBOLS - 1] = 5;
    counts
}

const fn set(mut counts: [u8; SYMBOLS], first: u8, last: u8, count: u8) -> [u8; SYMBOLS] {
    let mut byte = first;
    while byte <= last {
        counts[byte as usize] = count;
        byte += 1;
    }
    counts
}

/// How many bits each code for distances has. Lines have a few hundred bytes.
const fn distance_counts() -> [u8; DISTANCES] {
    let mut counts = [8; DISTANCES];
    let mut code = 0;
    while code < DISTANCES {
        counts[code] = match code {
            12..=13 => 4,
            14..=19 => 3,
            20..=21 => 6,
            22..=25 => 7,
            _ => 8,
        };
        code += 1;
    }
    counts
}

/// The codes that follow from their sizes, by the rules of RFC 1951, section 3.2.2.
const fn codes<const N: usize>(counts: &[u8; N]) -> [Code; N] {
    let mut codes = [Code { bits: 0, count: 0 }; N];
    let (mut next, mut count) = (0_u32, 1);
    while count <= 15 {
        next <<= 1;
        let mut i = 0;
        while i < N {
            if counts[i] == count {
                codes[i] = Code { bits: next.reverse_bits() >> (32 - count), count: count as u32 };
                next += 1;
            }
            i += 1;
        }
        count += 1;
    }
    // Decoders refuse codes that leave a sequence of bits without a meaning.
    assert!(next == 1 << 15);
    codes
}

const fn literals() -> [Code; 256] {
    let mut literals = [Code { bits: 0, count: 0 }; 256];
    let mut byte = 0;
    while byte < 256 {
        literals[byte] = SYMBOL_CODES[byte];
        byte += 1;
    }
    literals
}

/// As in the table of RFC 1951, section 3.2.5.
const fn lengths() -> [Code; LONGEST + 1] {
    let mut lengths = [Code { bits: 0, count: 0 }; LONGEST + 1];
    let mut length = 3;
    while length < LONGEST {
        let offset = length as u32 - 3;
        // The first eight lengths have a code each; from there on there are four codes for each power of two.
        let extra = if offset < 8 { 0 } else { offset.ilog2() - 2 };
        let symbol = END as u32 + 1 + 4 * extra + (offset >> extra);
        let rest = Code { bits: offset & ((1 << extra) - 1), count: extra };
        lengths[length] = SYMBOL_CODES[symbol as usize].then(rest);
        length += 1;
    }
    lengths[LONGEST] = SYMBOL_CODES[SYMBOLS - 1];
    lengths
}

/// The code of a distance from 1 to [`WINDOW`], with the bits that say which of the distances with that code it is.
#[inline]
pub(super) fn distance(distance: usize) -> Code {
    let offset = distance as u32 - 1;
    // As with lengths, but with two codes for each power of two.
    let extra = if offset < 4 { 0 } else { offset.ilog2() - 1 };
    let symbol = 2 * extra + (offset >> extra);
    DISTANCE_CODES[symbol as usize].then(Code { bits: offset & ((1 << extra) - 1), count: extra })
}

/// The codes of the digits that eight bytes begin with, one after the other.
#[inline(always)]
pub(super) fn number(text: [u8; 8]) -> Code {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let digits = u64::from_le_bytes(text) ^ (ONES * u64::from(b'0'));
    // Digits are 0 to 9 now: the upper half of such a byte stays zero if 6 is added. The first of other bytes shows; what it
    // may carry goes to those behind it.
    let others = (digits | digits.wrapping_add(ONES * 6)) & (ONES * 0xf0);
    let count = others.trailing_zeros() / 8;
    let halves = digits & (ONES * 0x0f);
    let halves = (halves | halves >> 4) & 0x00ff_00ff_00ff_00ff;
    let halves = (halves | halves >> 8) & 0x0000_ffff_0000_ffff;
    let halves = (halves | halves >> 16) as u32;
    // The digits have the first of the shortest codes, so the code of a digit is the digit, the upper bit first.
    let swapped = halves >> 1 & 0x5555_5555 | (halves & 0x5555_5555) << 1;
    let reversed = swapped >> 2 & 0x3333_3333 | (swapped & 0x3333_3333) << 2;
    let wanted = (1_u64 << (4 * count)) - 1;
    Code { bits: reversed & wanted as u32, count: 4 * count }
}

/// Writes the beginning of the only block, which says how many bits each code has.
pub(super) fn write_header(out: &mut BitWriter<'_>) {
    let mut put = |value: usize, count| {
        out.put(Code { bits: value as u32, count });
        out.flush();
    };
    put(1, 1); // the last block
    put(2, 2); // with codes of its own
    put(SYMBOLS - 257, 5);
    put(DISTANCES - 1, 5);
    // Sizes are written in four bits each: the codes of the sizes 0 to 15 have four bits, those of repetitions none. The
    // order is that of section 3.2.7, in which those come first.
    put(19 - 4, 4);
    for position in 0..19 {
        put(if position < 3 { 0 } else { 4 }, 3);
    }
    for count in SYMBOL_COUNTS.iter().chain(&DISTANCE_COUNTS) {
        put((u32::from(*count).reverse_bits() >> 28) as usize, 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(code: Code) -> (u32, u32) {
        (code.bits, code.count)
    }

    /// The first value of each code and how many bits follow it, as the tables of RFC 1951 have them.
    fn with_rest(value: usize, codes: &[Code], table: &[(usize, u32)]) -> Code {
        let place = table.iter().rposition(|(first, _)| *first <= value).unwrap();
        let (first, count) = table[place];
        codes[place].then(Code { bits: (value - first) as u32, count })
    }

    #[test]
    fn lengths_have_the_codes_of_the_table() {
        let table = [
            (3, 0),
            (4, 0),
            (5, 0),
            (6, 0),
            (7, 0),
            (8, 0),
            (9, 0),
            (10, 0),
            (11, 1),
            (13, 1),
            (15, 1),
            (17, 1),
            (19, 2),
            (23, 2),
            (27, 2),
            (31, 2),
            (35, 3),
            (43, 3),
            (51, 3),
            (59, 3),
            (67, 4),
            (83, 4),
            (99, 4),
            (115, 4),
            (131, 5),
            (163, 5),
            (195, 5),
            (227, 5),
            (258, 0),
        ];
        for (length, code) in LENGTHS.iter().enumerate().skip(3) {
            let expected = with_rest(length, &SYMBOL_CODES[END + 1..], &table);
            assert_eq!(parts(*code), parts(expected), "{length}");
        }
    }

    #[test]
    fn distances_have_the_codes_of_the_table() {
        let table = [
            (1, 0),
            (2, 0),
            (3, 0),
            (4, 0),
            (5, 1),
            (7, 1),
            (9, 2),
            (13, 2),
            (17, 3),
            (25, 3),
            (33, 4),
            (49, 4),
            (65, 5),
            (97, 5),
            (129, 6),
            (193, 6),
            (257, 7),
            (385, 7),
            (513, 8),
            (769, 8),
            (1025, 9),
            (1537, 9),
            (2049, 10),
            (3073, 10),
            (4097, 11),
            (6145, 11),
            (8193, 12),
            (12289, 12),
            (16385, 13),
            (24577, 13),
        ];
        for value in 1..=WINDOW {
            assert_eq!(parts(distance(value)), parts(with_rest(value, &DISTANCE_CODES, &table)), "{value}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_the_literals_of_its_digits(text in prop_oneof![any::<[u8; 8]>(), "[0-9]{8}".prop_map(eight), "[0-9./:]{8}".prop_map(eight)]) {
            let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
            let expected = digits.fold(Code { bits: 0, count: 0 }, |code, byte| code.then(LITERALS[usize::from(*byte)]));
            prop_assert_eq!(parts(number(text)), parts(expected));
        }
    }

    fn eight(text: String) -> [u8; 8] {
        text.into_bytes().try_into().unwrap()
    }
}
