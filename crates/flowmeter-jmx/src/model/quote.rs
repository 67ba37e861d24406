//! Quoted values of object names.

use std::borrow::Cow;
use std::fmt::Write;

/// A value as it can stand in an object name: itself, or in quotes if it has characters that would end it or make a
/// pattern of it.
///
/// ```
/// use flowmeter_jmx::model::{quoted, unquoted};
///
/// assert_eq!(quoted("Source: a, b"), "\"Source: a, b\"");
/// assert_eq!(quoted("map"), "map");
/// assert_eq!(unquoted(&quoted("a*b\n")), "a*b\n");
/// ```
#[must_use]
pub fn quoted(value: &str) -> Cow<'_, str> {
    if !value.contains(['"', ',', '=', ':', '*', '?', '\n']) {
        return Cow::Borrowed(value);
    }
    let mut quoted = String::with_capacity(value.len() + 8);
    quoted.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' | '*' | '?' => _ = write!(quoted, "\\{c}"),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

/// What a value of an object name says: without the quotes and what stands for other characters in them.
#[must_use]
pub fn unquoted(value: &str) -> Cow<'_, str> {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(value);
    };
    let mut unquoted = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => unquoted.push('\n'),
                Some(escaped) => unquoted.push(escaped),
                None => unquoted.push(c),
            },
            c => unquoted.push(c),
        }
    }
    Cow::Owned(unquoted)
}
