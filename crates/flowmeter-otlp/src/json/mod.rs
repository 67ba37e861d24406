//! JSON from protobuf.
//!
//! Requests are written in protobuf, and those that are to be JSON are translated, field by field, by a table of the fields
//! that there are. So there is one encoder, and JSON cannot say anything else than protobuf does.
//!
//! Source: [JSON protobuf encoding](https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).

mod read;
mod schema;

pub(crate) use self::read::{Fields, Raw};
use self::schema::{Field, Kind, Message};
use crate::transport::Signal;

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// An `ExportMetricsServiceRequest`.
    Metrics,
    /// An `ExportTraceServiceRequest`.
    Traces,
    /// An `ExportLogsServiceRequest`.
    Logs,
}

impl From<Signal> for Root {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Metrics => Self::Metrics,
            Signal::Traces => Self::Traces,
            Signal::Logs => Self::Logs,
        }
    }
}

/// Translates a request. What is not in the table, or ends too early, is left out.
pub(crate) fn from_protobuf(root: Root, bytes: &[u8]) -> Vec<u8> {
    let message = match root {
        Root::Metrics => &schema::METRICS,
        Root::Traces => &schema::TRACES,
        Root::Logs => &schema::LOGS,
    };
    // Names and quotes take two to three times as much.
    let mut out = Vec::with_capacity(3 * bytes.len());
    write_message(message, bytes, &mut out);
    out
}

fn write_message(message: &Message, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'{');
    let mut written = 0_u32;
    let mut fields = Fields::of(bytes);
    loop {
        let from = fields.clone();
        let Some((number, _)) = fields.next() else { break };
        let Some(place) = message.0.iter().position(|field| field.number == number) else { continue };
        if written & 1 << place != 0 {
            continue;
        }
        if written != 0 {
            out.push(b',');
        }
        written |= 1 << place;
        write_field(&message.0[place], from, out);
    }
    out.push(b'}');
}

/// Writes a field, of which the first value is the next there: others may be anywhere behind it.
fn write_field(field: &Field, from: Fields<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(field.name.as_bytes());
    out.extend_from_slice(b"\":");
    let mut values = from.filter(|(number, _)| *number == field.number).map(|(_, value)| value);
    if !field.is_repeated {
        // As readers of protobuf do.
        if let Some(last) = values.last() {
            write_value(field.kind, last, out);
        }
        return;
    }
    out.push(b'[');
    let mut is_first = true;
    let mut write = |value: Raw<'_>| {
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
        write_value(field.kind, value, out);
    };
    for value in &mut values {
        match value {
            // Numbers are packed.
            Raw::Bytes(mut packed) if field.kind.is_number() => {
                while let Some(number) = field.kind.next_packed(&mut packed) {
                    write(number);
                }
            }
            value => write(value),
        }
    }
    out.push(b']');
}

fn write_value(kind: Kind, value: Raw<'_>, out: &mut Vec<u8>) {
    match (kind, value) {
        (Kind::Message(message), Raw::Bytes(bytes)) => write_message(message, bytes, out),
        (Kind::Text, Raw::Bytes(bytes)) => write_text(&String::from_utf8_lossy(bytes), out),
        (Kind::Id, Raw::Bytes(bytes)) => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            out.push(b'"');
            for byte in bytes {
                out.push(DIGITS[usize::from(byte >> 4)]);
                out.push(DIGITS[usize::from(byte & 15)]);
            }
            out.push(b'"');
        }
        (Kind::Bytes, Raw::Bytes(bytes)) => write_base64(bytes, out),
        (Kind::Bool, Raw::Number(number)) => {
            out.extend_from_slice(if number == 0 { b"false" } else { b"true" });
        }
        (Kind::Double, Raw::Number(bits)) => write_double(f64::from_bits(bits), out),
        // Negative ones are written as if they had 64 bits.
        (Kind::Int32, Raw::Number(number)) => write_integer(number as i32, out),
        (Kind::Uint32 | Kind::Fixed32, Raw::Number(number)) => write_integer(number as u32, out),
        (Kind::Sint32, Raw::Number(number)) => {
            let number = number as u32;
            write_integer((number >> 1).cast_signed() ^ -(number & 1).cast_signed(), out);
        }
        (Kind::Uint64 | Kind::Fixed64, Raw::Number(number)) => write_quoted(number, out),
        (Kind::Int64 | Kind::Sfixed64, Raw::Number(number)) => write_quoted(number.cast_signed(), out),
        // A field of another type than it should have.
        (_, Raw::Bytes(_) | Raw::Number(_)) => out.extend_from_slice(b"null"),
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // Memory takes all.
    let _ = serde_json::to_writer(out, text);
}

fn write_integer(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Integers of 64 bits are strings, since JavaScript's numbers have 53.
fn write_quoted(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.push(b'"');
    write_integer(number, out);
    out.push(b'"');
}

fn write_double(number: f64, out: &mut Vec<u8>) {
    match number {
        number if number.is_nan() => out.extend_from_slice(b"\"NaN\""),
        f64::INFINITY => out.extend_from_slice(b"\"Infinity\""),
        f64::NEG_INFINITY => out.extend_from_slice(b"\"-Infinity\""),
        number => out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes()),
    }
}

fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.push(b'"');
    for three in bytes.chunks(3) {
        let byte = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            out.push(if digit <= three.len() {
                DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]
            } else {
                b'='
            });
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
