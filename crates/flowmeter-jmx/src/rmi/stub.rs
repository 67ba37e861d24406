//! What clients reach remote objects by.

use super::classes as c;
use super::identity::ObjId;
use super::text;
use super::writer::Writer;

/// Which object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stub {
    Server,
    Connection,
}

/// Writes a stub, with the host and port to connect to.
pub(crate) fn stub(
    writer: &mut Writer,
    kind: Stub,
    (host, port): (&str, u16),
    object: ObjId,
    is_encrypted: bool,
) {
    writer.begin(match kind {
        Stub::Server => &c::RMI_SERVER_STUB,
        Stub::Connection => &c::RMI_CONNECTION_STUB,
    });
    let mut block = Vec::new();
    utf("UnicastRef2", &mut block);
    block.push(is_encrypted.into());
    utf(host, &mut block);
    block.extend(u32::from(port).to_be_bytes());
    if is_encrypted {
        // How a client makes a socket, which is an object between what else there is to say.
        writer.block(&block);
        writer.begin(&c::SSL_RMI_CLIENT_SOCKET_FACTORY);
        block.clear();
    }
    block.extend(object.bytes());
    // It is the result of a call.
    block.push(1);
    writer.block(&block);
    writer.end_annotation();
}

/// A short text with its length.
pub(crate) fn utf(text: &str, out: &mut Vec<u8>) {
    // A name of a host that is longer could not be resolved.
    let text = if text::length(text) > usize::from(u16::MAX) { "" } else { text };
    out.extend((text::length(text) as u16).to_be_bytes());
    text::write(text, out);
}
