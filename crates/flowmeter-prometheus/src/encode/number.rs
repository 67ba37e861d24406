//! Numbers as Prometheus reads them.

use flowmeter_core::Number;

/// Writes a number, divided by a power of ten. Integers are converted exactly, digit by digit.
#[inline]
pub(crate) fn write_number(number: Number, decimals: u32, out: &mut Vec<u8>) {
    match number {
        Number::U64(number) if decimals == 0 => write_u64(number, out),
        Number::U64(number) => write_decimal(number, decimals, out),
        Number::I64(number) => {
            if number < 0 {
                out.push(b'-');
            }
            write_decimal(number.unsigned_abs(), decimals, out);
        }
        Number::F64(number) if decimals == 0 => write_f64(number, out),
        Number::F64(number) => write_f64(number / 10_f64.powi(decimals.cast_signed()), out),
    }
}

#[inline]
pub(crate) fn write_u64(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

pub(crate) fn write_f64(number: f64, out: &mut Vec<u8>) {
    if number.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    }
}

/// Writes the bound of a bucket, as the [canonical form] of OpenMetrics has it: as Go's `%g`, with `.0` behind whole numbers.
/// Servers that take labels as they come tell buckets apart by it.
///
/// [canonical form]: https://prometheus.io/docs/specs/om/open_metrics_spec/#considerations-canonical-numbers
pub(super) fn write_bound(number: f64, out: &mut Vec<u8>) {
    if !number.is_finite() {
        return write_f64(number, out);
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) || number == 0.0 {
        return out.extend_from_slice(format!("{number:?}").as_bytes());
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    out.extend_from_slice(format!("{digits}e{sign}{:02}", exponent.abs()).as_bytes());
}

/// Writes a number as Java's `Double.toString` does, but infinities as Prometheus reads them.
pub(super) fn write_java_f64(number: f64, out: &mut Vec<u8>) {
    let size = number.abs();
    if !number.is_finite() {
        return write_f64(number, out);
    }
    if number == 0.0 || (1e-3..1e7).contains(&size) {
        // Rust's way of telling floats from integers is Java's in this range.
        return out.extend_from_slice(format!("{number:?}").as_bytes());
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    out.extend_from_slice(digits.as_bytes());
    if !digits.contains('.') {
        out.extend_from_slice(b".0");
    }
    out.push(b'E');
    out.extend_from_slice(exponent.as_bytes());
}

fn write_decimal(number: u64, decimals: u32, out: &mut Vec<u8>) {
    let unit = 10_u64.pow(decimals);
    write_u64(number / unit, out);
    let mut fraction = number % unit;
    if fraction == 0 {
        return;
    }
    out.push(b'.');
    let mut place = unit / 10;
    while fraction > 0 {
        out.push(b'0' + (fraction / place) as u8);
        fraction %= place;
        place /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(number: Number, decimals: u32) -> String {
        let mut out = Vec::new();
        write_number(number, decimals, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_spelled_as_prometheus_wants_them() {
        for (number, decimals, expected) in [
            (Number::U64(0), 9, "0"),
            (Number::U64(1_500_000_000), 9, "1.5"),
            (Number::U64(1), 9, "0.000000001"),
            (Number::U64(u64::MAX), 9, "18446744073.709551615"),
            (Number::U64(u64::MAX), 0, "18446744073709551615"),
            (Number::I64(i64::MIN), 3, "-9223372036854775.808"),
            (Number::I64(-7), 0, "-7"),
            (Number::F64(0.0), 0, "0.0"),
            (Number::F64(-0.0), 0, "-0.0"),
            (Number::F64(1e300), 0, "1e+300"),
            (Number::F64(f64::NAN), 0, "NaN"),
            (Number::F64(f64::INFINITY), 3, "+Inf"),
            (Number::F64(f64::NEG_INFINITY), 0, "-Inf"),
            (Number::F64(250.0), 3, "0.25"),
        ] {
            assert_eq!(written(number, decimals), expected);
        }
    }

    #[test]
    fn bounds_are_in_canonical_form() {
        for (number, expected) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (0.25, "0.25"),
            (-2.5, "-2.5"),
            (65_536.0, "65536.0"),
            (4_194_304.0, "4.194304e+06"),
            (1e6, "1e+06"),
            (0.0001, "0.0001"),
            (0.000_015_258_789_062_5, "1.52587890625e-05"),
            (2_f64.powi(-20), "9.5367431640625e-07"),
            (1e-300, "1e-300"),
            (f64::INFINITY, "+Inf"),
        ] {
            let mut out = Vec::new();
            write_bound(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn java_has_its_own_spelling() {
        // As captured from Flink, and by the rules of `Double.toString`.
        for (number, expected) in [
            (1_795_332_757_380.0, "1.79533275738E12"),
            (94.0, "94.0"),
            (250.133_333_333_333_33, "250.13333333333333"),
            (1.5e-9, "1.5E-9"),
            (1e7, "1.0E7"),
            (9_999_999.5, "9999999.5"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (-0.0, "-0.0"),
            (0.0, "0.0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
        ] {
            let mut out = Vec::new();
            write_java_f64(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    proptest! {
        #[test]
        fn integers_are_divided_exactly(number: u64, decimals in 0_u32..=9) {
            let text = written(Number::U64(number), decimals);
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let digits = format!("{whole}{fraction:0<width$}", width = decimals as usize);
            prop_assert_eq!(digits.parse::<u64>().unwrap(), number);
            prop_assert!(!fraction.ends_with('0'));
        }

        #[test]
        fn floats_read_back_as_they_were(bits: u64) {
            let number = f64::from_bits(bits);
            let read: f64 = written(Number::F64(number), 0).parse().unwrap();
            prop_assert!(read.to_bits() == number.to_bits() || (read.is_nan() && number.is_nan()));
        }
    }
}
