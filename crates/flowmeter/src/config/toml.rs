//! TOML as keys with dots.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::entries::{Entries, Written, below, insert};
use super::place::Origin;
use super::{ConfigFileError, Place};

/// Reads a text.
pub(super) fn read(text: &str, origin: &Arc<Origin>) -> Result<Entries, ConfigFileError> {
    let lines = Lines::of(text);
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        // What the parser shows of the text may be secret; its message has none of it. Keys are not.
        let key = text.get(span.clone()).filter(|_| error.message() == "duplicate key");
        ConfigFileError::Syntax {
            place: Place::line(origin, lines.at(span.start)),
            language: "TOML",
            message: key.map_or_else(|| error.message().to_owned(), |key| format!("`{key}` is there twice")),
        }
    })?;
    let mut reader = Reader { text, origin, lines, entries: Entries::new() };
    reader.table("", table.get_ref())?;
    Ok(reader.entries)
}

struct Reader<'a> {
    text: &'a str,
    origin: &'a Arc<Origin>,
    lines: Lines,
    entries: Entries,
}

impl Reader<'_> {
    // The parser has a limit for how deep tables can be.
    fn table(&mut self, path: &str, table: &DeTable<'_>) -> Result<(), ConfigFileError> {
        for (key, value) in table {
            let path = below(path, key.get_ref());
            match value.get_ref() {
                DeValue::Table(table) if !table.is_empty() => self.table(&path, table)?,
                _ => {
                    let place = Place::line(self.origin, self.lines.at(key.span().start));
                    let value = self.written(value);
                    insert(&mut self.entries, path, value, place)?;
                }
            }
        }
        Ok(())
    }

    fn written(&self, value: &Spanned<DeValue<'_>>) -> Written {
        match value.get_ref() {
            DeValue::Table(_) => Written::Nothing,
            DeValue::Array(values) => {
                let texts: Option<_> = values.iter().map(|value| self.scalar(value)).collect();
                texts.map_or(Written::Unfit("a list with tables or lists in it"), Written::List)
            }
            _ => self.scalar(value).map_or(Written::Nothing, Written::Text),
        }
    }

    /// A text, or a number or another word as it is written.
    fn scalar(&self, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let as_written = || self.text.get(value.span()).unwrap_or_default();
        match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(_) | DeValue::Float(_) => Some(as_written().replace('_', "")),
            DeValue::Boolean(_) | DeValue::Datetime(_) => Some(as_written().to_owned()),
            DeValue::Array(_) | DeValue::Table(_) => None,
        }
    }
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at + 1).collect())
    }

    fn at(&self, position: usize) -> usize {
        self.0.partition_point(|begin| *begin <= position) + 1
    }
}
