//! The families of a text, with what its comments say of them.

use std::collections::{BTreeMap, BTreeSet};

use flowmeter_testkit::exposition::{Sample, parse};

/// Families by name.
pub(crate) type Families = BTreeMap<String, Family>;

/// A family of one of the two texts.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) help: String,
    pub(crate) kind: String,
    pub(crate) samples: Vec<Sample>,
}

/// The name of a sample, and its labels: what it is the value of.
pub(crate) type Series<'a> = (&'a str, &'a BTreeMap<String, String>);

impl Family {
    pub(crate) fn series(&self) -> BTreeSet<Series<'_>> {
        self.samples.iter().map(|sample| (&*sample.name, &sample.labels)).collect()
    }

    /// Values as they were written.
    pub(crate) fn values(&self) -> BTreeMap<Series<'_>, &str> {
        self.samples.iter().map(|sample| ((&*sample.name, &sample.labels), &*sample.value)).collect()
    }

    /// The names of samples, each with the keys of its labels.
    pub(crate) fn keys(&self) -> BTreeSet<(&str, Vec<&str>)> {
        let keys = self.samples.iter().map(|sample| sample.labels.keys().map(String::as_str).collect());
        self.samples.iter().map(|sample| &*sample.name).zip(keys).collect()
    }
}

/// Reads a text strictly.
pub(crate) fn families(text: &str) -> Families {
    let samples = parse(text).unwrap_or_else(|error| panic!("{error}"));
    let mut families = Families::new();
    for line in text.lines() {
        let Some((what, rest)) = line.strip_prefix("# ").and_then(|comment| comment.split_once(' ')) else {
            continue;
        };
        let (name, said) = rest.split_once(' ').expect("comments have several words");
        match what {
            "HELP" => said.clone_into(&mut families.entry(name.to_owned()).or_default().help),
            "TYPE" => said.clone_into(&mut families.entry(name.to_owned()).or_default().kind),
            _ => {}
        }
    }
    for sample in samples {
        // The strict reader has seen that the comments of a sample's family are before it.
        let count_of = sample.name.strip_suffix("_count");
        let name = count_of.filter(|_| !families.contains_key(&sample.name)).unwrap_or(&sample.name);
        families.get_mut(name).expect("a sample has a family").samples.push(sample);
    }
    families
}
