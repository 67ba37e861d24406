//! The line of statistics that each process and each thread has.
//!
//! By hand, because the parser of `procfs` panics at some lines, such as one that begins with a parenthesis. Fields are those
//! of [proc_pid_stat(5)](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html).

use super::source::number;

/// What is needed of it. Times are in clock ticks, memory in bytes or pages, as there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat<'a> {
    pub(crate) name: &'a str,
    pub(crate) minor_faults: u64,
    pub(crate) major_faults: u64,
    pub(crate) user: u64,
    pub(crate) system: u64,
    pub(crate) threads: u64,
    pub(crate) start: u64,
    pub(crate) virtual_memory: u64,
    pub(crate) resident_pages: u64,
}

impl<'a> Stat<'a> {
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        // A name may have parentheses and blanks in it; the last one closes it.
        let (before, after) = line.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let mut fields = after.split_ascii_whitespace();
        // The first is field 3.
        let minor_faults = number(&mut fields.by_ref().skip(7))?;
        let major_faults = number(&mut fields.by_ref().skip(1))?;
        let user = number(&mut fields.by_ref().skip(1))?;
        let system = number(&mut fields)?;
        let threads = number(&mut fields.by_ref().skip(4))?;
        let start = number(&mut fields.by_ref().skip(1))?;
        let virtual_memory = number(&mut fields)?;
        let resident_pages = number(&mut fields)?;
        // Without a field behind it, it may be cut.
        fields.next()?;
        Some(Self {
            name,
            minor_faults,
            major_faults,
            user,
            system,
            threads,
            start,
            virtual_memory,
            resident_pages,
        })
    }
}

/// Nanoseconds of some clock ticks.
pub(crate) fn nanoseconds(ticks: u64) -> u64 {
    ticks.saturating_mul(1_000_000_000 / procfs::ticks_per_second().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the manual page's fields, each with its own number.
    fn line(name: &str) -> String {
        let fields: Vec<_> = (4..=52).map(|field| field.to_string()).collect();
        format!("1 ({name}) S {}\n", fields.join(" "))
    }

    #[test]
    fn fields_are_where_the_manual_has_them() {
        for name in ["task", "", "a b", "a) S (b", "(((", "é"] {
            let expected = Stat {
                name,
                minor_faults: 10,
                major_faults: 12,
                user: 14,
                system: 15,
                threads: 20,
                start: 22,
                virtual_memory: 23,
                resident_pages: 24,
            };
            assert_eq!(Stat::parse(&line(name)), Some(expected), "{name}");
        }
    }

    #[test]
    fn what_is_cut_is_nothing() {
        let whole = line("task");
        let end = whole.find(" 24 ").unwrap() + 4; // The blank behind it.
        for length in 0..=end {
            assert_eq!(Stat::parse(&whole[..length]), None, "{}", &whole[..length]);
        }
        assert_eq!(Stat::parse("(x"), None);
        assert_eq!(Stat::parse(")("), None);
    }
}
