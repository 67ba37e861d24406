//! Attributes: what a span or an event says beside its name.

use std::borrow::Cow;

/// How many attributes a span or an event has at most, as OpenTelemetry has it.
const ATTRIBUTES_LIMIT: usize = 128;

/// The most bytes of a scope, a name or a key.
const NAME_LIMIT: usize = 256;

/// The most bytes of a text: a value, a body, a message.
const TEXT_LIMIT: usize = 8 * 1024;

/// What an attribute weighs beside its texts.
const ATTRIBUTE_WEIGHT: usize = 64;

/// The value of an attribute. These are Flink's four types.
///
/// Anything that is a text, a number or a `bool` converts into one. A `u64` or a `usize` that no `i64` can be becomes the
/// greatest one.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// A text of 8 KiB at most.
    Text(String),
    /// An integer.
    I64(i64),
    /// A floating-point number.
    F64(f64),
    /// True or false.
    Bool(bool),
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for AttributeValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i32> for AttributeValue {
    fn from(number: i32) -> Self {
        Self::I64(number.into())
    }
}

impl From<u32> for AttributeValue {
    fn from(number: u32) -> Self {
        Self::I64(number.into())
    }
}

impl From<i64> for AttributeValue {
    fn from(number: i64) -> Self {
        Self::I64(number)
    }
}

impl From<u64> for AttributeValue {
    fn from(number: u64) -> Self {
        Self::I64(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<usize> for AttributeValue {
    fn from(number: usize) -> Self {
        Self::I64(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<f64> for AttributeValue {
    fn from(number: f64) -> Self {
        Self::F64(number)
    }
}

impl From<bool> for AttributeValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// The attributes of one span or event, each key once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Attributes {
    pairs: Vec<(Cow<'static, str>, AttributeValue)>,
    dropped: u32,
    /// Whether a key or a text is shorter than it was given.
    is_cut: bool,
}

impl Attributes {
    pub(super) fn set(&mut self, key: Cow<'static, str>, mut value: AttributeValue) {
        let key = cut_name(key, &mut self.is_cut);
        if let AttributeValue::Text(text) = &mut value {
            cut_text(text, &mut self.is_cut);
        }
        match self.pairs.iter().position(|(known, _)| *known == key) {
            Some(position) => self.pairs[position].1 = value,
            None if self.pairs.len() < ATTRIBUTES_LIMIT => self.pairs.push((key, value)),
            None => self.dropped += 1,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &AttributeValue)> {
        self.pairs.iter().map(|(key, value)| (&**key, value))
    }

    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Whether anything of it is not as it was given.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut || self.dropped > 0
    }

    /// Drops what is heavier than what is left of a weight, and takes the rest from it.
    pub(super) fn fit(&mut self, left: &mut usize) {
        let before = self.pairs.len();
        self.pairs.retain(|(key, value)| {
            let text = if let AttributeValue::Text(text) = value { text.len() } else { 0 };
            let rest = left.checked_sub(ATTRIBUTE_WEIGHT + key.len() + text);
            *left = rest.unwrap_or(*left);
            rest.is_some()
        });
        self.dropped += u32::try_from(before - self.pairs.len()).unwrap_or(u32::MAX);
    }
}

/// Cuts what is too long for a scope, a name or a key.
pub(super) fn cut_name(name: Cow<'static, str>, is_cut: &mut bool) -> Cow<'static, str> {
    let length = kept(&name, NAME_LIMIT);
    if length == name.len() {
        return name;
    }
    *is_cut = true;
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(&name[..length]),
        Cow::Owned(name) => Cow::Owned(name[..length].to_owned()),
    }
}

/// Cuts what is too long for a text.
pub(super) fn cut_text(text: &mut String, is_cut: &mut bool) {
    let length = kept(text, TEXT_LIMIT);
    if length < text.len() {
        *is_cut = true;
        text.truncate(length);
        text.shrink_to_fit();
    }
}

/// How much of a text is kept: up to a limit, and whole characters.
fn kept(text: &str, limit: usize) -> usize {
    let mut length = text.len().min(limit);
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_there_once_with_its_last_value() {
        let mut attributes = Attributes::default();
        attributes.set("a".into(), 1.into());
        attributes.set("b".into(), true.into());
        attributes.set("a".into(), "x".into());
        let expected = [("a", AttributeValue::Text("x".to_owned())), ("b", AttributeValue::Bool(true))];
        assert!(attributes.iter().eq(expected.iter().map(|(key, value)| (*key, value))));
        assert!(!attributes.is_cut());
    }

    #[test]
    fn what_is_too_many_or_too_long_is_cut() {
        let mut attributes = Attributes::default();
        for i in 0..ATTRIBUTES_LIMIT + 3 {
            attributes.set(i.to_string().into(), i.into());
        }
        attributes.set("0".into(), "é".repeat(TEXT_LIMIT).into());
        assert_eq!((attributes.iter().count(), attributes.dropped()), (ATTRIBUTES_LIMIT, 3));
        let Some((_, AttributeValue::Text(text))) = attributes.iter().next() else { panic!("no text") };
        assert_eq!(text.len(), TEXT_LIMIT);
        let mut is_cut = false;
        assert_eq!(cut_name("x".repeat(NAME_LIMIT).into(), &mut is_cut).len(), NAME_LIMIT);
        assert!(!is_cut);
        assert_eq!(
            cut_name(format!("{}é", "x".repeat(NAME_LIMIT - 1)).into(), &mut is_cut).len(),
            NAME_LIMIT - 1
        );
        assert!(is_cut);
    }

    #[test]
    fn numbers_that_are_no_i64_become_the_greatest() {
        assert_eq!(AttributeValue::from(u64::MAX), AttributeValue::I64(i64::MAX));
        assert_eq!(AttributeValue::from(7_u64), AttributeValue::I64(7));
        assert_eq!(AttributeValue::from(usize::MAX), AttributeValue::I64(i64::MAX));
    }
}
