//! Which metrics and which groups a reporter gets.

use std::str::FromStr;

use crate::{Family, GroupView, MetricKind};

/// Which metrics a reporter gets, in the terms of Flink's `filter.includes` and `filter.excludes`.
///
/// A pattern is `scope`, `scope:names` or `scope:names:types`. The scope is matched against the logical scope, such as
/// `taskmanager.job.task`; scope and names may be several, with commas between them, and `*` stands for any characters,
/// dots too. All else stands for itself. Types are `counter` (up-down counters too), `meter`, `gauge` and `histogram`, or `*`.
///
/// A metric is dropped if an exclude matches it, and kept if an include does or there is none.
///
/// ```
/// use flowmeter_core::MetricFilter;
///
/// let filter = MetricFilter::default()
///     .including("taskmanager.job.*:numRecords*,numBytes*:counter,meter")?
///     .excluding("*.operator:*:histogram")?;
/// # Ok::<(), flowmeter_core::ParseFilterError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricFilter {
    includes: Vec<Pattern>,
    excludes: Vec<Pattern>,
}

impl MetricFilter {
    /// Keeps what a pattern matches.
    ///
    /// # Errors
    ///
    /// When it is no pattern.
    pub fn including(mut self, pattern: &str) -> Result<Self, ParseFilterError> {
        self.includes.push(pattern.parse()?);
        Ok(self)
    }

    /// Drops what a pattern matches.
    ///
    /// # Errors
    ///
    /// When it is no pattern.
    pub fn excluding(mut self, pattern: &str) -> Result<Self, ParseFilterError> {
        self.excludes.push(pattern.parse()?);
        Ok(self)
    }

    /// Whether a family passes.
    #[must_use]
    pub fn keeps(&self, family: &Family) -> bool {
        let matches = |pattern: &Pattern| pattern.matches(family);
        !self.excludes.iter().any(matches) && (self.includes.is_empty() || self.includes.iter().any(matches))
    }
}

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseFilterError {
    /// A type that no metric has.
    #[error(
        "`{name}` in `{pattern}` is no type of metrics: give `counter`, `meter`, `gauge`, `histogram` or `*`"
    )]
    UnknownType {
        /// The type.
        name: String,
        /// The pattern that has it.
        pattern: String,
    },

    /// More than scope, names and types.
    #[error("`{pattern}` has too many parts: give `scope`, `scope:names` or `scope:names:types`")]
    TooManyParts {
        /// The pattern.
        pattern: String,
    },

    /// Nothing between two separators.
    #[error("`{pattern}` has an empty part: give `*` for anything")]
    EmptyPart {
        /// The pattern.
        pattern: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    scopes: Vec<Glob>,
    names: Vec<Glob>,
    /// None for all.
    kinds: Option<Vec<MetricKind>>,
}

impl Pattern {
    fn matches(&self, family: &Family) -> bool {
        let kind = self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&family.kind()));
        let any = |globs: &[Glob], text: &str| globs.iter().any(|glob| glob.matches(text));
        kind && any(&self.scopes, family.logical_scope()) && any(&self.names, family.name())
    }
}

impl FromStr for Pattern {
    type Err = ParseFilterError;

    fn from_str(pattern: &str) -> Result<Self, ParseFilterError> {
        let mut parts = pattern.split(':');
        let mut part = || parts.next().unwrap_or("*").split(',').map(str::trim).collect::<Vec<_>>();
        let (scopes, names, types) = (part(), part(), part());
        if parts.next().is_some() {
            return Err(ParseFilterError::TooManyParts { pattern: pattern.to_owned() });
        }
        if [&scopes, &names, &types].into_iter().flatten().any(|part| part.is_empty()) {
            return Err(ParseFilterError::EmptyPart { pattern: pattern.to_owned() });
        }
        let globs = |parts: Vec<&str>| parts.into_iter().map(Glob::new).collect();
        let mut kinds = Some(Vec::new());
        for name in types {
            match (kinds_of(name), &mut kinds) {
                (Some([]), _) => kinds = None,
                (Some(more), Some(kinds)) => kinds.extend_from_slice(more),
                (Some(_), None) => {}
                (None, _) => {
                    let (name, pattern) = (name.to_owned(), pattern.to_owned());
                    return Err(ParseFilterError::UnknownType { name, pattern });
                }
            }
        }
        Ok(Self { scopes: globs(scopes), names: globs(names), kinds })
    }
}

/// The kinds of a type in a pattern; an empty list for all of them.
fn kinds_of(name: &str) -> Option<&'static [MetricKind]> {
    Some(match &*name.to_ascii_lowercase() {
        "*" => &[],
        // In Flink's terms a counter may go down.
        "counter" => &[MetricKind::Counter, MetricKind::UpDownCounter],
        "meter" => &[MetricKind::Meter],
        "gauge" => &[MetricKind::Gauge],
        "histogram" => &[MetricKind::Histogram],
        _ => return None,
    })
}

/// Which groups a reporter gets, by their variables.
///
/// A group is dropped if an exclude matches one of its variables, and kept if an include does or there is none. `*` in
/// a value stands for any characters.
///
/// ```
/// use flowmeter_core::VariableFilter;
///
/// let filter = VariableFilter::default().including("tm_id", "tm-*").excluding("job_name", "test-*");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariableFilter {
    includes: Vec<(String, Glob)>,
    excludes: Vec<(String, Glob)>,
}

impl VariableFilter {
    /// Keeps groups in which a variable has such a value.
    #[must_use]
    pub fn including(mut self, key: impl Into<String>, value: &str) -> Self {
        self.includes.push((key.into(), Glob::new(value)));
        self
    }

    /// Drops groups in which a variable has such a value.
    #[must_use]
    pub fn excluding(mut self, key: impl Into<String>, value: &str) -> Self {
        self.excludes.push((key.into(), Glob::new(value)));
        self
    }

    /// Whether a group passes.
    #[must_use]
    pub fn keeps(&self, group: &GroupView<'_>) -> bool {
        if self.includes.is_empty() && self.excludes.is_empty() {
            return true;
        }
        let variables: Vec<_> = group.variables().collect();
        let any = |patterns: &[(String, Glob)]| {
            patterns
                .iter()
                .any(|(key, glob)| variables.iter().any(|(known, value)| known == key && glob.matches(value)))
        };
        !any(&self.excludes) && (self.includes.is_empty() || any(&self.includes))
    }
}

/// A text in which `*` stands for any characters: the pieces between the stars.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob(Vec<String>);

impl Glob {
    fn new(pattern: &str) -> Self {
        Self(pattern.split('*').map(str::to_owned).collect())
    }

    fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = &*self.0 else {
            return self.0.first().is_some_and(|only| only == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        // The leftmost place of each piece leaves the most for those that follow.
        for piece in middle {
            let Some(found) = rest.find(piece.as_str()) else { return false };
            rest = &rest[found + piece.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, without cleverness.
    fn matches_slowly(pattern: &str, text: &str) -> bool {
        match pattern.chars().next() {
            None => text.is_empty(),
            Some('*') => {
                let ends = text.char_indices().map(|(end, _)| end).chain([text.len()]);
                ends.into_iter().any(|end| matches_slowly(&pattern[1..], &text[end..]))
            }
            Some(first) => text
                .strip_prefix(first)
                .is_some_and(|rest| matches_slowly(&pattern[first.len_utf8()..], rest)),
        }
    }

    proptest! {
        #[test]
        fn stars_stand_for_any_characters(pattern in "[ab.é*]{0,8}", text in "[ab.é]{0,10}") {
            prop_assert_eq!(Glob::new(&pattern).matches(&text), matches_slowly(&pattern, &text));
        }

        #[test]
        fn any_text_is_a_pattern_or_an_error(pattern in "\\PC{0,30}") {
            let _ = MetricFilter::default().including(&pattern);
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for (pattern, expected) in [
            (
                "a:b:timer",
                "`timer` in `a:b:timer` is no type of metrics: give `counter`, `meter`, `gauge`, `histogram` or `*`",
            ),
            (
                "a:b:gauge:d",
                "`a:b:gauge:d` has too many parts: give `scope`, `scope:names` or `scope:names:types`",
            ),
            ("a::gauge", "`a::gauge` has an empty part: give `*` for anything"),
            ("a,:b", "`a,:b` has an empty part: give `*` for anything"),
            ("", "`` has an empty part: give `*` for anything"),
        ] {
            assert_eq!(MetricFilter::default().including(pattern).unwrap_err().to_string(), expected);
        }
    }
}
