//! Exemplars, as readers see them.

use std::collections::BTreeMap;

use serde_json::Value;

/// An exemplar as some reader has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
    /// Its time, in seconds since the Unix epoch.
    pub timestamp: Option<f64>,
}

/// The labels in an object of JSON.
pub(crate) fn labels_of(labels: &Value) -> BTreeMap<String, String> {
    let labels = labels.as_object().expect("labels are an object");
    let pair = |(key, value): (&String, &Value)| (key.clone(), value.as_str().expect("a text").to_owned());
    labels.iter().map(pair).collect()
}
