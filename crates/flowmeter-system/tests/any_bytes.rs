//! Any bytes in any of the files: nothing panics, and what is there makes sense.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use support::{FILES, Measured, Tree};

/// Files that are contents, not signs of something.
fn contents() -> impl Strategy<Value = &'static str> {
    let read: Vec<_> = FILES.iter().map(|(path, _)| *path).filter(|path| !path.contains("/fd/")).collect();
    proptest::sample::select(read)
}

/// What may be in a file: anything, pieces of what should be, or what should be with a part of it replaced.
#[derive(Clone, Debug)]
enum Odd {
    Bytes(Vec<u8>),
    Words(Vec<&'static str>),
    Spliced(prop::sample::Index, usize, Vec<u8>),
}

fn odd() -> impl Strategy<Value = Odd> {
    let words = [
        "0",
        "-1",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999",
        "1e300",
        "nan",
        "max",
        "cpu",
        "cpu0",
        "cpu99",
        "btime",
        "(",
        ")",
        "()",
        ":",
        "::",
        "/",
        "/..",
        "é",
        "\u{fffd}",
        "kB",
        "MemTotal:",
        "SwapFree:",
        "SwapTotal:",
        "VmHWM:",
        "VmSwap:",
        "Max open files",
        "read_bytes:",
        "usage_usec",
        "nr_periods",
        "eth0:",
        "vda",
        "bytes",
        "0::/",
        "-",
        "cgroup2",
        "\n",
        "\n",
        "\n",
        " ",
        "\t",
        "\0",
        ",",
        "1-0",
    ];
    prop_oneof![
        vec(any::<u8>(), 0..200).prop_map(Odd::Bytes),
        vec(proptest::sample::select(words.to_vec()), 0..60).prop_map(Odd::Words),
        (any::<prop::sample::Index>(), 0..40_usize, vec(any::<u8>(), 0..8))
            .prop_map(|(place, length, bytes)| Odd::Spliced(place, length, bytes)),
    ]
}

impl Odd {
    fn bytes(&self, path: &str) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Words(words) => words.join(" ").into_bytes(),
            Self::Spliced(place, length, bytes) => {
                let mut text = FILES.iter().find(|(known, _)| *known == path).unwrap().1.as_bytes().to_vec();
                let start = place.index(text.len() + 1);
                let end = (start + length).min(text.len());
                text.splice(start..end, bytes.iter().copied());
                text
            }
        }
    }
}

/// Counters, by the ends of their names, and what else can only be in some range.
fn check(
    before: &BTreeMap<String, f64>,
    measured: &Measured,
) -> Result<BTreeMap<String, f64>, TestCaseError> {
    let now: BTreeMap<_, _> = measured.capture.last().into_iter().collect();
    for (line, value) in &now {
        let name = line.split('{').next().unwrap();
        let is_percent = name.starts_with("taskmanager.System.CPU") && !name.contains("Load");
        prop_assert!(value.is_finite() && *value >= 0.0, "{line} is {value}");
        prop_assert!(!is_percent || *value <= 100.0, "{line} is {value}");
        prop_assert!(!name.ends_with("cpuLoad") || *value <= 1.0, "{line} is {value}");
        let is_counter = ["Time", "Bytes", "Faults", "Packets", ".reads", ".writes", "eriods"];
        if is_counter.iter().any(|end| name.ends_with(end)) && !name.ends_with("startTime") {
            let before = before.get(line).copied().unwrap_or_default();
            prop_assert!(*value >= before, "{line} went from {before} to {value}");
        }
    }
    Ok(now)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_what_is_there_makes_sense(
        at_first in vec((contents(), odd()), 0..4),
        later in vec((contents(), odd()), 1..6),
        flink_groups in any::<bool>(),
    ) {
        let tree = Tree::new();
        at_first.iter().for_each(|(path, odd)| tree.write(path, odd.bytes(path)));
        let measured = Measured::new(&tree.options().with_flink_groups(flink_groups));
        measured.report_after(0);
        let mut before = check(&BTreeMap::new(), &measured)?;
        later.iter().for_each(|(path, odd)| tree.write(path, odd.bytes(path)));
        for _ in 0..2 {
            measured.report_after(10);
            before = check(&before, &measured)?;
        }
        FILES.iter().for_each(|(path, text)| tree.write(path, text));
        for _ in 0..3 {
            measured.report_after(10);
            before = check(&before, &measured)?;
        }
        prop_assert!(measured.value("process.residentMemory").is_some());
        prop_assert!(measured.value("System.Memory.Total").is_some());
    }
}
