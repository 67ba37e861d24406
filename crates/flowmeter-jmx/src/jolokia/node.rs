//! Answers before they are text.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::list;
use crate::model::{MBean, MBeanValue, MemoryUsage};

/// A value of JSON that borrows from the beans. What beans are is looked up as it is written, since of all beans it would
/// take more memory than their values.
#[derive(Clone, Debug)]
pub(super) enum Node<'a> {
    Null,
    Boolean(bool),
    Number(i64),
    Text(Cow<'a, str>),
    /// The value of an attribute.
    Value(&'a MBeanValue),
    /// What the client has sent.
    Sent(&'a Json),
    /// What there is to know of a bean, with or without the parts of its name.
    About(&'a MBean, bool),
    List(Vec<Self>),
    Object(Members<'a>),
}

pub(super) type Members<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

/// The part of a path that stands for whatever there is.
const ANY: &str = "*";

impl<'a> Node<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// The items of what Java has as composite data.
    pub(super) fn memory(usage: &MemoryUsage) -> Self {
        Self::Object(
            usage.items().into_iter().map(|(name, bytes)| (name.into(), Self::Number(bytes))).collect(),
        )
    }

    /// What is at the end of a path; nothing where that leads nowhere. Behind a `*` is an object of what is there.
    pub(super) fn at(self, path: &[String]) -> Option<Self> {
        let [first, rest @ ..] = path else { return Some(self) };
        match self {
            Self::About(bean, has_keys) => Self::Object(list::about(bean, has_keys)).at(path),
            Self::Value(MBeanValue::Memory(usage)) => Self::memory(usage).at(path),
            Self::Object(members) if first == ANY => {
                let below = |(key, node): (_, Self)| Some((key, node.at(rest)?));
                Some(Self::Object(members.into_iter().filter_map(below).collect()))
            }
            Self::Object(members) => members.into_iter().find(|(key, _)| key == first)?.1.at(rest),
            Self::List(nodes) if first == ANY => {
                Some(Self::List(nodes.into_iter().filter_map(|node| node.at(rest)).collect()))
            }
            Self::List(nodes) => nodes.into_iter().nth(first.parse().ok()?)?.at(rest),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::json;
    use super::super::path::split;
    use super::*;

    fn at(path: &str) -> Option<String> {
        let memory = MBeanValue::Memory(MemoryUsage::new(1, Some(2), Some(3)));
        let values = [memory.clone(), MBeanValue::Null];
        let list = || Node::List(values.iter().map(Node::Value).collect());
        let tree = Node::Object(vec![("a/b".into(), Node::Value(&memory)), ("list".into(), list())]);
        let mut out = Vec::new();
        json::write(&mut out, &tree.at(&split(path))?, json::Style::default());
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn paths_lead_into_objects_and_lists() {
        let memory = r#"{"committed":2,"init":-1,"max":3,"used":1}"#;
        for (path, found) in [
            ("", &*format!(r#"{{"a/b":{memory},"list":[{memory},null]}}"#)),
            ("a!/b", memory),
            ("a!/b/max", "3"),
            ("list/0/used", "1"),
            ("list/1", "null"),
            ("*/max", r#"{"a/b":3}"#),
            ("*/*/max", r#"{"a/b":{},"list":[3]}"#),
            ("list/*", &*format!("[{memory},null]")),
        ] {
            assert_eq!(at(path).as_deref(), Some(found), "{path}");
        }
        for nowhere in ["a", "a!/b/Max", "a!/b/max/x", "list/2", "list/-1", "list/x", "list/1/x", "*x"] {
            assert_eq!(at(nowhere), None, "{nowhere}");
        }
    }
}
