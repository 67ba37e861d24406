//! Prometheus' protobuf, as protoc decodes it with the official definition.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;

use crate::Folder;
use crate::backends::{installed, program};
use crate::filter::{Filtered, filter};

/// Where Debian's packages have the official definition, and what that imports.
const DEFINITIONS: [&str; 2] =
    ["root/usr/share/gocode/src/github.com/prometheus/client_model", "root/usr/include"];

/// All families of an answer as one message, which is what they are with a tag before each.
const ANSWER: &str = "syntax = \"proto2\"; import \"io/prometheus/client/metrics.proto\"; \
                      message Answer { repeated io.prometheus.client.MetricFamily family = 1; }";
/// The tag: field 1, of a length that follows.
const TAG: u8 = 0x0a;

/// Protoc and the definition, installed.
pub struct Protoc {
    protoc: PathBuf,
    definitions: Vec<PathBuf>,
}

impl Protoc {
    /// Finds them; nothing if they are not installed, in which case the test is to return.
    #[must_use]
    pub fn find(test: &str) -> Option<Self> {
        let definitions: Option<_> = DEFINITIONS.map(|folder| installed(test, folder)).into_iter().collect();
        Some(Self { protoc: program(test, "protoc")?, definitions: definitions? })
    }

    /// Decodes messages `MetricFamily` that have their length before each.
    ///
    /// # Errors
    ///
    /// When lengths or messages are none.
    ///
    /// # Panics
    ///
    /// When protoc cannot be run.
    pub fn decode(&self, delimited: &[u8]) -> Result<Vec<Message>, String> {
        let folder = Folder::new("protoc");
        fs::write(folder.path().join("answer.proto"), ANSWER).expect("the folder can be written");
        let mut command = Command::new(&self.protoc);
        for path in self.definitions.iter().map(PathBuf::as_path).chain([folder.path()]) {
            command.arg("--proto_path").arg(path);
        }
        command.args(["--decode=Answer", "answer.proto"]);
        let Filtered { success, output, said } = filter(&mut command, &tagged(delimited)?);
        if !success {
            return Err(said);
        }
        let text = String::from_utf8(output).expect("what is not ASCII is escaped");
        let answer = Message::parse(&mut text.lines());
        // Fields that the definition does not have are written as numbers.
        match text.lines().find(|line| line.trim_start().starts_with(|first: char| first.is_ascii_digit())) {
            None => Ok(answer.messages("family").cloned().collect()),
            Some(unknown) => Err(format!("not in the definition: {unknown}")),
        }
    }
}

/// Puts the tag before each message.
fn tagged(mut delimited: &[u8]) -> Result<Vec<u8>, String> {
    let mut tagged = Vec::new();
    while !delimited.is_empty() {
        let (length, digits) = varint(delimited).ok_or("a length without an end")?;
        let message = delimited.get(..digits + length).ok_or("a message without an end")?;
        tagged.push(TAG);
        tagged.extend_from_slice(message);
        delimited = &delimited[message.len()..];
    }
    Ok(tagged)
}

/// A number and how many bytes it takes.
fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let last = bytes.iter().take(5).position(|byte| byte & 0x80 == 0)?;
    let digits = bytes[..=last].iter().rev();
    Some((digits.fold(0, |number, byte| number << 7 | usize::from(byte & 0x7f)), last + 1))
}

/// A message: its fields in their order, repeated ones as often as they are there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message(Vec<(String, Field)>);

#[derive(Clone, Debug, PartialEq)]
enum Field {
    /// As protoc writes it, without quotes.
    Scalar(String),
    Message(Message),
}

impl Message {
    /// Reads the lines up to the end of a message.
    fn parse<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Self {
        let mut fields = Vec::new();
        while let Some(line) = lines.next().map(str::trim_start).filter(|line| *line != "}") {
            fields.push(match line.strip_suffix(" {") {
                Some(name) => (name.to_owned(), Field::Message(Self::parse(lines))),
                None => {
                    let (name, value) = line.split_once(": ").expect("a field has a name and a value");
                    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                    (name.to_owned(), Field::Scalar(quoted.map_or_else(|| value.to_owned(), unescape)))
                }
            });
        }
        Self(fields)
    }

    fn fields<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Field> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value)
    }

    /// The messages of a field.
    pub fn messages<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Self> {
        self.fields(name).filter_map(|field| match field {
            Field::Message(message) => Some(message),
            Field::Scalar(_) => None,
        })
    }

    /// The message of a field.
    #[must_use]
    pub fn message(&self, name: &str) -> Option<&Self> {
        self.messages(name).next()
    }

    /// The values of a field, as protoc writes them, texts without quotes and escapes.
    pub fn texts<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.fields(name).filter_map(|field| match field {
            Field::Scalar(value) => Some(value.as_str()),
            Field::Message(_) => None,
        })
    }

    /// The value of a field; nothing if it is not there.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).next()
    }

    /// The numbers of a field.
    ///
    /// # Panics
    ///
    /// When one is none of this type.
    pub fn numbers<N: FromStr>(&self, name: &str) -> impl Iterator<Item = N> {
        self.texts(name).map(|text| text.parse().ok().expect("a number of the field's type"))
    }

    /// The number of a field; nothing if it is not there.
    ///
    /// # Panics
    ///
    /// When it is none of this type.
    #[must_use]
    pub fn number<N: FromStr>(&self, name: &str) -> Option<N> {
        self.numbers(name).next()
    }
}

/// Takes C's escapes away, of which protoc writes octal ones for what is not ASCII.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let escaped = if byte == b'\\' { rest.next() } else { None };
        bytes.push(match escaped {
            None => byte,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(first @ b'0'..=b'7') => {
                let digits =
                    [Some(first), rest.next(), rest.next()].map(|digit| digit.unwrap_or(b'0') - b'0');
                digits.iter().fold(0, |byte, digit| byte << 3 | digit)
            }
            Some(other) => other,
        });
    }
    String::from_utf8(bytes).expect("texts are UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_with_all_that_it_has() {
        let text = "family {\n  name: \"a\\\"\\\\\\n\\303\\251\"\n  type: GAUGE\n  metric {\n    gauge {\n      \
                    value: -inf\n    }\n  }\n  metric {\n  }\n}\n";
        let answer = Message::parse(&mut text.lines());
        let family = answer.message("family").unwrap();
        assert_eq!((family.text("name"), family.text("type")), (Some("a\"\\\né"), Some("GAUGE")));
        assert_eq!(family.messages("metric").count(), 2);
        let gauge = family.message("metric").unwrap().message("gauge").unwrap();
        assert_eq!(gauge.number("value"), Some(f64::NEG_INFINITY));
        assert_eq!(gauge.number::<u64>("other"), None);
    }

    #[test]
    fn messages_are_told_apart_by_their_lengths() {
        let long = vec![7; 300];
        let delimited = [&[1, 9][..], &[0], &[0xac, 0x02], &long].concat();
        let expected = [&[TAG, 1, 9][..], &[TAG, 0], &[TAG, 0xac, 0x02], &long].concat();
        assert_eq!(tagged(&delimited), Ok(expected));
        assert!(tagged(&[2, 9]).is_err() && tagged(&[0x80]).is_err());
    }
}
