//! Which exponential bucket a value falls into, exactly and without a logarithm.
//!
//! A bucket of scale `s` is `(2^(i / 2^s), 2^((i + 1) / 2^s)]`: its upper bound belongs to it, as in OTLP and in
//! Prometheus native histograms. An octave is what lies between two powers of two; at scale 5 it has 32 buckets.
//!
//! Within an octave only the mantissa matters. Its top six bits select one of 64 equal slices; a slice is narrower than
//! any bucket, so it holds at most one bound, and one comparison with that bound settles the bucket. All bounds but
//! the powers of two are irrational; the table holds them rounded down to 64 bits, which is exact for every `u64`
//! and for every `f64`.

/// The finest scale: 2^5 buckets an octave, each 2.2 % wide.
pub(super) const FINEST_SCALE: u32 = 5;
/// Buckets of an octave at [`FINEST_SCALE`].
pub(super) const PER_OCTAVE: usize = 1 << FINEST_SCALE;
/// Slices of an octave.
pub(super) const SLICES_PER_OCTAVE: u32 = 64;

/// `floor(2^63 * 2^(j / 32))`: the bucket bounds of an octave, as mantissas with the leading bit at the top.
const BOUNDS: [u64; PER_OCTAVE] = [
    0x8000_0000_0000_0000,
    0x82CD_8698_AC2B_A1D7,
    0x85AA_C367_CC48_7B14,
    0x8898_0E80_92DA_8527,
    0x8B95_C1E3_EA8B_D6E6,
    0x8EA4_398B_45CD_53C0,
    0x91C3_D373_AB11_C336,
    0x94F4_EFA8_FEF7_0961,
    0x9837_F051_8DB8_A96F,
    0x9B8D_39B9_D54E_5538,
    0x9EF5_3260_91A1_11AD,
    0xA270_4303_0C49_6818,
    0xA5FE_D6A9_B151_38EA,
    0xA9A1_5AB4_EA7C_0EF8,
    0xAD58_3EEA_42A1_4AC6,
    0xB123_F581_D2AC_258F,
    0xB504_F333_F9DE_6484,
    0xB8FB_AF47_62FB_9EE9,
    0xBD08_A39F_580C_36BE,
    0xC12C_4CCA_6670_9456,
    0xC567_2A11_5506_DADD,
    0xC9B9_BD86_6E2F_27A2,
    0xCE24_8C15_1F84_80E3,
    0xD2A8_1D91_F12A_E45A,
    0xD744_FCCA_D69D_6AF4,
    0xDBFB_B797_DAF2_3755,
    0xE0CC_DEEC_2A94_E111,
    0xE5B9_06E7_7C83_48A8,
    0xEAC0_C6E7_DD24_392E,
    0xEFE4_B99B_DCDA_F5CB,
    0xF525_7D15_2486_CC2C,
    0xFA83_B2DB_722A_033A,
];

/// For each slice: the bucket that its lower end is in, and one less than the bound above that bucket.
static SLICES: [(u8, u64); 64] = slices(0);
/// The same for floats, whose mantissas have no leading bit here and 12 zeros at the end.
static SLICES_F64: [(u8, u64); 64] = slices(1);

/// The table, with bounds without so many of their leading bits.
const fn slices(drop: u32) -> [(u8, u64); 64] {
    let mut slices = [(0, 0); 64];
    let mut slice = 0;
    while slice < 64 {
        let lower_end = 1 << 63 | (slice as u64) << 57;
        let mut bucket = 0;
        while bucket + 1 < PER_OCTAVE && BOUNDS[bucket + 1] <= lower_end {
            bucket += 1;
        }
        let above = if bucket + 1 < PER_OCTAVE { (BOUNDS[bucket + 1] - 1) << drop } else { u64::MAX };
        // Where the mantissa ends in zeros, "just below the value" ends in ones.
        let above = if drop > 0 { above.saturating_sub(0xFFF) } else { above };
        slices[slice] = (bucket as u8, above);
        slice += 1;
    }
    slices
}

/// Octave and bucket within it of a positive integer. The octave of 1 is -1: it is the upper end of (1/2, 1].
///
/// One less than the integer is looked up. That is what makes bounds belong to the bucket below them: a power of two
/// becomes the end of the octave before.
#[inline(always)]
pub(super) fn locate_u64(value: u64) -> (i32, usize) {
    if value <= 1 {
        return (-1, PER_OCTAVE - 1);
    }
    let zeros = (value - 1).leading_zeros();
    // A power of two shifts out of the word and wraps to all ones: the end of its octave.
    let below = (value << zeros).wrapping_sub(1);
    let (bucket, above) = SLICES[(below >> 57 & 63) as usize];
    (63 - zeros.cast_signed(), usize::from(bucket) + usize::from(below > above))
}

/// The slice of a number among all slices of all floats: 64 for each octave, beginning with those of the subnormal ones,
/// which it does not tell apart. Positive numbers that are finite and normal have slices of their own octaves;
/// all others are out of their range.
#[inline(always)]
pub(super) fn slice_f64(value: f64) -> u32 {
    (value.to_bits().wrapping_sub(1) >> 46) as u32
}

/// The bucket within its octave of a positive, finite and normal number.
#[inline(always)]
pub(super) fn within_octave_f64(value: f64) -> usize {
    let before = value.to_bits().wrapping_sub(1);
    let (bucket, above) = SLICES_F64[(before >> 46 & 63) as usize];
    usize::from(bucket) + usize::from(before << 12 > above)
}

/// The octave of any positive finite number, subnormal ones too.
pub(super) fn octave_f64(value: f64) -> i32 {
    let before = value.to_bits() - 1;
    match before >> 52 {
        0 if before == 0 => -1075,
        0 => 63 - before.leading_zeros().cast_signed() - 1074,
        biased => biased.cast_signed() as i32 - 1023,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Little-endian schoolbook arithmetic, just enough to raise a bound to the 32nd power.
    fn multiply(a: &[u64], b: &[u64]) -> Vec<u64> {
        let mut product = vec![0_u64; a.len() + b.len()];
        for (i, x) in a.iter().enumerate() {
            let mut carry = 0_u128;
            for (j, y) in b.iter().enumerate() {
                let sum = u128::from(*x) * u128::from(*y) + u128::from(product[i + j]) + carry;
                product[i + j] = sum as u64;
                carry = sum >> 64;
            }
            product[i + b.len()] = carry as u64;
        }
        product
    }

    fn power_32(bound: u64) -> Vec<u64> {
        let mut power = vec![bound];
        for _ in 0..5 {
            power = multiply(&power, &power);
        }
        power
    }

    /// Compares with `2^exponent`.
    fn exceeds_power_of_two(number: &[u64], exponent: usize) -> bool {
        let bits = number
            .iter()
            .rposition(|word| *word != 0)
            .map_or(0, |top| 64 * top + 64 - number[top].leading_zeros() as usize);
        let ones: u32 = number.iter().map(|word| word.count_ones()).sum();
        bits > exponent + 1 || (bits == exponent + 1 && ones > 1)
    }

    #[test]
    fn the_bounds_are_roots_of_two_rounded_down() {
        for (j, bound) in BOUNDS.iter().enumerate() {
            let exponent = 63 * 32 + j;
            assert!(!exceeds_power_of_two(&power_32(*bound), exponent), "bound {j} is too high");
            assert!(exceeds_power_of_two(&power_32(bound + 1), exponent), "bound {j} is too low");
        }
    }

    #[test]
    fn a_slice_holds_at_most_one_bound() {
        for slice in 0..64_u64 {
            let (low, high) = (1 << 63 | slice << 57, 1 << 63 | ((slice << 57) + (1 << 57) - 1));
            assert!(BOUNDS.iter().filter(|bound| (low + 1..=high).contains(bound)).count() <= 1);
        }
    }

    /// The bucket by its definition: how many bounds of the octave lie below the value.
    fn by_definition(value: u64) -> (i32, usize) {
        let octave = 63 - (value - 1).leading_zeros().cast_signed();
        let shift = 63 - octave;
        let scaled = u128::from(value) << shift;
        (octave, BOUNDS[1..].iter().filter(|bound| scaled > u128::from(**bound)).count())
    }

    #[test]
    fn every_bound_and_its_neighbours_are_in_their_buckets() {
        for octave in 1..63 {
            for bound in BOUNDS {
                let near = bound >> (63 - octave);
                for value in [near - 1, near, near + 1] {
                    if value > 1 {
                        assert_eq!(locate_u64(value), by_definition(value), "{value}");
                    }
                }
            }
        }
        assert_eq!(locate_u64(1), (-1, 31));
        assert_eq!(locate_u64(2), (0, 31));
        assert_eq!(locate_u64(3), (1, 18));
        assert_eq!(locate_u64(1 << 63), (62, 31));
        assert_eq!(locate_u64(u64::MAX), (63, 31));
    }

    fn locate_f64(value: f64) -> (i32, usize) {
        let octave = (slice_f64(value) / SLICES_PER_OCTAVE).cast_signed() - 1023;
        assert_eq!(octave, octave_f64(value));
        (octave, within_octave_f64(value))
    }

    #[test]
    fn floats_at_bounds_and_beside_them_are_in_their_buckets() {
        for (j, bound) in BOUNDS.iter().enumerate() {
            // The float at the bound, rounded down, and the next: only the second exceeds an irrational bound.
            let at = f64::from_bits(1023 << 52 | bound << 1 >> 12);
            let next = f64::from_bits(at.to_bits() + 1);
            let expected = if j == 0 { [(-1, 31), (0, 0)] } else { [(0, j - 1), (0, j)] };
            assert_eq!([locate_f64(at), locate_f64(next)], expected, "bound {j}");
        }
    }

    #[test]
    fn what_has_no_octave_is_out_of_the_range_of_slices() {
        let last = slice_f64(f64::MAX);
        assert_eq!(last, 2047 * 64 - 1);
        for value in [0.0, -0.0, -1.0, f64::NAN, -f64::NAN, f64::NEG_INFINITY] {
            assert!(slice_f64(value) > last, "{value}");
        }
        assert_eq!(
            slice_f64(f64::INFINITY),
            last,
            "the one exception, for which windows leave that octave out"
        );
    }

    proptest! {
        #[test]
        fn integers_are_where_the_definition_puts_them(value in 2_u64.., shift in 0_u32..62) {
            let value = (value >> shift).max(2);
            prop_assert_eq!(locate_u64(value), by_definition(value));
        }

        #[test]
        fn whole_floats_are_where_their_integers_are(value in 1_u64..1 << 53, shift in 0_u32..52) {
            let value = (value >> shift).max(1);
            prop_assert_eq!(locate_f64(value as f64), locate_u64(value));
        }

        #[test]
        fn scaling_a_float_by_two_moves_it_an_octave(value in 1.0_f64..2.0, octaves in -1000_i32..1000) {
            let (octave, bucket) = locate_f64(value);
            prop_assert_eq!(locate_f64(value * 2_f64.powi(octaves)), (octave + octaves, bucket));
            prop_assert_eq!(octave_f64(value * 2_f64.powi(octaves)), octave + octaves);
        }
    }

    #[test]
    fn subnormal_numbers_have_octaves_too() {
        let least = f64::from_bits(1);
        assert_eq!(octave_f64(least), -1075, "2^-1074 ends the octave below it");
        assert_eq!(octave_f64(f64::from_bits(2)), -1074);
        assert_eq!(octave_f64(f64::from_bits(3)), -1073);
        assert_eq!(octave_f64(f64::MIN_POSITIVE), -1023);
        assert_eq!(octave_f64(f64::MAX), 1023);
    }
}
