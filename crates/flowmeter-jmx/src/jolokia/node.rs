//! Answers before they are text.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::list;
use crate::model::{MBean, MBeanValue};

/// A value of JSON that borrows from the beans. What beans are is looked up as it is written, since of all beans it would
/// take more memory than their values.
#[derive(Clone, Debug)]
pub(super) enum Node<'a> {
    Null,
    Boolean(bool),
    Number(u64),
    Text(Cow<'a, str>),
    /// The value of an attribute.
    Value(&'a MBeanValue),
    /// What the client has sent.
    Sent(&'a Json),
    /// What there is to know of a bean, with or without the parts of its name.
    About(&'a MBean, bool),
    List(Vec<Node<'a>>),
    Object(Members<'a>),
}

pub(super) type Members<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

/// The part of a path that stands for whatever there is.
const ANY: &str = "*";

impl<'a> Node<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// What is at the end of a path; nothing where that leads nowhere. Behind a `*` is an object of what is there.
    pub(super) fn at(self, path: &[String]) -> Option<Self> {
        let [first, rest @ ..] = path else { return Some(self) };
        match self {
            Self::About(bean, has_keys) => Self::Object(list::about(bean, has_keys)).at(path),
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
