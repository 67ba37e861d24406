//! JSON, within the limits that a client has set.

use std::fmt::Write;

use serde::Serialize;

use super::list;
use super::node::Node;
use crate::model::MBeanValue;

/// How much of a value is written; 0 is without limit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    /// How deep values may be; deeper ones are texts.
    pub(super) depth: usize,
    /// How many members a list or an object may have.
    pub(super) collection: usize,
    /// How many lists and objects there may be.
    pub(super) objects: usize,
}

/// How values are written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Style {
    pub(super) limits: Limits,
    /// Whether whole numbers of 64 bits are texts, since JavaScript would round them.
    pub(super) longs_as_texts: bool,
    /// Whether objects that are too deep are the text `1` rather than what they are.
    pub(super) hides_deep_objects: bool,
}

/// Appends a value.
pub(super) fn write(out: &mut Vec<u8>, node: &Node<'_>, style: Style) {
    Writer { out, style, objects: 0 }.node(node, 0);
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    style: Style,
    objects: usize,
}

impl Writer<'_> {
    fn node(&mut self, node: &Node<'_>, depth: usize) {
        let Style { limits, longs_as_texts, hides_deep_objects } = self.style;
        if self.is_too_deep(depth) && !is_null(node) {
            let mut text = String::new();
            match node {
                Node::Object(_) | Node::About(..) if hides_deep_objects => text.push('1'),
                node => describe(node, &mut text),
            }
            return self.plain(&text);
        }
        if limits.objects > 0 && self.objects > limits.objects {
            return self.plain("[Object limit exceeded]");
        }
        match node {
            Node::Null | Node::Value(MBeanValue::Null) => self.out.extend_from_slice(b"null"),
            Node::Boolean(value) | Node::Value(MBeanValue::Boolean(value)) => self.plain(value),
            Node::Text(text) => self.plain(&**text),
            Node::Value(MBeanValue::Text(text)) => self.plain(&**text),
            Node::Value(MBeanValue::Integer(number)) => self.plain(number),
            Node::Number(number) | Node::Value(MBeanValue::Long(number)) if longs_as_texts => {
                self.plain(&number.to_string());
            }
            Node::Number(number) | Node::Value(MBeanValue::Long(number)) => self.plain(number),
            Node::Value(MBeanValue::BigInteger(number)) if longs_as_texts => self.plain(&number.to_string()),
            Node::Value(MBeanValue::BigInteger(number)) => self.plain(number),
            Node::Value(MBeanValue::Double(number)) if number.is_finite() => self.plain(number),
            // JSON has no such numbers; these are the texts that Java, JavaScript and Python read back.
            Node::Value(MBeanValue::Double(number)) => self.plain(not_finite(*number)),
            Node::Sent(value) => self.plain(value),
            Node::List(nodes) => {
                self.objects += 1;
                self.members(b"[]", nodes, |writer, node| writer.node(node, depth + 1));
            }
            Node::Object(members) => {
                self.objects += 1;
                self.members(b"{}", members, |writer, (key, node)| {
                    writer.plain(&**key);
                    writer.out.push(b':');
                    writer.node(node, depth + 1);
                });
            }
            Node::About(bean, has_keys) => self.node(&Node::Object(list::about(bean, *has_keys)), depth),
            Node::Value(MBeanValue::Memory(usage)) => self.node(&Node::memory(usage), depth),
        }
    }

    fn is_too_deep(&self, depth: usize) -> bool {
        self.style.limits.depth > 0 && depth >= self.style.limits.depth
    }

    fn members<T>(&mut self, brackets: &[u8; 2], members: &[T], write: impl Fn(&mut Self, &T)) {
        let most = match self.style.limits.collection {
            0 => members.len(),
            most => most,
        };
        self.out.push(brackets[0]);
        for (number, member) in members.iter().take(most).enumerate() {
            if number > 0 {
                self.out.push(b',');
            }
            write(self, member);
        }
        self.out.push(brackets[1]);
    }

    fn plain<T: Serialize + ?Sized>(&mut self, value: &T) {
        let written = serde_json::to_writer(&mut *self.out, value);
        debug_assert!(written.is_ok(), "memory takes whatever is written, and keys are texts");
    }
}

fn is_null(node: &Node<'_>) -> bool {
    matches!(node, Node::Null | Node::Value(MBeanValue::Null))
}

fn not_finite(number: f64) -> &'static str {
    match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

/// Writes what Java shows of a value as text.
fn describe(node: &Node<'_>, text: &mut String) {
    let _ = match node {
        Node::Null | Node::Value(MBeanValue::Null) => write!(text, "null"),
        Node::Boolean(value) | Node::Value(MBeanValue::Boolean(value)) => write!(text, "{value}"),
        Node::Value(MBeanValue::BigInteger(number)) => write!(text, "{number}"),
        Node::Text(value) => write!(text, "{value}"),
        Node::Value(MBeanValue::Text(value)) => write!(text, "{value}"),
        Node::Value(MBeanValue::Integer(number)) => write!(text, "{number}"),
        Node::Number(number) | Node::Value(MBeanValue::Long(number)) => write!(text, "{number}"),
        Node::Value(MBeanValue::Double(number)) if number.is_finite() => write!(text, "{number:?}"),
        Node::Value(MBeanValue::Double(number)) => write!(text, "{}", not_finite(*number)),
        Node::Sent(value) => write!(text, "{value}"),
        Node::Value(MBeanValue::Memory(usage)) => return describe(&Node::memory(usage), text),
        Node::About(bean, _) => write!(text, "{}", bean.name()),
        Node::List(nodes) => {
            text.push('[');
            for (number, node) in nodes.iter().enumerate() {
                text.push_str(if number > 0 { ", " } else { "" });
                describe(node, text);
            }
            write!(text, "]")
        }
        Node::Object(members) => {
            text.push('{');
            for (number, (key, node)) in members.iter().enumerate() {
                let _ = write!(text, "{}{key}=", if number > 0 { ", " } else { "" });
                describe(node, text);
            }
            write!(text, "}}")
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(node: &Node<'_>, style: Style) -> String {
        let mut out = Vec::new();
        write(&mut out, node, style);
        String::from_utf8(out).unwrap()
    }

    fn limits(depth: usize, collection: usize, objects: usize) -> Style {
        Style { limits: Limits { depth, collection, objects }, ..Style::default() }
    }

    fn tree<'a>(values: &'a [MBeanValue]) -> Node<'a> {
        let inner = || Node::Object(vec![("x".into(), Node::List(values.iter().map(Node::Value).collect()))]);
        Node::Object(vec![("a".into(), inner()), ("b".into(), inner())])
    }

    #[test]
    fn values_are_those_of_json() {
        use MBeanValue::{BigInteger, Boolean, Double, Integer, Long, Null};
        let values = [
            Null,
            Boolean(true),
            Integer(-1),
            Long(i64::MIN),
            BigInteger(u64::MAX),
            Double(7.0),
            Double(f64::NAN),
            Double(f64::NEG_INFINITY),
            "a\"\n\u{1}é".into(),
        ];
        let list = Node::List(values.iter().map(Node::Value).collect());
        assert_eq!(
            written(&list, Style::default()),
            r#"[null,true,-1,-9223372036854775808,18446744073709551615,7.0,"NaN","-Infinity","a\"\n\u0001é"]"#
        );
        let longs = Style { longs_as_texts: true, ..Style::default() };
        assert!(written(&list, longs).contains(r#"-1,"-9223372036854775808","18446744073709551615",7.0"#));
    }

    #[test]
    fn what_is_too_deep_is_text() {
        let values = [MBeanValue::Long(1), MBeanValue::Null, MBeanValue::Double(f64::INFINITY)];
        let tree = tree(&values);
        let whole = r#"{"a":{"x":[1,null,"Infinity"]},"b":{"x":[1,null,"Infinity"]}}"#;
        assert_eq!(written(&tree, limits(0, 0, 0)), whole);
        assert_eq!(written(&tree, limits(9, 9, 9)), whole);
        let deep = "[1, null, Infinity]";
        assert_eq!(written(&tree, limits(1, 0, 0)), format!(r#"{{"a":"{{x={deep}}}","b":"{{x={deep}}}"}}"#));
        assert_eq!(
            written(&tree, limits(2, 0, 0)),
            format!(r#"{{"a":{{"x":"{deep}"}},"b":{{"x":"{deep}"}}}}"#)
        );
        assert_eq!(written(&tree, limits(3, 0, 0)).matches(r#"["1",null,"Infinity"]"#).count(), 2);
        let hidden = Style { hides_deep_objects: true, ..limits(1, 0, 0) };
        assert_eq!(written(&tree, hidden), r#"{"a":"1","b":"1"}"#);
    }

    #[test]
    fn what_is_too_much_is_left_out() {
        let values = [MBeanValue::Long(1), MBeanValue::Long(2)];
        let tree = tree(&values);
        assert_eq!(written(&tree, limits(0, 1, 0)), r#"{"a":{"x":[1]}}"#);
        let exceeded = "\"[Object limit exceeded]\"";
        assert_eq!(written(&tree, limits(0, 0, 1)), format!(r#"{{"a":{{"x":{exceeded}}},"b":{exceeded}}}"#));
    }
}
