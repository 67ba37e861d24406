//! The variables of a group, packed into one allocation.

/// A system variable: a key that a system group sets, in the order in which reporters show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Key {
    Host,
    TmId,
    JobId,
    JobName,
    TaskId,
    TaskName,
    TaskAttemptId,
    TaskAttemptNum,
    SubtaskIndex,
    OperatorId,
    OperatorName,
}

impl Key {
    pub(crate) const ALL: [Self; 11] = [
        Self::Host,
        Self::TmId,
        Self::JobId,
        Self::JobName,
        Self::TaskId,
        Self::TaskName,
        Self::TaskAttemptId,
        Self::TaskAttemptNum,
        Self::SubtaskIndex,
        Self::OperatorId,
        Self::OperatorName,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::TmId => "tm_id",
            Self::JobId => "job_id",
            Self::JobName => "job_name",
            Self::TaskId => "task_id",
            Self::TaskName => "task_name",
            Self::TaskAttemptId => "task_attempt_id",
            Self::TaskAttemptNum => "task_attempt_num",
            Self::SubtaskIndex => "subtask_index",
            Self::OperatorId => "operator_id",
            Self::OperatorName => "operator_name",
        }
    }

    pub(crate) fn is_system(name: &str) -> bool {
        Self::ALL.iter().any(|key| key.name() == name)
    }
}

/// Whether a key is that of a system variable, such as `host`, which no user group can have.
#[must_use]
pub fn is_system_variable(key: &str) -> bool {
    Key::is_system(key)
}

/// Key-value pairs of one group.
///
/// One string: a tag (a system key's number, or [`USER`] and the key), the length, the value. Lengths are three
/// base-128 digits and all marks are ASCII, so every cut is at a character boundary and reading it back needs no
/// check of its own. A group without variables has its name there instead, behind the tag [`NAME`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Variables(Box<str>);

const NAME: u8 = 126;
const USER: u8 = 127;
/// The most bytes that a key or a value can have; what is longer is cut.
pub(crate) const MAX_LENGTH: usize = (1 << 21) - 1;

impl Variables {
    /// System variables. Empty values are left out: no backend tells an empty label from a missing one.
    pub(crate) fn system(pairs: &[(Key, &str)]) -> Self {
        let mut packed = String::with_capacity(pairs.iter().map(|(_, value)| value.len() + 4).sum());
        for (key, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            packed.push(*key as u8 as char);
            push_text(&mut packed, value);
        }
        Self(packed.into_boxed_str())
    }

    pub(crate) fn user(key: &str, value: &str) -> Self {
        let mut packed = String::with_capacity(key.len() + value.len() + 7);
        packed.push(USER as char);
        push_text(&mut packed, key);
        push_text(&mut packed, value);
        Self(packed.into_boxed_str())
    }

    /// No variables, but the name of a group.
    pub(crate) fn name_only(name: &str) -> Self {
        let mut packed = String::with_capacity(name.len() + 4);
        packed.push(NAME as char);
        push_text(&mut packed, name);
        Self(packed.into_boxed_str())
    }

    /// The name of a group that has one instead of variables.
    pub(crate) fn name(&self) -> Option<&str> {
        let text = self.0.strip_prefix(NAME as char)?;
        Some(Iter(text).take_text())
    }

    pub(crate) fn iter(&self) -> Iter<'_> {
        Iter(if self.0.as_bytes().first() == Some(&NAME) { "" } else { &self.0 })
    }
}

fn push_text(packed: &mut String, text: &str) {
    let mut length = text.len().min(MAX_LENGTH);
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    for shift in [14, 7, 0] {
        packed.push((length >> shift & 127) as u8 as char);
    }
    packed.push_str(&text[..length]);
}

pub(crate) struct Iter<'a>(&'a str);

impl<'a> Iter<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn take_text(&mut self) -> &'a str {
        let length = self.take(3).bytes().fold(0, |length, digit| length << 7 | usize::from(digit));
        self.take(length)
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let tag = self.take(1).as_bytes()[0];
        let key = match Key::ALL.get(usize::from(tag)) {
            Some(key) => key.name(),
            None => self.take_text(),
        };
        Some((key, self.take_text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(key in "\\PC*", value in "\\PC*", host in ".+") {
            let user = Variables::user(&key, &value);
            prop_assert_eq!(user.iter().collect::<Vec<_>>(), [(key.as_str(), value.as_str())]);
            prop_assert_eq!(user.name(), None);
            let name = Variables::name_only(&key);
            prop_assert_eq!(name.name(), Some(key.as_str()));
            prop_assert_eq!(name.iter().next(), None);
            let system = Variables::system(&[(Key::Host, &host), (Key::TmId, ""), (Key::OperatorName, &value)]);
            let expected = [("host", host.as_str()), ("operator_name", value.as_str())];
            let kept = if value.is_empty() { 1 } else { 2 };
            prop_assert_eq!(system.iter().collect::<Vec<_>>(), &expected[..kept]);
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let long = "é".repeat(MAX_LENGTH);
        let variables = Variables::user("k", &long);
        let (_, value) = variables.iter().next().unwrap();
        assert_eq!(value.len(), MAX_LENGTH - 1);
    }
}
