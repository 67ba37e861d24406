//! Names of samples in the text formats, and the labels behind them.

use crate::naming::{Escaping, Labels, open_label};

use super::escape::{unescape, write_escaped_name};

/// The name of samples, up to where their labels are. One that not every server takes is among them, in quotes.
pub(super) struct SampleName {
    text: Vec<u8>,
    is_quoted: bool,
}

impl SampleName {
    pub(super) fn new(name: &str, suffix: &str) -> Self {
        let is_quoted = needs_quotes(name);
        let mut text = Vec::with_capacity(name.len() + suffix.len() + 4);
        if is_quoted {
            text.extend_from_slice(b"{\"");
            write_escaped_name(name, &mut text);
            text.extend_from_slice(suffix.as_bytes());
            text.push(b'"');
        } else {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(suffix.as_bytes());
        }
        Self { text, is_quoted }
    }

    /// Writes the name and the labels, up to the value.
    #[inline]
    pub(super) fn write(&self, labels: &[u8], out: &mut Vec<u8>) {
        out.reserve(self.text.len() + labels.len() + 32);
        out.extend_from_slice(&self.text);
        if !self.is_quoted {
            out.extend_from_slice(labels);
        } else if let Some(labels) = labels.strip_prefix(b"{") {
            out.push(b',');
            out.extend_from_slice(labels);
        } else {
            out.extend_from_slice(b"} ");
        }
    }

    /// Writes the name, the labels and one more, up to where its value begins.
    pub(super) fn write_with(&self, labels: &[u8], label: &[u8], out: &mut Vec<u8>) {
        out.reserve(self.text.len() + labels.len() + label.len() + 32);
        out.extend_from_slice(&self.text);
        if !self.is_quoted {
            open_label(labels, label, out);
        } else if let Some(labels) = labels.strip_prefix(b"{") {
            out.push(b',');
            open_label(labels, label, out);
        } else {
            out.push(b',');
            out.extend_from_slice(label);
            out.extend_from_slice(b"=\"");
        }
    }
}

/// Whether a name is in quotes, which only servers that take all of UTF-8 read.
fn needs_quotes(name: &str) -> bool {
    let is_part = |byte: u8| byte == b'_' || byte == b':' || byte.is_ascii_alphanumeric();
    !name.bytes().all(is_part) || name.starts_with(|first: char| first.is_ascii_digit())
}

/// Writes the name of a family in a line about it.
pub(super) fn write_family_name(name: &str, out: &mut Vec<u8>) {
    if needs_quotes(name) {
        out.push(b'"');
        write_escaped_name(name, out);
        out.push(b'"');
    } else {
        out.extend_from_slice(name.as_bytes());
    }
}

/// Writes prepared labels with names that are escaped, each of them once.
pub(super) fn escape_labels(prepared: &[u8], escaping: Escaping, out: &mut Vec<u8>) {
    let mut taken: Vec<String> = Vec::with_capacity(12);
    out.clear();
    for (name, value) in Labels::of(prepared) {
        let mut plain = Vec::new();
        unescape(name, &mut plain);
        let mut name = escaping.escape(&String::from_utf8_lossy(&plain)).replace(':', "_");
        while taken.contains(&name) {
            name.push('_');
        }
        out.push(if taken.is_empty() { b'{' } else { b',' });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        out.extend_from_slice(value);
        out.push(b'"');
        taken.push(name);
    }
    out.extend_from_slice(if taken.is_empty() { b" " } else { b"} " });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, labels: &str) -> (String, String) {
        let name = SampleName::new(name, "_x");
        let (mut plain, mut with) = (Vec::new(), Vec::new());
        name.write(labels.as_bytes(), &mut plain);
        name.write_with(labels.as_bytes(), b"le", &mut with);
        (String::from_utf8(plain).unwrap(), String::from_utf8(with).unwrap())
    }

    #[test]
    fn names_that_need_it_are_quoted_among_the_labels() {
        assert_eq!(written("a", " "), ("a_x ".into(), "a_x{le=\"".into()));
        assert_eq!(written("a", "{b=\"c\"} "), ("a_x{b=\"c\"} ".into(), "a_x{b=\"c\",le=\"".into()));
        assert_eq!(written("a.b", " "), ("{\"a.b_x\"} ".into(), "{\"a.b_x\",le=\"".into()));
        assert_eq!(
            written("a\"", "{b=\"c\"} "),
            ("{\"a\\\"_x\",b=\"c\"} ".into(), "{\"a\\\"_x\",b=\"c\",le=\"".into())
        );
    }

    #[test]
    fn labels_that_become_one_stay_apart() {
        let mut out = Vec::new();
        escape_labels(b"{\"a.b\"=\"1\",a_b=\"2\",\"a:b\"=\"\\\"\"} ", Escaping::Underscores, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "{a_b=\"1\",a_b_=\"2\",a_b__=\"\\\"\"} ");
    }
}
