//! What beans are called.

mod flink;
mod native;

use flowmeter_core::{Family, GroupView};

use crate::shape::Shape;

/// What beans are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamingPolicy {
    /// `flowmeter:type=<logical scope>,<variables>,name=<metric>`, so that a tree of beans shows the metrics of each operator together.
    /// Values are quoted where they must be, so every metric has a bean and every value is what it was. In keys, characters
    /// of the syntax become underscores.
    #[default]
    Native,
    /// Flink's: `org.apache.flink.<logical scope>.<metric>:<variables>`, without the characters that Flink takes out. Where that is no
    /// object name, which is without variables or with a `:` in the metric's name, Flink has no bean, and neither has this. The extremes of
    /// histograms are whole numbers, as Flink's are.
    Flink,
}

/// A bean that each series of a family is shown as.
pub(crate) struct Target {
    /// What its names begin and end with; the variables of the group are in between.
    pub(crate) before: String,
    pub(crate) after: String,
    pub(crate) shape: Shape,
}

/// Between both parts in what is prepared of a family. In no quoted value, so none is taken for it.
const GAP: char = '\n';

impl NamingPolicy {
    /// Writes what the names of all beans of a family have in common.
    pub(crate) fn prepare_family(self, family: &Family, out: &mut Vec<u8>) {
        if let Some(target) = self.targets(family).into_iter().next() {
            out.extend_from_slice(target.before.as_bytes());
            out.extend(target.after.chars().next().map(|_| GAP as u8));
            out.extend_from_slice(target.after.as_bytes());
        }
    }

    /// Writes the variables of a group.
    pub(crate) fn prepare_group(self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Native => native::prepare_group(group, out),
            Self::Flink => flink::prepare_group(group, out),
        }
    }

    /// The beans of a family's series: first the one that it is prepared as, then those that Flink has besides.
    pub(crate) fn targets(self, family: &Family) -> Vec<Target> {
        match self {
            Self::Native => vec![native::target(family)],
            Self::Flink => flink::targets(family),
        }
    }
}
