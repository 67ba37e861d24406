//! Names with characters that not every server takes.
//!
//! Source: [Prometheus' escaping schemes](https://github.com/prometheus/docs/blob/main/docs/instrumenting/escaping_schemes.md).

use std::borrow::Cow;
use std::fmt::Write as _;

use super::is_metric_name;

/// What becomes of characters other than ASCII letters, digits, underscores and colons in names, as a scraper asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Escaping {
    /// They stay, and the name is quoted.
    AllowUtf8,
    /// Underscores take their place, for servers that ask for nothing.
    #[default]
    Underscores,
    /// Dots become `_dot_` and underscores are doubled, in which those that had none are changed as well.
    Dots,
    /// Their code points are there, so that nothing is lost.
    Values,
}

impl Escaping {
    /// As an `Accept` header has it; nothing for one that is not known.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "allow-utf-8" => Some(Self::AllowUtf8),
            "underscores" => Some(Self::Underscores),
            "dots" => Some(Self::Dots),
            "values" => Some(Self::Values),
            _ => None,
        }
    }

    /// As a `Content-Type` header has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
        }
    }

    /// A name of a metric or a label in this scheme.
    pub(crate) fn escape<'a>(self, name: &'a str) -> Cow<'a, str> {
        match self {
            Self::AllowUtf8 => Cow::Borrowed(name),
            Self::Underscores | Self::Values if is_metric_name(name) => Cow::Borrowed(name),
            Self::Underscores => {
                let replaced = |(i, c)| if is_part(i, c) { c } else { '_' };
                Cow::Owned(name.chars().enumerate().map(replaced).collect())
            }
            Self::Dots => {
                let mut escaped = String::with_capacity(name.len() + 16);
                for (i, c) in name.chars().enumerate() {
                    match c {
                        '.' => escaped.push_str("_dot_"),
                        '_' => escaped.push_str("__"),
                        c if is_part(i, c) => escaped.push(c),
                        _ => escaped.push_str("__"),
                    }
                }
                Cow::Owned(escaped)
            }
            Self::Values => {
                let mut escaped = "U__".to_owned();
                for (i, c) in name.chars().enumerate() {
                    match c {
                        '_' => escaped.push_str("__"),
                        c if is_part(i, c) => escaped.push(c),
                        c => {
                            let _ = write!(escaped, "_{:x}_", u32::from(c));
                        }
                    }
                }
                Cow::Owned(escaped)
            }
        }
    }
}

/// Whether a character is part of a name that every server takes, at its place in it.
fn is_part(place: usize, c: char) -> bool {
    c == '_' || c == ':' || c.is_ascii_alphabetic() || (c.is_ascii_digit() && place > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn schemes_are_as_prometheus_has_them() {
        // From the test table of Prometheus' own implementation.
        for (name, underscores, dots, values) in [
            ("no:escaping_required", "no:escaping_required", "no:escaping__required", "no:escaping_required"),
            (
                "mysystem.prod.west.cpu.load",
                "mysystem_prod_west_cpu_load",
                "mysystem_dot_prod_dot_west_dot_cpu_dot_load",
                "U__mysystem_2e_prod_2e_west_2e_cpu_2e_load",
            ),
            ("http.status:sum", "http_status:sum", "http_dot_status:sum", "U__http_2e_status:sum"),
            ("label with \u{0100}", "label_with__", "label__with____", "U__label_20_with_20__100_"),
            ("0abc", "_abc", "__abc", "U___30_abc"),
        ] {
            assert_eq!(Escaping::AllowUtf8.escape(name), name);
            assert_eq!(Escaping::Underscores.escape(name), underscores);
            assert_eq!(Escaping::Dots.escape(name), dots);
            assert_eq!(Escaping::Values.escape(name), values);
        }
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_taken_by_all(name in "\\PC{1,20}") {
            for scheme in [Escaping::Underscores, Escaping::Dots, Escaping::Values] {
                let escaped = scheme.escape(&name);
                prop_assert!(is_metric_name(&escaped), "{escaped}");
                prop_assert_eq!(Escaping::named(scheme.name()), Some(scheme));
            }
        }

        #[test]
        fn values_lose_nothing(a in "[a_.é0]{1,6}", b in "[a_.é0]{1,6}") {
            prop_assert_eq!(a == b, Escaping::Values.escape(&a) == Escaping::Values.escape(&b));
        }
    }
}
