//! Names with parts that are open, in one form for both sides of a comparison.
//!
//! | written | stands for | in the normal form |
//! |---|---|---|
//! | `<name>` | what is known at run time only | `<>` |
//! | `key=<value>` | a variable, of which names with labels have the key alone | `key` |
//! | `(a\|b)` | each of these | one name each |
//! | `[a]` | something that settings bring | one name with it and one without |

/// The names that a pattern of Flink's stands for, in the normal form.
pub(super) fn expand(pattern: &str) -> Vec<String> {
    if let Some((before, inside, after)) = bracketed(pattern, '[', ']') {
        return ["", inside].iter().flat_map(|inside| expand(&format!("{before}{inside}{after}"))).collect();
    }
    if let Some((before, inside, after)) = bracketed(pattern, '(', ')') {
        return inside.split('|').flat_map(|inside| expand(&format!("{before}{inside}{after}"))).collect();
    }
    vec![normal(pattern)]
}

/// A name in the normal form: variables are their keys, and what is known at run time only has no name.
pub(super) fn normal(name: &str) -> String {
    let Some((before, _, after)) = bracketed(name, '<', '>') else { return name.to_owned() };
    match before.strip_suffix('=') {
        Some(before) => format!("{before}{}", normal(after)),
        None => format!("{before}<>{}", normal(after)),
    }
}

/// What stands before, in, and after the first brackets, which may have others in them.
pub(super) fn bracketed(text: &str, open: char, close: char) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once(open)?;
    let mut depth = 1_usize;
    for (position, character) in rest.char_indices() {
        if character == open {
            depth += 1;
        } else if character == close {
            depth -= 1;
        }
        if depth == 0 {
            return Some((before, &rest[..position], &rest[position + close.len_utf8()..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_all_their_names() {
        for (pattern, names) in [
            ("numRecordsIn", &["numRecordsIn"][..]),
            ("currentInput<N>Watermark", &["currentInput<>Watermark"]),
            ("System.Network.<interface>.SendRate", &["System.Network.<>.SendRate"]),
            ("split=<splitId>.watermark.currentWatermark", &["split.watermark.currentWatermark"]),
            ("topic=<t>.partition=<p>.offset", &["topic.partition.offset"]),
            ("Netty.(Input|Output).<index>.len", &["Netty.Input.<>.len", "Netty.Output.<>.len"]),
            (
                "latency[.source_id=<id>[.source_subtask_index=<n>]].operator_id=<id>.latency",
                &[
                    "latency.operator_id.latency",
                    "latency.source_id.operator_id.latency",
                    "latency.source_id.source_subtask_index.operator_id.latency",
                ],
            ),
        ] {
            assert_eq!(expand(pattern), names, "{pattern}");
        }
    }

    #[test]
    fn the_name_of_what_is_open_does_not_matter() {
        assert_eq!(normal("UsageCPU<n>"), normal("UsageCPU<cpu>"));
        assert_ne!(normal("UsageCPU<n>"), normal("UsageCPU"));
        assert_eq!(normal("Network.<interface>.<n>x"), "Network.<>.<>x");
        assert_eq!(normal("a<b"), "a<b", "never closed");
    }
}
