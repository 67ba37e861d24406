//! Open parts of names where names are made of words.

use flowmeter::{Family, push_snake_case};

use super::pattern::bracketed;

/// A name in snake case that was made of a family, with the parts in angle brackets that are known at run time only. They are
/// open in the family's own name, but come out of the making as if they were words.
pub(super) fn reopened(made: &str, family: &Family, separator: char) -> String {
    let mut reopened = String::new();
    let mut rest = made;
    for part in family.logical_scope().split('.').chain([family.name()]) {
        // A name that the metric has given itself is not made of these parts.
        let Some(after) = rest.strip_prefix(&snake_case(part)) else { break };
        reopened.push_str(&open_snake_case(part));
        rest = after;
        if let Some(after) = rest.strip_prefix(separator) {
            reopened.push(separator);
            rest = after;
        }
    }
    reopened + rest
}

/// A part in snake case, but for what is in angle brackets. A number or a word in lower case goes on with the word
/// before, and a new word begins behind it.
fn open_snake_case(part: &str) -> String {
    let Some((before, inside, after)) = bracketed(part, '<', '>') else { return snake_case(part) };
    let after = open_snake_case(after);
    let between = if after.is_empty() || after.starts_with('<') { "" } else { "_" };
    format!("{}<{inside}>{between}{after}", snake_case(before))
}

fn snake_case(word: &str) -> String {
    let mut out = String::new();
    push_snake_case(word, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowmeter::{CatalogueEntry, Descriptor, Gauge, Metric, ScopeKind};

    #[test]
    fn what_is_open_is_in_brackets_and_the_rest_stays() {
        const DESCRIPTORS: &[Descriptor] = &[
            Descriptor::of::<Gauge<u64>>(Metric::new("currentInput<N>Watermark")),
            Descriptor::of::<Gauge<u64>>(Metric::new("sendRate")),
            Descriptor::of::<Gauge<u64>>(Metric::new("UsageCPU<n>")),
        ];
        let entry = CatalogueEntry {
            registered_by: "",
            scopes: &[],
            groups: "Network.<interface>",
            descriptors: DESCRIPTORS,
        };
        let names: Vec<_> = entry
            .families(ScopeKind::TaskManager)
            .map(|family| reopened(&family.dotted_name(), &family, '.'))
            .collect();
        assert_eq!(
            names,
            [
                "taskmanager.network.<interface>.current_input<N>_watermark",
                "taskmanager.network.<interface>.send_rate",
                "taskmanager.network.<interface>.usage_cpu<n>",
            ]
        );
        let first = entry.families(ScopeKind::TaskManager).next().expect("there are three");
        let made = "taskmanager_network_interface_current_input_n_watermark_seconds";
        let open = "taskmanager_network_<interface>_current_input<N>_watermark_seconds";
        assert_eq!(reopened(made, &first, '_'), open);
        assert_eq!(reopened("process_n_seconds", &first, '_'), "process_n_seconds", "its own name");
    }
}
