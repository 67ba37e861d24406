//! Names in which everything has its place.

use std::borrow::Cow;

use flowmeter_core::{Family, GroupView};

use super::Target;
use crate::model::quoted;
use crate::shape::Shape;

/// Keys that are not those of variables.
const TYPE: &str = "type";
const NAME: &str = "name";

pub(super) fn target(family: &Family) -> Target {
    Target {
        before: format!("flowmeter:{TYPE}={}", quoted(family.logical_scope())),
        after: format!(",{NAME}={}", quoted(family.name())),
        shape: Shape::of(family, false),
    }
}

pub(super) fn prepare_group(group: &GroupView<'_>, out: &mut Vec<u8>) {
    let mut taken = vec![TYPE.to_owned(), NAME.to_owned()];
    for (variable, value) in group.variables() {
        let mut key = key(variable).into_owned();
        // Each key is there once; two that are alike stay apart.
        while taken.contains(&key) {
            key.push('_');
        }
        out.extend_from_slice(format!(",{key}={}", quoted(value)).as_bytes());
        taken.push(key);
    }
}

/// A key as it can stand in an object name: keys cannot be quoted.
fn key(variable: &str) -> Cow<'_, str> {
    if variable.is_empty() {
        return Cow::Borrowed("_");
    }
    let is_syntax = |c| matches!(c, '=' | ':' | ',' | '*' | '?' | '\n');
    if variable.contains(is_syntax) {
        return Cow::Owned(variable.replace(is_syntax, "_"));
    }
    Cow::Borrowed(variable)
}
