//! Object names are what the JDK says they are: the fixture is its own output.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashSet;

use flowmeter_jmx::model::{ObjectName, quoted, unquoted};
use proptest::prelude::*;

const FIXTURE: &str = include_str!("fixtures/object-names.tsv");

/// The fields of the lines of a kind.
fn lines(kind: &str) -> Vec<Vec<String>> {
    let lines = FIXTURE.lines().map(|line| line.split('\t').map(unescaped).collect::<Vec<_>>());
    lines.filter(|fields| fields[0] == kind).map(|mut fields| fields.split_off(1)).collect()
}

fn unescaped(field: &str) -> String {
    let mut chars = field.chars();
    let mut text = String::new();
    while let Some(c) = chars.next() {
        text.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                escaped => escaped.unwrap(),
            },
            c => c,
        });
    }
    text
}

fn names() -> Vec<ObjectName> {
    lines("name").iter().map(|fields| fields[0].parse().unwrap()).collect()
}

#[test]
fn names_are_read_as_the_jdk_reads_them() {
    for fields in lines("name") {
        let name: ObjectName = fields[0].parse().unwrap_or_else(|error| panic!("{fields:?}: {error}"));
        assert_eq!(name.canonical(), fields[1]);
        assert_eq!(name.to_string(), fields[2]);
        assert_eq!(name.is_pattern(), fields[3] == "1", "{fields:?}");
    }
}

#[test]
fn what_is_no_name_is_refused_in_the_words_of_the_jdk() {
    for fields in lines("bad") {
        let error = fields[0].parse::<ObjectName>().map(|name| panic!("{name}")).unwrap_err();
        assert_eq!(error.to_string(), fields[1], "{:?}", fields[0]);
    }
}

#[test]
fn patterns_match_what_they_match_in_the_jdk() {
    let expected: HashSet<_> =
        lines("apply").into_iter().map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    for pattern in names() {
        for name in names() {
            let pair = (pattern.to_string(), name.to_string());
            assert_eq!(pattern.matches(&name), expected.contains(&pair), "{pair:?}");
        }
    }
}

#[test]
fn names_are_ordered_as_in_the_jdk() {
    let mut names = names();
    names.sort();
    let expected: Vec<_> = lines("order").into_iter().map(|mut fields| fields.remove(0)).collect();
    assert_eq!(names.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
}

#[test]
fn values_are_quoted_as_in_the_jdk_where_they_must_be() {
    for fields in lines("quote") {
        let as_is = !fields[0].contains(['"', ',', '=', ':', '*', '?', '\n']);
        assert_eq!(quoted(&fields[0]), if as_is { &fields[0] } else { &fields[1] }.as_str());
    }
}

proptest! {
    #[test]
    fn nothing_makes_the_parser_panic(text in "[a:=,*?\"\\\\\n\u{e9}]{0,24}") {
        if let Ok(name) = text.parse::<ObjectName>() {
            let canonical: ObjectName = name.canonical().parse().unwrap();
            prop_assert_eq!(&canonical, &name);
            prop_assert_eq!(canonical.canonical(), name.canonical());
            prop_assert_eq!(&name.to_string().parse::<ObjectName>().unwrap(), &name);
        }
    }

    #[test]
    fn a_quoted_value_is_a_value_that_says_the_same(value in "\\PC*|[\"*?\\\\\n,=:a]*") {
        let name: ObjectName = format!("d:k={},l=m", quoted(&value)).parse().unwrap();
        prop_assert!(!name.is_pattern());
        let written = name.property("k").unwrap();
        // What needs no quotes stands as it is, and then says itself.
        if written.starts_with('"') || written == value {
            prop_assert_eq!(unquoted(written), value);
        }
    }

    #[test]
    fn wildcards_match_as_a_slow_and_simple_reading_says(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
        fn simple(pattern: &[u8], text: &[u8]) -> bool {
            match pattern.split_first() {
                None => text.is_empty(),
                Some((b'*', rest)) => (0..=text.len()).any(|at| simple(rest, &text[at..])),
                Some((b'?', rest)) => !text.is_empty() && simple(rest, &text[1..]),
                Some((c, rest)) => text.first() == Some(c) && simple(rest, &text[1..]),
            }
        }
        let expected = simple(pattern.as_bytes(), text.as_bytes());
        let pattern: ObjectName = format!("{pattern}:k=v").parse().unwrap();
        let name: ObjectName = format!("{text}:k=v").parse().unwrap();
        prop_assert_eq!(pattern.matches(&name), expected);
    }
}
