//! Flink's units beside ours.

use flowmeter::Unit;

/// What a unit of Flink's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlinkUnit {
    /// One with a code in UCUM.
    Ucum(&'static str),
    /// Things that are counted, or values that measure nothing.
    Count,
    /// None stated.
    None,
}

impl FlinkUnit {
    /// From the word in the list of Flink's metrics; nothing if it is none.
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            // Times since the epoch are times.
            "ms" | "epoch ms" => Self::Ucum("ms"),
            "us" => Self::Ucum("us"),
            "ns" => Self::Ucum("ns"),
            "ms/s" => Self::Ucum("ms/s"),
            "bytes" => Self::Ucum("By"),
            "bytes/s" => Self::Ucum("By/s"),
            "ratio" => Self::Ucum("1"),
            "percent" => Self::Ucum("%"),
            "buffers" | "classes" | "collections" | "count" | "failures" | "fds" | "files" | "keys"
            | "mails" | "records" | "segments" | "slots" | "splits" | "tasks" | "threads" | "timers" => {
                Self::Count
            }
            "buffers/s" | "failures/s" | "mails/s" | "records/s" | "timers/s" | "1/s" => Self::Count,
            "0/1" | "bool" | "id" | "offset" | "text" => Self::Count,
            "" => Self::None,
            _ => return None,
        })
    }

    /// Whether values in this unit can be those of a metric in ours, or with `is_rate` their rate. Who states no unit
    /// contradicts nobody.
    pub(super) fn fits(self, ours: &Unit, is_rate: bool) -> bool {
        if ours == &Unit::NONE {
            return true;
        }
        match self {
            Self::None => true,
            Self::Count => ours.is_annotation(),
            Self::Ucum(code) if is_rate => code.strip_suffix("/s") == Some(ours.as_str()),
            Self::Ucum(code) => code == ours.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_fit_the_same_and_those_that_say_nothing() {
        for (word, ours, is_rate, fits) in [
            ("ms", Unit::MILLISECONDS, false, true),
            ("epoch ms", Unit::MILLISECONDS, false, true),
            ("ms", Unit::NANOSECONDS, false, false),
            ("ms", Unit::NONE, false, true),
            ("ms", Unit::RECORDS, false, false),
            ("ratio", Unit::PERCENT, false, false),
            ("records", Unit::RECORDS, false, true),
            ("count", Unit::RATIO, false, false),
            ("", Unit::BYTES, false, true),
            ("bytes/s", Unit::new("By/s"), false, true),
            ("bytes/s", Unit::BYTES, false, false),
            ("bytes/s", Unit::BYTES, true, true),
            ("ms/s", Unit::MILLISECONDS, true, true),
            ("ms/s", Unit::NANOSECONDS, true, false),
            ("records/s", Unit::RECORDS, true, true),
        ] {
            let unit = FlinkUnit::of(word).expect("it is one");
            assert_eq!(unit.fits(&ours, is_rate), fits, "{word} and {ours}, {is_rate}");
        }
        assert_eq!(FlinkUnit::of("furlongs"), None);
    }
}
