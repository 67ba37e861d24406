//! What goes wrong with a request, as Jolokia says it.

use std::borrow::Cow;

use super::node::Node;
use super::parameters::{Parameters, Traces};

/// An exception of Java that a request ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    class: &'static str,
    message: String,
    status: u16,
}

const ILLEGAL_ARGUMENT: &str = "java.lang.IllegalArgumentException";
const NUMBER_FORMAT: &str = "java.lang.NumberFormatException";
const SECURITY: &str = "java.lang.SecurityException";
const ATTRIBUTE_NOT_FOUND: &str = "javax.management.AttributeNotFoundException";
const INSTANCE_NOT_FOUND: &str = "javax.management.InstanceNotFoundException";

impl Problem {
    fn new(class: &'static str, message: impl Into<String>, status: u16) -> Self {
        Self { class, message: message.into(), status }
    }

    pub(super) fn illegal_argument(message: impl Into<String>) -> Self {
        Self::new(ILLEGAL_ARGUMENT, message, 400)
    }

    pub(super) fn number_format(text: &str) -> Self {
        Self::new(NUMBER_FORMAT, format!("For input string: \"{text}\""), 400)
    }

    pub(super) fn security(message: impl Into<String>) -> Self {
        Self::new(SECURITY, message, 403)
    }

    pub(super) fn attribute_not_found(message: impl Into<String>) -> Self {
        Self::new(ATTRIBUTE_NOT_FOUND, message, 404)
    }

    pub(super) fn no_such_attribute(attribute: &str) -> Self {
        Self::attribute_not_found(format!("No such attribute: {attribute}"))
    }

    pub(super) fn instance_not_found(message: impl Into<String>) -> Self {
        Self::new(INSTANCE_NOT_FOUND, message, 404)
    }

    /// What stands in the place of a value where errors are to be ignored.
    pub(super) fn instead_of_value(&self) -> String {
        format!("ERROR: {} (class {})", self.message, self.class)
    }

    /// The answer that it is.
    pub(super) fn members(&self, parameters: &Parameters) -> Vec<(Cow<'_, str>, Node<'_>)> {
        let message = || Node::text(&self.message);
        let mut members: Vec<(Cow<'_, str>, Node<'_>)> = vec![
            ("error_type".into(), Node::text(self.class)),
            ("error".into(), Node::Text(format!("{} : {}", self.class, self.message).into())),
            ("status".into(), Node::Number(self.status.into())),
        ];
        let is_traced = match parameters.traces {
            Traces::All => true,
            Traces::Runtime => self.class.starts_with("java.lang."),
            Traces::None => false,
        };
        if is_traced {
            // What a trace begins with in Java; there are no frames to show.
            let trace = format!("{}: {}\n", self.class, self.message);
            members.push(("stacktrace".into(), Node::Text(trace.into())));
        }
        if parameters.serialize_exception {
            let value = vec![
                ("message".into(), message()),
                ("localizedMessage".into(), message()),
                ("cause".into(), Node::Null),
                ("suppressed".into(), Node::List(Vec::new())),
            ];
            members.push(("error_value".into(), Node::Object(value)));
        }
        members
    }
}
