//! Paths: parts with `/` between them, in which `!` makes the next character an ordinary one.

/// The parts of a path, without what escapes. An empty part at the end is none.
pub(super) fn split(path: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match c {
            '/' => parts.push(std::mem::take(&mut part)),
            '!' => part.push(chars.next().unwrap_or(c)),
            c => part.push(c),
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// The path of some parts.
pub(super) fn join<'a>(parts: impl IntoIterator<Item = &'a String>) -> String {
    let mut path = String::new();
    for (number, part) in parts.into_iter().enumerate() {
        path.push_str(if number > 0 { "/" } else { "" });
        for c in part.chars() {
            if matches!(c, '/' | '!') {
                path.push('!');
            }
            path.push(c);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_split_at_slashes_that_are_not_escaped() {
        for (path, parts) in [
            ("", &[][..]),
            ("/", &[""]),
            ("a", &["a"]),
            ("a/b/", &["a", "b"]),
            ("a//b", &["a", "", "b"]),
            ("a!/b/c", &["a/b", "c"]),
            ("a!!/b", &["a!", "b"]),
            ("a!!!/b", &["a!/b"]),
            ("!\"a!\"", &["\"a\""]),
            ("!a!é", &["aé"]),
            ("a!", &["a!"]),
            ("a/!/", &["a", "/"]),
        ] {
            assert_eq!(split(path), parts, "{path}");
        }
    }

    proptest! {
        #[test]
        fn what_was_joined_is_split(parts in prop::collection::vec("[a/!\"é*]{0,4}", 0..5), last in "[a/!]{1,3}") {
            let parts = [parts, vec![last]].concat();
            prop_assert_eq!(split(&join(&parts)), parts);
        }

        #[test]
        fn a_split_path_stays_what_it_is(path in "\\PC*") {
            let parts = split(&path);
            prop_assume!(parts.last().is_some_and(|last| !last.is_empty()));
            prop_assert_eq!(split(&join(&parts)), parts);
        }
    }
}
