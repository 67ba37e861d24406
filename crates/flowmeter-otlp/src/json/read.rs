//! The fields of a message.

use super::schema::Kind;

/// The value of a field, before its type is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Raw<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message with their numbers, until one ends too early.
#[derive(Clone)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self(message)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, Raw<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = next_varint(&mut self.0)?;
        let value = match tag & 7 {
            0 => Raw::Number(next_varint(&mut self.0)?),
            1 => Raw::Number(next_fixed::<8>(&mut self.0)?),
            2 => {
                let length = usize::try_from(next_varint(&mut self.0)?).ok()?;
                Raw::Bytes(self.0.split_off(..length)?)
            }
            5 => Raw::Number(next_fixed::<4>(&mut self.0)?),
            _ => return None,
        };
        Some((u32::try_from(tag >> 3).ok()?, value))
    }
}

fn next_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let byte = *bytes.split_off_first()?;
        number |= u64::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn next_fixed<const N: usize>(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = [0; 8];
    number[..N].copy_from_slice(bytes.split_off(..N)?);
    Some(u64::from_le_bytes(number))
}

impl Kind {
    /// Takes a number of this kind off those that are one after the other.
    pub(super) fn next_packed<'a>(self, packed: &mut &'a [u8]) -> Option<Raw<'a>> {
        let number = match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => next_fixed::<8>(packed),
            Self::Fixed32 => next_fixed::<4>(packed),
            _ => next_varint(packed),
        };
        number.map(Raw::Number)
    }
}
