//! Packing of what is written.

use std::io::{self, Write};

use flate2::write::GzEncoder;

use crate::GzipEncoder;
use crate::encode::Format;
use crate::negotiation::Compression;

/// How hard it tries: most of what there is to win comes with little.
#[cfg(feature = "zstd")]
const ZSTD_LEVEL: i32 = 1;

/// What packs an answer as it is written. Its memory is that of one answer and goes with it.
pub(crate) enum Packer {
    /// Text in lines of which each repeats most of the one before.
    Lines(GzipEncoder),
    Gzip(GzEncoder<Vec<u8>>),
    #[cfg(feature = "zstd")]
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Packer {
    /// What packs a format; nothing if it is not to be packed.
    pub(crate) fn new(compression: Compression, format: Format) -> io::Result<Option<Self>> {
        Ok(match (compression, format) {
            (Compression::Identity, _) => None,
            (Compression::Gzip, Format::Protobuf) => {
                Some(Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::fast())))
            }
            (Compression::Gzip, _) => Some(Self::Lines(GzipEncoder::new())),
            #[cfg(feature = "zstd")]
            (Compression::Zstd, _) => {
                Some(Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?))
            }
        })
    }

    /// Packs some bytes, and appends what has come out.
    pub(crate) fn pack(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Lines(encoder) => encoder.write(bytes, out),
            Self::Gzip(encoder) => {
                encoder.write_all(bytes)?;
                out.append(encoder.get_mut());
            }
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => {
                encoder.write_all(bytes)?;
                out.append(encoder.get_mut());
            }
        }
        Ok(())
    }

    /// Appends the rest.
    pub(crate) fn finish(self, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Lines(encoder) => encoder.finish(out),
            Self::Gzip(encoder) => out.append(&mut encoder.finish()?),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => out.append(&mut encoder.finish()?),
        }
        Ok(())
    }
}
