//! The syntax of object names.

use std::ops::Range;

use super::object_name::java_order;

/// Where the parts of a name are in its text.
pub(super) struct Parts {
    /// The end of the domain, where the colon is.
    pub(super) domain: usize,
    pub(super) is_domain_pattern: bool,
    /// Whether any further properties match.
    pub(super) is_property_pattern: bool,
    /// In the order of their keys.
    pub(super) properties: Box<[Property]>,
}

pub(super) struct Property {
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
    pub(super) is_pattern: bool,
}

/// Why a text is not an object name, in the words of the JDK.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidNameError(String);

impl InvalidNameError {
    pub(super) fn too_long(most: usize) -> Self {
        Self(format!("Pattern of more than {most} bytes"))
    }
}

fn invalid<T>(message: impl Into<String>) -> Result<T, InvalidNameError> {
    Err(InvalidNameError(message.into()))
}

fn shown(c: char) -> String {
    if c == '\n' { "\\n".to_owned() } else { c.to_string() }
}

pub(super) fn parse(text: &str) -> Result<Parts, InvalidNameError> {
    let domain = text.find([':', '\n']).unwrap_or(text.len());
    if text[domain..].starts_with('\n') {
        return invalid("Invalid character '\\n' in domain name");
    }
    let is_domain_pattern = text[..domain].contains(['*', '?']);
    let mut properties = Vec::new();
    let mut is_property_pattern = false;
    let mut at = domain + 1;
    if at >= text.len() {
        return invalid("Key properties cannot be empty");
    }
    while at < text.len() {
        if text[at..].starts_with('*') {
            if is_property_pattern {
                return invalid("Cannot have several '*' characters in pattern property list");
            }
            is_property_pattern = true;
            at = match text[at + 1..].chars().next() {
                None | Some(',') => at + 2,
                Some(_) => {
                    return invalid("Invalid character found after '*': end of name or ',' expected");
                }
            };
            continue;
        }
        let property = property(text, at)?;
        let end = property.value.end;
        properties.push(property);
        if end + 1 == text.len() {
            return invalid("Invalid ending comma");
        }
        at = end + 1;
    }
    properties.sort_by(|a, b| java_order(&text[a.key.clone()], &text[b.key.clone()]));
    for pair in properties.windows(2) {
        let key = &text[pair[0].key.clone()];
        if *key == text[pair[1].key.clone()] {
            return invalid(format!("key `{key}' already defined"));
        }
    }
    Ok(Parts { domain, is_domain_pattern, is_property_pattern, properties: properties.into() })
}

/// The property that begins at a place, and ends at a comma or with the text.
fn property(text: &str, start: usize) -> Result<Property, InvalidNameError> {
    let Some(length) = text[start..].find(['=', ':', ',', '*', '?', '\n']) else {
        return invalid("Unterminated key property part");
    };
    let end = start + length;
    match text[end..].chars().next() {
        Some('=') if length == 0 => return invalid("Invalid key (empty)"),
        Some('=') => {}
        c => {
            let c = c.map(shown).unwrap_or_default();
            return invalid(format!("Invalid character '{c}' in key part of property"));
        }
    }
    let (length, is_pattern) = value(&text[end + 1..])?;
    Ok(Property { key: start..end, value: end + 1..end + 1 + length, is_pattern })
}

/// The length of the value that a text begins with, and whether it is a pattern.
fn value(text: &str) -> Result<(usize, bool), InvalidNameError> {
    if text.starts_with('"') {
        return quoted_value(text);
    }
    let length = text.find(',').unwrap_or(text.len());
    let value = &text[..length];
    if let Some(c) = value.chars().find(|c| matches!(c, '=' | ':' | '"' | '\n')) {
        return invalid(format!("Invalid character '{}' in value part of property", shown(c)));
    }
    Ok((length, value.contains(['*', '?'])))
}

fn quoted_value(text: &str) -> Result<(usize, bool), InvalidNameError> {
    let mut is_pattern = false;
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                return match text[at + 1..].chars().next() {
                    None | Some(',') => Ok((at + 1, is_pattern)),
                    Some(c) => invalid(format!("Invalid ending character `{c}'")),
                };
            }
            '\n' => return invalid("Newline in quoted value"),
            '\\' => match chars.next() {
                None => break,
                Some((_, '\\' | '"' | '*' | '?' | 'n')) => {}
                Some((_, c)) => {
                    return invalid(format!("Invalid escape sequence '\\{c}' in quoted value"));
                }
            },
            '*' | '?' => is_pattern = true,
            _ => {}
        }
    }
    invalid("Unterminated quoted value")
}
