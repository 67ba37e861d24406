//! What holds for all configurations.

#![cfg(feature = "config")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flowmeter::config::Config;
use proptest::prelude::*;

/// Keys with further keys, or values.
#[derive(Clone, Debug)]
enum Tree {
    Text(String),
    List(Vec<String>),
    Table(BTreeMap<String, Self>),
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~\u{e9}\\t\\n\\\\\"']{0,12}",
        prop::sample::select(vec![
            "9250-9260",
            "0.10",
            "1e3",
            "yes",
            "null",
            "~",
            "",
            "#",
            "- a",
            "a: b",
            "&a",
            "*a"
        ])
        .prop_map(str::to_owned),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf =
        prop_oneof![text().prop_map(Tree::Text), prop::collection::vec(text(), 0..3).prop_map(Tree::List)];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop::collection::btree_map("[a-z][a-z-]{0,5}", inner, 1..4).prop_map(Tree::Table)
    })
}

fn trees() -> impl Strategy<Value = BTreeMap<String, Tree>> {
    prop::collection::btree_map(
        "[a-zA-Z_][a-zA-Z0-9_-]{0,5}",
        prop::collection::btree_map("[a-z][a-z-]{0,5}", tree(), 1..4).prop_map(Tree::Table),
        0..4,
    )
}

/// A text as TOML, YAML and JSON have it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c)).unwrap(),
            c => out.push(c),
        }
    }
    out + "\""
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

/// A line for each value.
fn flat(path: &str, tree: &Tree, between: &str, key: fn(&str) -> String, out: &mut String) {
    match tree {
        Tree::Text(text) => writeln!(out, "{}{between}{}", key(path), quoted(text)).unwrap(),
        Tree::List(texts) => writeln!(out, "{}{between}{}", key(path), list(texts)).unwrap(),
        Tree::Table(tables) => {
            for (name, tree) in tables {
                flat(&format!("{path}.{name}"), tree, between, key, out);
            }
        }
    }
}

fn nested(tree: &Tree, indent: usize, out: &mut String) {
    match tree {
        Tree::Text(text) => writeln!(out, " {}", quoted(text)).unwrap(),
        Tree::List(texts) if texts.is_empty() => out.push_str(" []\n"),
        Tree::List(texts) => {
            out.push('\n');
            for text in texts {
                writeln!(out, "{:indent$}- {}", "", quoted(text)).unwrap();
            }
        }
        Tree::Table(tables) => {
            out.push('\n');
            for (name, tree) in tables {
                write!(out, "{:indent$}{}:", "", quoted(name)).unwrap();
                nested(tree, indent + 2, out);
            }
        }
    }
}

proptest! {
    #[test]
    fn one_tree_of_keys_is_one_configuration_however_it_is_written(trees in trees()) {
        let root = Tree::Table(trees.clone());
        let mut toml = String::new();
        let mut flat_yaml = String::new();
        let mut nested_yaml = String::from("reporters:");
        for (name, tree) in &trees {
            flat(&format!("reporters.{name}"), tree, " = ", str::to_owned, &mut toml);
            flat(&format!("reporters.{name}"), tree, ": ", quoted, &mut flat_yaml);
        }
        nested(&root, 2, &mut nested_yaml);
        let read = |config: Result<Config, _>, text: &str| config.map_err(|error| TestCaseError::fail(format!("{error}: {text}")));
        let toml = read(Config::from_toml(&toml), &toml)?;
        let flat_yaml = read(Config::from_yaml(&flat_yaml), &flat_yaml)?;
        let nested_yaml = read(Config::from_yaml(&nested_yaml), &nested_yaml)?;
        prop_assert!(toml == flat_yaml);
        prop_assert!(flat_yaml == nested_yaml);
    }

    #[test]
    fn any_text_is_a_configuration_or_an_error(
        text in any::<String>(),
        likely in "(metrics|reporters|[ a:.=\\[\\]{}'\",&*#?|>!%@`~\\\\\\-\\t\\n0-9]){0,40}",
    ) {
        for text in [text, likely] {
            let _yaml = Config::from_yaml(&text);
            let _toml = Config::from_toml(&text);
        }
    }

    #[test]
    fn any_bytes_in_a_file_are_a_configuration_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["x.toml", "x.yaml"] {
            let path = folder.path().join(name);
            std::fs::write(&path, &bytes).unwrap();
            let _either = Config::from_file(&path);
        }
    }
}

#[test]
fn what_is_deep_or_large_beyond_sense_is_an_error_soon() {
    for part in ["[", "{a: ", "- ", "? ", "a:\n ", "&a [*a, "] {
        assert!(Config::from_yaml(&part.repeat(20_000)).is_err(), "{part}");
    }
    for part in ["a = [", "a = {b = "] {
        assert!(Config::from_toml(&part.repeat(20_000)).is_err(), "{part}");
    }
    assert!(Config::from_toml(&format!("a = {}", "[".repeat(20_000))).is_err());
    for times in [20_000, 500_000] {
        let error = Config::from_toml(&format!("[{}a]", "a.".repeat(times))).unwrap_err().to_string();
        assert!(error.len() < 300, "{error}");
        let error = Config::from_toml(&format!("{}a = 1", "a.".repeat(times))).unwrap_err().to_string();
        assert!(error.len() < 300, "{error}");
    }
    let lists = format!("reporters.x.y: {}{}", "[".repeat(20_000), "]".repeat(20_000));
    assert!(Config::from_yaml(&lists).is_err());
}
