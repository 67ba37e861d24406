//! Compression of requests.

use std::io::{self, Write as _};

use bytes::Bytes;
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
