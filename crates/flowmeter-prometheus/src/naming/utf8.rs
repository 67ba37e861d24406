//! Names as they are registered.

use flowmeter_core::Family;

use super::native::push_unit;
use super::{Kind, Names, POLICY};

/// Names as they are registered, with the unit and `_total` behind them: `taskmanager.job.task.numRecordsIn_total`. Keys of
/// variables are labels as they are.
///
/// It is what OpenTelemetry calls `NoUTF8EscapingWithSuffixes`. Servers that do not take such names get them
/// [escaped](https://prometheus.io/docs/guides/utf8/) in the way that they ask for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8Names;

impl Names for Utf8Names {
    fn metric_name(&self, family: &Family, out: &mut String) {
        if let Some(name) = family.name_in(POLICY) {
            out.push_str(name);
            return;
        }
        if !family.logical_scope().is_empty() {
            out.push_str(family.logical_scope());
            out.push('.');
        }
        let own = out.len();
        out.push_str(family.name());
        if Kind::of(family) != Kind::Info {
            push_unit(family, own, out);
        }
    }

    fn label_name(&self, key: &str, out: &mut String) {
        out.push_str(key);
    }
}
