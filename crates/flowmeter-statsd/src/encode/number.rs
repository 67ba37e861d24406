//! Numbers as daemons read them.

use std::io::Write as _;

use flowmeter_core::Number;

/// Writes a number that is finite, without an exponent for integers, in as few digits as tell it from others.
#[inline]
pub(crate) fn write_number(number: Number, out: &mut Vec<u8>) {
    match number {
        Number::U64(number) => write_u64(number, out),
        Number::I64(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Number::F64(number) => write_f64(number, out),
    }
}

#[inline]
pub(crate) fn write_u64(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Writes a float that is finite. A zero has no sign, which would make it a change.
pub(crate) fn write_f64(number: f64, out: &mut Vec<u8>) {
    if number == 0.0 {
        return out.push(b'0');
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(number);
    out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
}

/// Writes a number as Java's `toString` does.
pub(crate) fn write_java(number: Number, out: &mut Vec<u8>) {
    match number {
        Number::F64(number) => write_java_f64(number, out),
        integer => write_number(integer, out),
    }
}

/// Writes a float as Java's `Double.toString` does.
pub(crate) fn write_java_f64(number: f64, out: &mut Vec<u8>) {
    if number.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    if number.is_infinite() {
        return out.extend_from_slice(if number > 0.0 { b"Infinity" } else { b"-Infinity" });
    }
    let start = out.len();
    if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        // Rust's way of telling floats from integers is Java's in this range.
        return write_shown(format_args!("{number:?}"), out);
    }
    write_shown(format_args!("{number:e}"), out);
    if let Some(exponent) = out[start..].iter().position(|byte| *byte == b'e') {
        out[start + exponent] = b'E';
        if !out[start..].contains(&b'.') {
            out.splice(start + exponent..start + exponent, *b".0");
        }
    }
}

/// Writes what is shown of something.
pub(crate) fn write_shown(shown: std::fmt::Arguments<'_>, out: &mut Vec<u8>) {
    // Memory takes all.
    let _ = out.write_fmt(shown);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(number: Number) -> String {
        let mut out = Vec::new();
        write_number(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn java(number: f64) -> String {
        let mut out = Vec::new();
        write_java_f64(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_short_and_zeros_have_no_sign() {
        for (number, expected) in [
            (Number::U64(u64::MAX), "18446744073709551615"),
            (Number::I64(i64::MIN), "-9223372036854775808"),
            (Number::F64(0.0), "0"),
            (Number::F64(-0.0), "0"),
            (Number::F64(-2.0), "-2"),
            (Number::F64(0.1), "0.1"),
            (Number::F64(1e21), "1e+21"),
            (Number::F64(5e-324), "5e-324"),
        ] {
            assert_eq!(written(number), expected);
        }
    }

    #[test]
    fn java_has_its_own_spelling() {
        // As captured from Flink, and by the rules of `Double.toString`.
        for (number, expected) in [
            (1_795_332_757_380.0, "1.79533275738E12"),
            (94.0, "94.0"),
            (1.5e-9, "1.5E-9"),
            (1e7, "1.0E7"),
            (0.001, "0.001"),
            (-0.0, "-0.0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(java(number), expected);
        }
    }

    proptest! {
        #[test]
        fn floats_read_back_as_they_were(bits: u64) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            prop_assert_eq!(written(Number::F64(number)).parse::<f64>().unwrap(), number);
            prop_assert_eq!(java(number).parse::<f64>().unwrap(), number);
        }
    }
}
