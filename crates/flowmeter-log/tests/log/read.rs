//! Reads lines strictly, by their grammar and not by the code that writes them.

use std::iter::Peekable;
use std::str::Chars;

/// A line: sections, between which a bar stands, of words.
pub(crate) type Sections = Vec<Vec<Word>>;

/// A word, or a key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Word {
    pub(crate) key: String,
    pub(crate) value: Option<Value>,
}

/// A value, in quotes or not.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bare(String),
    Quoted(String),
}

impl Value {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Bare(text) | Self::Quoted(text) => text,
        }
    }
}

/// Reads a line.
pub(crate) fn read(line: &str) -> Result<Sections, String> {
    let mut chars = line.chars().peekable();
    let mut sections = vec![Vec::new()];
    loop {
        match chars.peek() {
            Some('|') => {
                chars.next();
                sections.push(Vec::new());
            }
            _ => {
                let key = value(&mut chars)?.text().to_owned();
                let value = if chars.next_if_eq(&'=').is_some() { Some(value(&mut chars)?) } else { None };
                sections.last_mut().unwrap().push(Word { key, value });
            }
        }
        match chars.next() {
            None => return Ok(sections),
            Some(' ') => {}
            Some(other) => return Err(format!("{other:?} where a word ends in {line:?}")),
        }
        if chars.peek().is_none() {
            return Err(format!("a blank at the end of {line:?}"));
        }
    }
}

fn value(chars: &mut Peekable<Chars<'_>>) -> Result<Value, String> {
    if chars.next_if_eq(&'"').is_none() {
        let mut text = String::new();
        while let Some(c) = chars.next_if(|c| !matches!(c, ' ' | '=' | '|' | '"')) {
            if c.is_control() {
                return Err(format!("a control character in {text:?}"));
            }
            text.push(c);
        }
        return if text.is_empty() {
            Err("a word without characters".to_owned())
        } else {
            Ok(Value::Bare(text))
        };
    }
    let mut text = String::new();
    loop {
        match chars.next().ok_or("a quote that does not end")? {
            '"' => return Ok(Value::Quoted(text)),
            '\\' => text.push(escaped(chars)?),
            c if c.is_control() => return Err(format!("a control character behind {text:?}")),
            c => text.push(c),
        }
    }
}

fn escaped(chars: &mut Peekable<Chars<'_>>) -> Result<char, String> {
    Ok(match chars.next().ok_or("an escape that does not end")? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        c @ ('"' | '\\' | '\'') => c,
        'u' => {
            let code: String = chars.by_ref().skip_while(|c| *c == '{').take_while(|c| *c != '}').collect();
            u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).ok_or(code)?
        }
        c => return Err(format!("an escape {c:?}")),
    })
}
