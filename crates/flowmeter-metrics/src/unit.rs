//! Units of the facade, and of flowmeter.

use flowmeter_core::Unit;
use metrics::Unit as FacadeUnit;

/// Both spellings of a unit. Counts are counts of something, which the facade does not name.
const UNITS: &[(FacadeUnit, &str)] = &[
    (FacadeUnit::Count, "{count}"),
    (FacadeUnit::Percent, "%"),
    (FacadeUnit::Seconds, "s"),
    (FacadeUnit::Milliseconds, "ms"),
    (FacadeUnit::Microseconds, "us"),
    (FacadeUnit::Nanoseconds, "ns"),
    (FacadeUnit::Tebibytes, "TiBy"),
    (FacadeUnit::Gibibytes, "GiBy"),
    (FacadeUnit::Mebibytes, "MiBy"),
    (FacadeUnit::Kibibytes, "KiBy"),
    (FacadeUnit::Bytes, "By"),
    (FacadeUnit::TerabitsPerSecond, "Tbit/s"),
    (FacadeUnit::GigabitsPerSecond, "Gbit/s"),
    (FacadeUnit::MegabitsPerSecond, "Mbit/s"),
    (FacadeUnit::KilobitsPerSecond, "kbit/s"),
    (FacadeUnit::BitsPerSecond, "bit/s"),
    (FacadeUnit::CountPerSecond, "1/s"),
];

/// The UCUM code of a unit of the facade.
pub(crate) fn from_facade(unit: FacadeUnit) -> Unit {
    let known = UNITS.iter().find(|(facade, _)| *facade == unit);
    known.map_or(Unit::NONE, |(_, ucum)| Unit::new(ucum))
}

/// The unit of the facade that says the same, if it has one.
pub(crate) fn to_facade(unit: &Unit) -> Option<FacadeUnit> {
    if unit.is_annotation() && !unit.as_str().is_empty() {
        return Some(FacadeUnit::Count);
    }
    UNITS.iter().find(|(_, ucum)| *ucum == unit.as_str()).map(|(facade, _)| *facade)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_of_the_facade_comes_back() {
        for (facade, _) in UNITS {
            assert_eq!(to_facade(&from_facade(*facade)), Some(*facade));
        }
        // What the facade has beside them would show here: it lists its units in this order, from zero.
        assert_eq!(UNITS.len(), FacadeUnit::CountPerSecond as usize + 1);
    }

    #[test]
    fn what_is_counted_is_a_count_and_what_has_no_unit_has_none() {
        assert_eq!(to_facade(&Unit::RECORDS), Some(FacadeUnit::Count));
        assert_eq!(to_facade(&Unit::NONE), None);
        assert_eq!(to_facade(&Unit::MILLISECONDS_PER_SECOND), None);
    }
}
