//! The groups that a recorder has made for labels.

use std::collections::HashMap;

use flowmeter_core::MetricGroup;
use metrics::Label;

/// How many series there are in and below each group of labels, by the labels of its path.
#[derive(Default)]
pub(super) struct Places(HashMap<Box<[Label]>, usize>);

impl Places {
    /// Another series has these labels.
    pub(super) fn add(&mut self, labels: &[Label]) {
        for depth in 1..=labels.len() {
            match self.0.get_mut(&labels[..depth]) {
                Some(series) => *series += 1,
                None => drop(self.0.insert(labels[..depth].into(), 1)),
            }
        }
    }

    /// A series of these labels is gone. Returns how deep the outermost group is that has none left.
    pub(super) fn remove(&mut self, labels: &[Label]) -> Option<usize> {
        let mut empty = None;
        for depth in (1..=labels.len()).rev() {
            let Some(series) = self.0.get_mut(&labels[..depth]) else { continue };
            *series -= 1;
            if *series == 0 {
                self.0.remove(&labels[..depth]);
                empty = Some(depth);
            }
        }
        empty
    }
}

/// The group of some labels. Where one is refused, the group that refused it, and how many were taken before.
pub(super) fn group_of(group: &MetricGroup, labels: &[Label]) -> Result<MetricGroup, (MetricGroup, usize)> {
    labels.iter().enumerate().try_fold(group.clone(), |group, (depth, label)| {
        group.try_add_group_kv(label.key(), label.value()).map_err(|_| (group, depth))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_group_that_is_left_empty_is_told() {
        let labels = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|(key, value)| Label::from_static_parts(key, value)).collect::<Vec<_>>()
        };
        let (long, short, other) =
            (labels(&[("a", "1"), ("b", "2"), ("c", "3")]), labels(&[("a", "1")]), labels(&[("a", "2")]));
        let mut places = Places::default();
        for labels in [&long, &long, &short, &other] {
            places.add(labels);
        }
        assert_eq!(places.remove(&long), None);
        assert_eq!(places.remove(&long), Some(2));
        assert_eq!(places.remove(&short), Some(1));
        assert_eq!(places.remove(&[]), None);
        assert_eq!(places.remove(&other), Some(1));
        assert!(places.0.is_empty());
    }
}
