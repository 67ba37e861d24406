//! Codes of variable length, packed into bytes.

/// Some bits, of which the lowest is sent first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Code {
    pub(super) bits: u32,
    pub(super) count: u32,
}

impl Code {
    /// This one and then `next`, which together have at most 32 bits.
    pub(super) const fn then(self, next: Self) -> Self {
        Self { bits: self.bits | next.bits << self.count, count: self.count + next.count }
    }
}

/// The bits that do not fill a byte yet, fewer than eight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bits {
    bits: u64,
    count: u32,
}

impl Bits {
    /// Appends what `write` puts and flushes.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut BitWriter<'_>)) {
        let mut buffer = [0; BUFFER];
        let mut writer = BitWriter { rest: *self, length: 0, buffer: &mut buffer, out };
        write(&mut writer);
        *self = writer.rest;
        let length = writer.length;
        out.extend_from_slice(&buffer[..length]);
    }
}

const BUFFER: usize = 4096;

/// Appends bits.
pub(super) struct BitWriter<'a> {
    rest: Bits,
    length: usize,
    /// What goes to `out` next: its length is known while it is compiled, which that of a vector is not.
    buffer: &'a mut [u8; BUFFER],
    out: &'a mut Vec<u8>,
}

impl BitWriter<'_> {
    /// Adds a code. There is room for 56 bits since the last flush.
    #[inline(always)]
    pub(super) fn put(&mut self, code: Code) {
        self.rest.bits |= u64::from(code.bits) << self.rest.count;
        self.rest.count += code.count;
    }

    /// Writes all whole bytes.
    #[inline(always)]
    pub(super) fn flush(&mut self) {
        if self.length > BUFFER - 8 {
            drain(&self.buffer[..self.length], self.out);
            self.length = 0;
        }
        // Always eight bytes, because to write as many as there are takes a branch that nothing can predict.
        if let Some(place) = self.buffer[self.length..].first_chunk_mut() {
            *place = self.rest.bits.to_le_bytes();
        }
        let whole = self.rest.count / 8;
        self.length += whole as usize;
        self.rest.bits >>= 8 * whole;
        self.rest.count %= 8;
    }

    /// Adds zeros up to a whole byte, and writes it.
    pub(super) fn pad(&mut self) {
        self.rest.count = self.rest.count.next_multiple_of(8);
        self.flush();
    }
}

/// A function of its own, so that the bits can stay in registers where it is not called.
#[cold]
#[inline(never)]
fn drain(buffer: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(buffer);
}
