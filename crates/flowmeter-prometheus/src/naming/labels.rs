//! The labels of a group, as they are prepared: in the text format, from which others are made.

use flowmeter_core::GroupView;

use super::{Names, is_label_name};
use crate::encode::escape::{write_escaped_name, write_label_value as write_value};

pub(crate) use crate::encode::escape::write_label_value;

/// Writes `{host="h",tm_id="tm-1"} `, or a blank where a group has no labels.
pub(super) fn write(names: &dyn Names, group: &GroupView<'_>, out: &mut Vec<u8>) {
    let mut taken: Vec<String> = Vec::with_capacity(12);
    for (key, value) in group.variables() {
        let value = names.label_value(value);
        // An empty label is the same as none.
        if value.is_empty() {
            continue;
        }
        let mut label = String::new();
        names.label_name(key, &mut label);
        make_acceptable(&mut label, &taken);
        out.push(if taken.is_empty() { b'{' } else { b',' });
        write_name(&label, out);
        out.extend_from_slice(b"=\"");
        write_value(&value, out);
        out.push(b'"');
        taken.push(label);
    }
    out.extend_from_slice(if taken.is_empty() { b" " } else { b"} " });
}

/// Writes a name of a label, in quotes if some servers do not take it.
fn write_name(label: &str, out: &mut Vec<u8>) {
    if is_label_name(label) {
        out.extend_from_slice(label.as_bytes());
    } else {
        out.push(b'"');
        write_escaped_name(label, out);
        out.push(b'"');
    }
}

/// Makes a label one that Prometheus does not keep for itself and that none of `taken` is: two variables may differ only
/// in what labels cannot show.
fn make_acceptable(label: &mut String, taken: &[String]) {
    // Those that begin with two underscores are Prometheus' own.
    while label.starts_with("__") {
        label.remove(0);
    }
    if label.is_empty() {
        label.push_str("label");
    }
    // Histogram buckets, summary quantiles and text gauges have labels of their own.
    let is_taken = |label: &str| {
        taken.iter().any(|taken| taken == label) || ["le", "quantile", "value"].contains(&label)
    };
    if is_taken(label) {
        let numbered = (2_usize..).map(|number| format!("{label}_{number}"));
        *label = numbered.into_iter().find(|label| !is_taken(label)).unwrap_or_default();
    }
}

/// Writes the labels of a group and one more label up to where its value begins.
pub(crate) fn open_label(labels: &[u8], label: &[u8], out: &mut Vec<u8>) {
    match labels.strip_suffix(b"} ") {
        Some(labels) => {
            out.extend_from_slice(labels);
            if !labels.ends_with(b",") {
                out.push(b',');
            }
        }
        None => out.push(b'{'),
    }
    out.extend_from_slice(label);
    out.extend_from_slice(b"=\"");
}

/// Reads prepared labels: each as its name and its value, both as they are escaped in the text format.
#[derive(Clone, Debug)]
pub(crate) struct Labels<'a>(&'a [u8]);

impl<'a> Labels<'a> {
    pub(crate) fn of(prepared: &'a [u8]) -> Self {
        Self(prepared.strip_prefix(b"{").unwrap_or_default())
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = match self.0.strip_prefix(b"\"") {
            Some(quoted) => {
                split_at_quote(quoted).and_then(|(name, rest)| Some((name, rest.strip_prefix(b"=")?)))?
            }
            None => {
                let equals = self.0.iter().position(|byte| *byte == b'=')?;
                (&self.0[..equals], &self.0[equals + 1..])
            }
        };
        let (value, rest) = split_at_quote(rest.strip_prefix(b"\"")?)?;
        self.0 = rest.get(1..).unwrap_or_default();
        Some((name, value))
    }
}

/// What is before the next quote that is not escaped, and what is after it.
fn split_at_quote(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut end = 0;
    loop {
        match text.get(end)? {
            b'"' => return Some((&text[..end], &text[end + 1..])),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::NativeNames;
    use super::*;
    use proptest::prelude::*;

    fn native(key: &str, taken: &[String]) -> String {
        let mut label = String::new();
        NativeNames.label_name(key, &mut label);
        make_acceptable(&mut label, taken);
        label
    }

    #[test]
    fn labels_that_prometheus_uses_itself_are_not_taken() {
        for reserved in ["le", "quantile", "value"] {
            assert_eq!(native(reserved, &[]), format!("{reserved}_2"));
        }
        let mut label = "__name__".to_owned();
        make_acceptable(&mut label, &[]);
        assert_eq!(label, "_name__");
    }

    proptest! {
        #[test]
        fn labels_are_valid_and_distinct(keys in prop::collection::vec("\\PC{0,8}", 0..20)) {
            let mut labels = Vec::new();
            for key in &keys {
                labels.push(native(key, &labels));
            }
            for (i, label) in labels.iter().enumerate() {
                prop_assert!(is_label_name(label));
                prop_assert!(!label.starts_with("__"), "reserved by Prometheus");
                prop_assert!(!labels[..i].contains(label));
            }
        }

        #[test]
        fn labels_read_back(pairs in prop::collection::vec(("\\PC{1,8}", any::<String>()), 0..8)) {
            let mut prepared = Vec::new();
            for (i, (name, value)) in pairs.iter().enumerate() {
                prepared.push(if i == 0 { b'{' } else { b',' });
                write_name(name, &mut prepared);
                prepared.extend_from_slice(b"=\"");
                write_value(value, &mut prepared);
                prepared.push(b'"');
            }
            prepared.extend_from_slice(if pairs.is_empty() { b" " } else { b"} " });
            let read = |escaped: &[u8]| {
                let mut text = Vec::new();
                crate::encode::escape::unescape(escaped, &mut text);
                String::from_utf8(text).unwrap()
            };
            let labels: Vec<_> = Labels::of(&prepared).map(|(name, value)| (read(name), read(value))).collect();
            prop_assert_eq!(labels, pairs);
        }

        #[test]
        fn nothing_makes_the_reader_panic(text in prop::collection::vec(any::<u8>(), 0..40)) {
            Labels::of(&text).for_each(drop);
        }
    }
}
