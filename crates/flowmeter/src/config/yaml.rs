//! YAML as keys with dots.
//!
//! Texts stay as they are written, whatever YAML would make of them: `9250-9260`, `1e3` and `yes` are texts of these letters.

use std::collections::BTreeMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::entries::{Entries, Written, below, insert};
use super::place::Origin;
use super::{ConfigFileError, Place};

/// How deep tables and lists can be.
const DEEPEST: usize = 64;

/// Reads a text of one document.
pub(super) fn read(text: &str, origin: &Arc<Origin>) -> Result<Entries, ConfigFileError> {
    let mut reader = Reader { events: Parser::new_from_str(text), origin, entries: Entries::new() };
    reader.document()?;
    Ok(reader.entries)
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    origin: &'a Arc<Origin>,
    entries: Entries,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<(), ConfigFileError> {
        let mut documents = 0;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::DocumentStart(_) => documents += 1,
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => continue,
                _ if documents > 1 => return Err(self.wrong(&span, "there is more than one document")),
                Event::MappingStart(..) => self.table("", 0)?,
                event if is_null(&event) => {}
                _ => return Err(self.wrong(&span, "the document is no table of keys")),
            }
        }
    }

    fn table(&mut self, path: &str, depth: usize) -> Result<(), ConfigFileError> {
        let mut keys = BTreeMap::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(()),
                Event::Scalar(key, ..) => below(path, &key),
                _ => return Err(self.wrong(&span, "a key is no text")),
            };
            let place = self.place(&span);
            if let Some(first) = keys.insert(key.clone(), place.clone()) {
                return Err(ConfigFileError::twice(&key, &first, &place));
            }
            let (event, span) = self.next()?;
            if depth == DEEPEST {
                return Err(self.wrong(&span, "tables are too deep"));
            }
            match event {
                Event::MappingStart(..) if self.is_empty_table()? => {
                    insert(&mut self.entries, key, Written::Nothing, place)?;
                }
                Event::MappingStart(..) => self.table(&key, depth + 1)?,
                event => {
                    let value = self.value(event)?;
                    insert(&mut self.entries, key, value, place)?;
                }
            }
        }
    }

    /// Whether a table that has begun ends at once, in which case its end is read.
    fn is_empty_table(&mut self) -> Result<bool, ConfigFileError> {
        let is_empty = matches!(self.events.peek(), Some(Ok((Event::MappingEnd, _))));
        if is_empty {
            self.next()?;
        }
        Ok(is_empty)
    }

    fn value(&mut self, event: Event<'_>) -> Result<Written, ConfigFileError> {
        Ok(match event {
            event if is_null(&event) => Written::Nothing,
            Event::Scalar(text, ..) => Written::Text(text.into_owned()),
            Event::SequenceStart(..) => self.list()?,
            // It could stand for something that is large beyond measure.
            Event::Alias(_) => Written::Unfit("an alias; write its value out"),
            _ => Written::Unfit("nothing that has a value"),
        })
    }

    fn list(&mut self) -> Result<Written, ConfigFileError> {
        let mut texts = Vec::new();
        let mut unfit = None;
        let mut depth = 1;
        while depth > 0 {
            let (event, _) = self.next()?;
            match event {
                Event::Scalar(text, ..) => texts.push(text.into_owned()),
                Event::SequenceEnd | Event::MappingEnd => depth -= 1,
                Event::SequenceStart(..) | Event::MappingStart(..) => {
                    depth += 1;
                    unfit = Some("a list with tables or lists in it");
                }
                _ => unfit = Some("a list with an alias in it; write its value out"),
            }
        }
        Ok(unfit.map_or(Written::List(texts), Written::Unfit))
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), ConfigFileError> {
        match self.events.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(ConfigFileError::Syntax {
                place: Place::line(self.origin, error.marker().line()),
                language: "YAML",
                message: explained(error.info()),
            }),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn place(&self, span: &Span) -> Place {
        Place::line(self.origin, span.start.line())
    }

    fn wrong(&self, span: &Span, message: &str) -> ConfigFileError {
        ConfigFileError::Syntax { place: self.place(span), language: "YAML", message: message.to_owned() }
    }
}

/// What the parser says, and what to do about the mistakes that are easily made in this configuration: filters begin with `*`.
fn explained(message: &str) -> String {
    let advice = if message.contains("anchor") {
        ": put a text that begins with `*` or `&` in quotes"
    } else if message.contains("tabs disallowed") {
        ": indent with spaces"
    } else {
        ""
    };
    format!("{message}{advice}")
}

/// Whether it is YAML's word for nothing.
fn is_null(event: &Event<'_>) -> bool {
    matches!(event, Event::Scalar(text, ScalarStyle::Plain, ..) if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
}
