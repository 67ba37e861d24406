//! What the text formats ask to be escaped.

/// Writes a label value: backslashes, double quotes and line feeds are escaped.
pub(crate) fn write_label_value(value: &str, out: &mut Vec<u8>) {
    write_escaped(value, |byte| matches!(byte, b'\\' | b'"' | b'\n'), out);
}

/// Writes a name that is quoted, which has the same rules.
pub(crate) fn write_escaped_name(name: &str, out: &mut Vec<u8>) {
    write_label_value(name, out);
}

/// Writes a help text: backslashes and line feeds are escaped.
pub(crate) fn write_help(help: &str, out: &mut Vec<u8>) {
    write_escaped(help, |byte| matches!(byte, b'\\' | b'\n'), out);
}

fn write_escaped(text: &str, special: impl Fn(u8) -> bool, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some(position) = rest.iter().position(|byte| special(*byte)) {
        out.extend_from_slice(&rest[..position]);
        out.extend_from_slice(match rest[position] {
            b'\n' => b"\\n",
            b'"' => b"\\\"",
            _ => b"\\\\",
        });
        rest = &rest[position + 1..];
    }
    out.extend_from_slice(rest);
}

/// Writes an escaped name or value as it was.
pub(crate) fn unescape(escaped: &[u8], out: &mut Vec<u8>) {
    let mut rest = escaped;
    while let Some(position) = rest.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&rest[..position]);
        match rest.get(position + 1) {
            Some(b'n') => out.push(b'\n'),
            Some(other) => out.push(*other),
            None => {}
        }
        rest = rest.get(position + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unescaped(text: &[u8]) -> String {
        let mut plain = Vec::new();
        unescape(text, &mut plain);
        String::from_utf8(plain).unwrap()
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_a_line_stays_one(text in "(\\PC|[\\\\\"\n])*") {
            let mut label = Vec::new();
            write_label_value(&text, &mut label);
            prop_assert!(!label.contains(&b'\n'));
            prop_assert_eq!(unescaped(&label), text.as_str());
            let mut help = Vec::new();
            write_help(&text, &mut help);
            prop_assert!(!help.contains(&b'\n'));
            prop_assert_eq!(unescaped(&help), text.as_str());
        }
    }

    #[test]
    fn quotes_are_escaped_in_labels_only() {
        let (mut label, mut help) = (Vec::new(), Vec::new());
        write_label_value("a\"b\\c\nd", &mut label);
        write_help("a\"b\\c\nd", &mut help);
        assert_eq!(label, br#"a\"b\\c\nd"#);
        assert_eq!(help, br#"a"b\\c\nd"#);
    }
}
