//! Reads what anybody may have sent, as far as the server does before it looks at beans.

use super::arguments::{attribute_name, integers, lessee, names, remote_objects};
use super::classes as c;
use super::listeners::{Filter, marshalled};
use super::message::{self, Message, Unread};
use crate::model::ObjectName;

/// The messages of a client in a session, each in one piece.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let session = include_str!("../../tests/fixtures/session-jdk-client-conn0.txt");
    let chunks = session.lines().filter(|line| line.contains(" C ") && !line.ends_with("EOF")).map(|line| {
        let hex = line.rsplit(' ').next().unwrap_or_default();
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("the session is in hex");
        (0..hex.len()).step_by(2).map(byte).collect()
    });
    // Behind the greeting and the client's own address.
    let mut rest: Vec<u8> = chunks.skip(2).collect::<Vec<Vec<u8>>>().concat();
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let (_, length) = message::message(&rest).expect("the session is one of messages");
        messages.push(rest.drain(..length).collect());
    }
    messages
}

/// The filters of listeners in messages.
pub(crate) fn filters(messages: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut filters = Vec::new();
    for message in messages {
        let Ok((Message::Call(call), _)) = message::message(message) else { continue };
        for argument in &call.arguments {
            for item in argument.array(&c::MARSHALLED_OBJECT_ARRAY).unwrap_or_default() {
                filters.extend(marshalled(item).ok().flatten().map(<[u8]>::to_vec));
            }
        }
    }
    filters
}

/// Reads a message and what its arguments say.
pub(crate) fn read_message(bytes: &[u8]) -> bool {
    let call = match message::message(bytes) {
        Ok((message, length)) => {
            assert!(length <= bytes.len(), "no more is read than is there");
            let Message::Call(call) = message else { return true };
            call
        }
        Err(Unread::Cut | Unread::Refused { .. }) => return false,
    };
    for at in 0..call.arguments.len() {
        let _ = (call.name(at), call.pattern(at), call.text(at), call.texts(at));
        let argument = call.argument(at);
        let _ = (names(argument), integers(argument), remote_objects(argument), lessee(argument));
        if let Ok(Some(bytes)) = marshalled(argument) {
            let _ = (Filter::read(bytes).is_ok(), attribute_name(bytes));
        }
    }
    true
}

/// Reads the filter of a listener.
pub(crate) fn read_filter(bytes: &[u8]) -> bool {
    Filter::read(bytes).is_ok()
}

/// Reads a name, and says that it is what it says.
pub(crate) fn read_name(text: &str) -> bool {
    let Ok(name) = text.parse::<ObjectName>() else { return false };
    let canonical: ObjectName = name.canonical().parse().expect("the canonical form of a name is a name");
    assert!(canonical == name && canonical.canonical() == name.canonical(), "{text:?} is another one");
    assert_eq!(name.matches(&canonical), !name.is_pattern(), "{text:?}");
    ObjectName::asked(text).is_ok()
}
