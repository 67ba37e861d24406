//! What the text format asks to be escaped.

/// Writes a label value: backslashes, double quotes and line feeds are escaped.
pub(crate) fn write_label_value(value: &str, out: &mut Vec<u8>) {
    write_escaped(value, |byte| matches!(byte, b'\\' | b'"' | b'\n'), out);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unescape(text: &str) -> String {
        let mut characters = text.chars();
        let mut plain = String::new();
        while let Some(character) = characters.next() {
            plain.push(match character {
                '\\' => match characters.next() {
                    Some('n') => '\n',
                    Some(other) => other,
                    None => panic!("a backslash ends the text"),
                },
                other => other,
            });
        }
        plain
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_a_line_stays_one(text in "(\\PC|[\\\\\"\n])*") {
            let mut label = Vec::new();
            write_label_value(&text, &mut label);
            let label = String::from_utf8(label).unwrap();
            prop_assert!(!label.contains('\n'));
            prop_assert_eq!(unescape(&label), text.as_str());
            let mut help = Vec::new();
            write_help(&text, &mut help);
            let help = String::from_utf8(help).unwrap();
            prop_assert!(!help.contains('\n'));
            prop_assert_eq!(unescape(&help), text.as_str());
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
