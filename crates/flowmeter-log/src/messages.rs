//! Parts that are put together to messages of a bounded size.

/// Messages that begin alike and hold parts, as many in each as it has room for.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    full: Vec<Message>,
    last: Message,
}

/// A message, and how many values are in it.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) text: String,
    pub(crate) values: u64,
}

/// A part that is longer than a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Messages {
    /// Adds a part of some values to messages that have so much room.
    pub(crate) fn add(&mut self, part: &str, values: u64, room: usize) -> Result<(), TooLong> {
        if part.len() > room {
            return Err(TooLong);
        }
        if self.last.text.len() + part.len() > room {
            self.full.push(std::mem::take(&mut self.last));
        }
        self.last.text.push_str(part);
        self.last.values += values;
        Ok(())
    }

    /// All that hold something.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = Message> {
        self.full.into_iter().chain((!self.last.text.is_empty()).then_some(self.last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_is_longer_than_its_room_and_no_part_is_split() {
        let mut messages = Messages::default();
        assert_eq!(messages.add("1234567", 1, 6), Err(TooLong));
        for part in ["aa", "bbb", "cc", "d", "eeeeee"] {
            messages.add(part, 1, 6).unwrap();
        }
        let messages: Vec<_> = messages.into_iter().map(|message| (message.text, message.values)).collect();
        assert_eq!(messages, [("aabbb".to_owned(), 2), ("ccd".to_owned(), 2), ("eeeeee".to_owned(), 1)]);
        assert_eq!(Messages::default().into_iter().count(), 0);
    }
}
