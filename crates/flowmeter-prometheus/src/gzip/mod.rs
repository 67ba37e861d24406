//! Gzip, as in RFC 1952 and RFC 1951, for text whose lines resemble each other.

mod bits;
mod code;
mod lines;

use bits::Bits;
use code::WINDOW;
use crc32fast::Hasher;

/// Compresses a text in pieces.
///
/// It takes any bytes, and is made for the text format: a line is compared with the last one alone, from its beginning,
/// which is where nearly all that repeats itself is. That takes a fraction of the time of a compressor that searches, for
/// about the same size. A text that has no such lines grows: bytes that no English text has take up to 14 bits.
///
/// What comes out does not depend on where the text is cut.
///
/// ```
/// use flowmeter_prometheus::GzipEncoder;
///
/// let mut encoder = GzipEncoder::new();
/// let mut compressed = Vec::new();
/// encoder.write(b"records_total{task=\"map\",subtask=\"0\"} 17\n", &mut compressed);
/// encoder.write(b"records_total{task=\"map\",subtask=\"1\"} 4711\n", &mut compressed);
/// encoder.finish(&mut compressed);
/// assert_eq!(compressed[..2], [0x1f, 0x8b]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct GzipEncoder {
    begun: bool,
    checksum: Hasher,
    /// Of the text so far, modulo 2^32.
    size: u32,
    bits: Bits,
    /// A line whose end has not come yet.
    partial: Vec<u8>,
    /// The last line that is a sample, and the last one that is a comment.
    last: [Earlier<Vec<u8>>; 2],
}

/// A line that was written.
#[derive(Clone, Copy, Debug, Default)]
struct Earlier<T> {
    line: T,
    /// How far its beginning is behind what comes next.
    back: usize,
}

/// Longer lines are written as several.
const LONGEST_LINE: usize = WINDOW;

impl GzipEncoder {
    /// An encoder for one text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Compresses a piece of the text, and appends what has come out so far.
    pub fn write(&mut self, mut text: &[u8], out: &mut Vec<u8>) {
        self.begin(out);
        self.checksum.update(text);
        self.size = self.size.wrapping_add(text.len() as u32);
        if !self.partial.is_empty() {
            let missing = text.len().min(LONGEST_LINE - self.partial.len());
            let end = text[..missing].iter().position(|byte| *byte == b'\n').map_or(missing, |end| end + 1);
            self.partial.extend_from_slice(&text[..end]);
            text = &text[end..];
            if self.partial.len() < LONGEST_LINE && self.partial.last() != Some(&b'\n') {
                return;
            }
            self.write_partial(out);
        }
        let lines = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let whole = text.len() - (text.len() - lines) % LONGEST_LINE;
        self.write_lines(&text[..whole], out);
        self.partial.extend_from_slice(&text[whole..]);
    }

    /// Compresses what is left, and ends the text.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.begin(out);
        self.write_partial(out);
        self.bits.write(out, |out| {
            out.put(code::END_OF_BLOCK);
            out.pad();
        });
        out.extend_from_slice(&self.checksum.finalize().to_le_bytes());
        out.extend_from_slice(&self.size.to_le_bytes());
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            // Deflate, no flags, no time, the fastest algorithm, an unknown system.
            out.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255]);
            self.bits.write(out, code::write_header);
        }
    }

    fn write_partial(&mut self, out: &mut Vec<u8>) {
        let mut line = std::mem::take(&mut self.partial);
        self.write_lines(&line, out);
        line.clear();
        self.partial = line;
    }

    fn write_lines(&mut self, mut text: &[u8], out: &mut Vec<u8>) {
        let last = std::mem::take(&mut self.last);
        let mut earlier = last.each_ref().map(|last| Earlier { line: &last.line[..], back: last.back });
        self.bits.write(out, |out| {
            while let Some(first) = text.first() {
                // Comments say other things than samples, and what they resemble is the comment before.
                let kind = usize::from(*first == b'#');
                let Earlier { line, back } = earlier[kind];
                let longest = &text[..text.len().min(LONGEST_LINE)];
                let length = longest.len() - lines::write_line(longest, line, back, out).len();
                earlier[kind] = Earlier { line: &text[..length], back: 0 };
                for earlier in &mut earlier {
                    earlier.back += length;
                }
                text = &text[length..];
            }
        });
        self.last = earlier.map(|Earlier { line, back }| match back {
            ..=WINDOW => Earlier { line: line.to_vec(), back },
            _ => Earlier::default(),
        });
    }
}
