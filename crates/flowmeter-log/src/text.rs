//! Words of a line, so that each is one word and the line is one line.

use std::fmt::Write as _;

use flowmeter_core::Number;

/// Writes a name as it is, or quoted if it would not be one word then.
pub(crate) fn write_word(text: &str, out: &mut String) {
    if !text.is_empty() && text.chars().all(is_of_word) {
        out.push_str(text);
    } else {
        write_quoted(text, out);
    }
}

fn is_of_word(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '=' | '|') && is_plain(c)
}

/// Whether a character is shown as it is: not one that ends a line, that a terminal obeys, or that turns the direction of writing.
fn is_plain(c: char) -> bool {
    c == '\'' || c.escape_debug().eq([c])
}

/// Writes a text in quotes, with Rust's escapes.
pub(crate) fn write_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        if is_plain(c) { out.push(c) } else { out.extend(c.escape_debug()) }
    }
    out.push('"');
}

/// Writes a number, a float so that it is told from an integer.
pub(crate) fn write_number(number: Number, out: &mut String) {
    match number {
        Number::F64(number) => write_float(number, out),
        integer => write_shown(format_args!("{integer}"), out),
    }
}

pub(crate) fn write_float(number: f64, out: &mut String) {
    write_shown(format_args!("{number:?}"), out);
}

/// Writes what is shown of something.
pub(crate) fn write_shown(shown: std::fmt::Arguments<'_>, out: &mut String) {
    // Memory takes all.
    let _ = out.write_fmt(shown);
}

/// Writes a number as Java's `toString` does.
pub(crate) fn write_java(number: Number, out: &mut String) {
    match number {
        Number::F64(number) => write_java_float(number, out),
        integer => write_number(integer, out),
    }
}

/// Writes a float as Java's `Double.toString` does.
pub(crate) fn write_java_float(number: f64, out: &mut String) {
    if number.is_infinite() {
        return out.push_str(if number > 0.0 { "Infinity" } else { "-Infinity" });
    }
    if number.is_nan() || number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        // Rust's way of telling floats from integers is Java's in this range.
        return write_float(number, out);
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    write_shown(format_args!("{digits}{point}E{exponent}"), out);
}

/// A text on one line and without what a terminal obeys, where the form has no escapes: Flink's.
pub(crate) fn on_one_line(text: &str) -> std::borrow::Cow<'_, str> {
    if text.chars().all(|c| is_plain(c) || matches!(c, '"' | '\\')) {
        text.into()
    } else {
        text.chars().map(|c| if is_plain(c) || matches!(c, '"' | '\\') { c } else { '_' }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn word(text: &str) -> String {
        let mut out = String::new();
        write_word(text, &mut out);
        out
    }

    fn java(number: f64) -> String {
        let mut out = String::new();
        write_java_float(number, &mut out);
        out
    }

    #[test]
    fn what_is_no_word_is_quoted() {
        for (text, expected) in [
            ("numRecordsIn", "numRecordsIn"),
            ("a.b-c_d:e,f'g", "a.b-c_d:e,f'g"),
            ("\u{e4}\u{1f980}", "\u{e4}\u{1f980}"),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("a=b", "\"a=b\""),
            ("a|b", "\"a|b\""),
            ("a\"b\\", "\"a\\\"b\\\\\""),
            ("a\nb\u{1b}[31m", "\"a\\nb\\u{1b}[31m\""),
            ("\u{202e}a", "\"\\u{202e}a\""),
            ("\u{2028}", "\"\\u{2028}\""),
        ] {
            assert_eq!(word(text), expected);
        }
    }

    #[test]
    fn java_has_its_own_spelling() {
        // As captured from Flink, and by the rules of `Double.toString`.
        for (number, expected) in [
            (265.466_666_666_666_64, "265.46666666666664"),
            (1_795_332_757_380.0, "1.79533275738E12"),
            (1e7, "1.0E7"),
            (0.001, "0.001"),
            (1.5e-9, "1.5E-9"),
            (-0.0, "-0.0"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(java(number), expected);
        }
    }

    #[test]
    fn one_line_stays_one() {
        assert_eq!(on_one_line("a \"b\" \\ \u{e4}"), "a \"b\" \\ \u{e4}");
        assert_eq!(on_one_line("a\nb\u{1b}"), "a_b_");
    }

    proptest! {
        #[test]
        fn words_are_one_word_of_one_line(text in any::<String>()) {
            let word = word(&text);
            let (one_line, one_word) = (['\n', '\r', '\u{1b}', '\u{2028}'], [' ', '=', '|', '"']);
            prop_assert!(!word.contains(one_line));
            prop_assert!(word.starts_with('"') || !word.contains(one_word));
        }

        #[test]
        fn floats_read_back_as_they_were(bits: u64) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            prop_assert_eq!(java(number).parse::<f64>().unwrap(), number);
            let mut out = String::new();
            write_float(number, &mut out);
            prop_assert_eq!(out.parse::<f64>().unwrap(), number);
        }
    }
}
