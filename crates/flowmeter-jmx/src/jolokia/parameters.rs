//! How a request is to be answered.

use serde_json::Value as Json;

use super::json::Limits;
use super::problem::Problem;

/// What of exceptions is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Traces {
    All,
    /// Those of Java's runtime exceptions, which mean that the request was wrong.
    Runtime,
    None,
}

/// How a request is to be answered: from the query of the URL, and for each request of a body from its `config`.
#[derive(Clone, Debug)]
pub(super) struct Parameters {
    pub(super) limits: Limits,
    pub(super) longs_as_texts: bool,
    pub(super) ignore_errors: bool,
    pub(super) traces: Traces,
    pub(super) serialize_exception: bool,
    pub(super) canonical_naming: bool,
    pub(super) include_request: bool,
    pub(super) list_keys: bool,
    /// The second of the Unix epoch from which on a change of beans is news; 0 where all is.
    pub(super) modified_since: u64,
    /// A value that is none, which the request ends with.
    pub(super) problem: Option<Problem>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            longs_as_texts: false,
            ignore_errors: false,
            traces: Traces::All,
            serialize_exception: false,
            canonical_naming: true,
            include_request: true,
            list_keys: false,
            modified_since: 0,
            problem: None,
        }
    }
}

impl Parameters {
    /// Sets one. Those that are unknown are for other agents.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let is_true = value.eq_ignore_ascii_case("true");
        match name {
            "maxDepth" => self.limits.depth = self.number(value),
            "maxCollectionSize" => self.limits.collection = self.number(value),
            "maxObjects" => self.limits.objects = self.number(value),
            "ifModifiedSince" => self.modified_since = self.number(value) as u64,
            "serializeLong" => self.longs_as_texts = value == "string",
            "ignoreErrors" => self.ignore_errors = is_true,
            "serializeException" => self.serialize_exception = is_true,
            "canonicalNaming" => self.canonical_naming = is_true,
            "includeRequest" => self.include_request = is_true,
            "listKeys" => self.list_keys = is_true,
            "includeStackTrace" => {
                self.traces = match value {
                    "runtime" => Traces::Runtime,
                    _ if is_true => Traces::All,
                    _ => Traces::None,
                }
            }
            _ => {}
        }
    }

    /// These with those of a request on top.
    pub(super) fn with(&self, config: Option<&Json>) -> Self {
        let mut parameters = self.clone();
        for (name, value) in config.and_then(Json::as_object).into_iter().flatten() {
            match value {
                Json::String(text) => parameters.set(name, text),
                Json::Null => {}
                value => parameters.set(name, &value.to_string()),
            }
        }
        parameters
    }

    /// A number as Java's `int`, of which those below zero are no limit either.
    fn number(&mut self, text: &str) -> usize {
        match text.parse::<i32>() {
            Ok(number) => usize::try_from(number).unwrap_or(0),
            Err(_) => {
                self.problem.get_or_insert(Problem::number_format(text));
                0
            }
        }
    }
}
