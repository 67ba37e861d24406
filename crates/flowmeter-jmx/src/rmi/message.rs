//! What clients send.

use super::class::Class;
use super::classes as c;
use super::identity::{ObjId, Uid};
use super::method::{Argument, Method, Signature};
use super::object::Object;
use super::reader::{Annotations, Reader, Stop};

/// The most bytes that a message can have.
pub(crate) const MOST_BYTES: usize = 64 << 10;

/// The classes that are read: all that clients send of themselves. What is within a [`MarshalledObject`](c::MARSHALLED_OBJECT) stays as the
/// bytes that it is.
static KNOWN: [&Class; 15] = [
    &c::BYTES,
    &c::INTEGER_ARRAY,
    &c::STRING_ARRAY,
    &c::MARSHALLED_OBJECT_ARRAY,
    &c::OBJ_ID_ARRAY,
    &c::OBJECT_NAME_ARRAY,
    &c::SUBJECT_ARRAY,
    &c::INTEGER,
    &c::NUMBER,
    &c::MARSHALLED_OBJECT,
    &c::LEASE,
    &c::VMID,
    &c::OBJ_ID,
    &c::UID,
    &c::OBJECT_NAME,
];

/// How a client begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// With a conversation, which is acknowledged.
    Stream,
    /// With one message, and nothing after it.
    Single,
    /// With several conversations over one connection, which are not spoken here.
    Multiplex,
}

/// A message.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Ping,
    /// An answer has arrived.
    Acknowledgement,
    Call(Call),
}

/// A call of a method.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) target: ObjId,
    pub(crate) method: Method,
    /// Primitive values behind the header.
    pub(crate) primitives: Vec<u8>,
    pub(crate) arguments: Vec<Object>,
    /// Whether the connection must end, because not all of the call could be read.
    pub(crate) is_last: bool,
}

impl Call {
    /// Whether it may be answered much later, once there is something to tell.
    pub(crate) fn is_waiting(&self) -> bool {
        self.method == Method::FetchNotifications
    }

    /// The same call, of a client that does not wait.
    pub(crate) fn at_once(&self) -> Self {
        let mut call = self.clone();
        // The last of its primitive arguments is how long.
        let time = call.primitives.len().saturating_sub(8);
        call.primitives[time..].fill(0);
        call
    }
}

/// Why a message is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is not all there yet.
    Cut,
    /// It is not one that is read, so the connection must end. A call is answered that, others are not.
    Refused { why: String, is_call: bool },
}

/// Reads the greeting at the beginning. Returns it with its length.
pub(crate) fn greeting(bytes: &[u8]) -> Result<(Greeting, usize), Unread> {
    const LENGTH: usize = 7;
    let expected = b"JRMI\0\x02";
    let there = bytes.len().min(expected.len());
    if bytes[..there] != expected[..there] {
        return Err(Unread::Refused { why: "it is not RMI".to_owned(), is_call: false });
    }
    match bytes.get(LENGTH - 1) {
        None => Err(Unread::Cut),
        Some(0x4b) => Ok((Greeting::Stream, LENGTH)),
        Some(0x4c) => Ok((Greeting::Single, LENGTH)),
        Some(0x4d) => Ok((Greeting::Multiplex, LENGTH)),
        Some(_) => Err(Unread::Refused { why: "it is another kind of RMI".to_owned(), is_call: false }),
    }
}

/// Reads over what a client says of its own address, which is of no use. Returns its length.
pub(crate) fn endpoint(bytes: &[u8]) -> Result<usize, Unread> {
    let [high, low, ..] = *bytes else { return Err(Unread::Cut) };
    let length = 2 + usize::from(u16::from_be_bytes([high, low])) + 4;
    if bytes.len() < length { Err(Unread::Cut) } else { Ok(length) }
}

/// Reads the first message. Returns it with its length.
pub(crate) fn message(bytes: &[u8]) -> Result<(Message, usize), Unread> {
    let Some((kind, rest)) = bytes.split_first() else { return Err(Unread::Cut) };
    match kind {
        0x52 => Ok((Message::Ping, 1)),
        0x54 if rest.len() < 14 => Err(Unread::Cut),
        0x54 => Ok((Message::Acknowledgement, 15)),
        0x50 => match call(rest) {
            Ok((call, length)) => Ok((Message::Call(call), 1 + length)),
            Err(Stop::Cut) => Err(Unread::Cut),
            Err(Stop::Refused(why)) => Err(Unread::Refused { why, is_call: true }),
        },
        kind => Err(Unread::Refused { why: format!("there is no message {kind:#04x}"), is_call: false }),
    }
}

fn call(bytes: &[u8]) -> Result<(Call, usize), Stop> {
    const HEADER: usize = 34;
    let mut reader = Reader::new(bytes, &KNOWN, Annotations::Null)?;
    let block = reader.block(HEADER)?;
    let (header, primitives) = block.split_at(HEADER);
    let number = |from: usize, to: usize| {
        header[from..to].iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte))
    };
    let target = ObjId {
        number: number(0, 8).cast_signed(),
        space: Uid {
            unique: number(8, 12) as i32,
            time: number(12, 20).cast_signed(),
            count: number(20, 22) as i16,
        },
    };
    let Some(signature) = Signature::find(number(22, 26) as i32, number(26, 34)) else {
        return Err(Stop::Refused(
            "unrecognized method hash: method not supported by remote object".to_owned(),
        ));
    };
    if primitives.len() != signature.primitives {
        return Err(Stop::Refused("a call has other primitive arguments than its method".to_owned()));
    }
    let mut arguments = Vec::with_capacity(signature.arguments.len());
    for argument in signature.arguments {
        match *argument {
            Argument::Object => arguments.push(reader.object()?),
            Argument::Block(length) => drop(reader.block(length)?),
        }
    }
    let call = Call {
        target,
        method: signature.method,
        primitives: primitives.to_vec(),
        arguments,
        is_last: signature.is_partial,
    };
    Ok((call, reader.position()))
}
