//! Compression of requests, and of what answers them in kind.

use std::io::{self, Read as _, Write as _};

use bytes::Bytes;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::Compression;

/// What the encoding is called in a header, unless there is none.
pub(super) fn name(compression: Compression) -> Option<&'static str> {
    match compression {
        Compression::None => None,
        Compression::Gzip => Some("gzip"),
        #[cfg(feature = "zstd")]
        Compression::Zstd => Some("zstd"),
    }
}

/// The bytes as they go out. At the fastest level: names and labels, which are most of it, repeat enough for any.
pub(super) fn compress(compression: Compression, body: Bytes) -> io::Result<Bytes> {
    match compression {
        Compression::None => Ok(body),
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), flate2::Compression::fast());
            encoder.write_all(&body)?;
            encoder.finish().map(Bytes::from)
        }
        #[cfg(feature = "zstd")]
        Compression::Zstd => zstd::bulk::compress(&body, 1).map(Bytes::from),
    }
}

/// What compressed bytes stand for; nothing if they are broken, of an encoding that is none of ours, or stand for more than there may be.
pub(super) fn expand(encoding: &[u8], body: &[u8], longest: usize) -> Option<Bytes> {
    match encoding {
        b"gzip" => {
            let mut expanded = Vec::new();
            let limit = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
            GzDecoder::new(body).take(limit).read_to_end(&mut expanded).ok()?;
            (expanded.len() <= longest).then(|| expanded.into())
        }
        #[cfg(feature = "zstd")]
        b"zstd" => zstd::bulk::decompress(body, longest).ok().map(Bytes::from),
        _ => None,
    }
}
