//! Which differences of a report the backend has accepted.

/// Parts of a report: behind one mark, up to another. Apart from each other, and in order.
#[derive(Debug, Default)]
pub(crate) struct Accepted(Vec<(u64, u64)>);

impl Accepted {
    /// All of it.
    pub(crate) fn all() -> Self {
        Self(vec![(0, u64::MAX)])
    }

    pub(crate) fn add(&mut self, after: u64, up_to: u64) {
        if after >= up_to {
            return;
        }
        self.0.push((after, up_to));
        self.0.sort_unstable();
        self.0.dedup_by(|later, earlier| {
            let meet = later.0 <= earlier.1;
            if meet {
                earlier.1 = earlier.1.max(later.1);
            }
            meet
        });
    }

    /// Whether the difference with this mark is in it. Marks are from 1.
    pub(super) fn contains(&self, mark: u64) -> bool {
        let position = self.0.partition_point(|(_, up_to)| *up_to < mark);
        self.0.get(position).is_some_and(|(after, _)| *after < mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(accepted: &Accepted) -> Vec<u64> {
        (1..=10).filter(|mark| accepted.contains(*mark)).collect()
    }

    #[test]
    fn parts_are_behind_one_mark_and_up_to_another() {
        let mut accepted = Accepted::default();
        assert_eq!(held(&accepted), []);
        accepted.add(0, 3);
        accepted.add(5, 7);
        accepted.add(8, 8);
        assert_eq!(held(&accepted), [1, 2, 3, 6, 7]);
        accepted.add(3, 4);
        assert_eq!((held(&accepted), accepted.0.len()), (vec![1, 2, 3, 4, 6, 7], 2));
        accepted.add(0, 9);
        assert_eq!((held(&accepted), accepted.0.len()), ((1..=9).collect(), 1));
        assert_eq!(held(&Accepted::all()).len(), 10);
    }

    #[test]
    fn parts_may_come_in_any_order() {
        let mut accepted = Accepted::default();
        accepted.add(5, 7);
        accepted.add(0, 2);
        accepted.add(6, 9);
        assert_eq!(held(&accepted), [1, 2, 6, 7, 8, 9]);
    }
}
