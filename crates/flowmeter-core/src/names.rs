//! Names in lower case, for backends that have them so.

use crate::Family;

impl Family {
    /// The name in dotted lower case, as OpenTelemetry has it: the parts of the logical scope and the metric's name,
    /// each in snake case, such as `taskmanager.job.task.num_records_in`.
    #[must_use]
    pub fn dotted_name(&self) -> String {
        let mut name = String::new();
        for part in self.logical_scope().split('.').chain([self.name()]) {
            let mut word = String::new();
            push_snake_case(part, &mut word);
            if !(name.is_empty() || word.is_empty()) {
                name.push('.');
            }
            name.push_str(&word);
        }
        name
    }
}

/// Appends a word in snake case, after an underscore if something is there. What is not a letter, a digit or an
/// underscore in ASCII becomes an underscore; underscores in a row become one, and none are left at the ends.
pub fn push_snake_case(word: &str, out: &mut String) {
    let start = out.len();
    let mut characters = word.chars().peekable();
    // What the character before was: a word goes on after a lower-case letter or digit, and after an upper-case one
    // unless that begins the next word, as the S in `HTTPServer`.
    let (mut after_lower, mut after_upper) = (false, false);
    while let Some(character) = characters.next() {
        let begins_word = character.is_ascii_uppercase()
            && (after_lower || (after_upper && characters.peek().is_some_and(char::is_ascii_lowercase)));
        if begins_word || !character.is_ascii_alphanumeric() {
            push_separator(start, out);
        }
        if character.is_ascii_alphanumeric() {
            if out.len() == start {
                push_separator(0, out);
            }
            out.push(character.to_ascii_lowercase());
        }
        after_lower = character.is_ascii_lowercase() || character.is_ascii_digit();
        after_upper = character.is_ascii_uppercase();
    }
    while out.len() > start && out.ends_with('_') {
        out.pop();
    }
}

/// Appends an underscore, unless the text from `start` on is empty or ends in one.
fn push_separator(start: usize, out: &mut String) {
    if out.len() > start && !out.ends_with('_') {
        out.push('_');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Scope;
    use crate::{Counter, Descriptor, Metric};

    fn snake_case(word: &str) -> String {
        let mut out = String::new();
        push_snake_case(word, &mut out);
        out
    }

    #[test]
    fn words_are_separated() {
        for (word, expected) in [
            ("numRecordsIn", "num_records_in"),
            ("currentInput1Watermark", "current_input1_watermark"),
            ("HTTPServerErrors", "http_server_errors"),
            ("Status", "status"),
            ("JVM", "jvm"),
            ("already_snake", "already_snake"),
            ("odd name:with.dots-and/slash", "odd_name_with_dots_and_slash"),
            ("__x__", "x"),
            ("é", ""),
            ("naïve", "na_ve"),
        ] {
            assert_eq!(snake_case(word), expected, "{word}");
        }
    }

    #[test]
    fn dotted_names_are_of_words() {
        let name = |scope: &Scope, metric: &'static str| {
            scope.single_set(&Descriptor::of::<Counter>(Metric::new(metric))).members[0].family.dotted_name()
        };
        let task = Scope::new("taskmanager.job.task");
        assert_eq!(name(&task, "numRecordsIn"), "taskmanager.job.task.num_records_in");
        assert_eq!(name(&Scope::new("").child("Status.JVM"), "é"), "status.jvm");
        assert_eq!(name(&Scope::new("").child("System"), "Load1min"), "system.load1min");
    }
}
