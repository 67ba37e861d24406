//! Buckets as readers see them.

/// The buckets of one sign, from the lowest that holds a value to the highest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketRange {
    offset: i32,
    counts: Vec<u64>,
}

impl BucketRange {
    /// The index of the first bucket; 0 when there is none.
    #[must_use]
    pub fn offset(&self) -> i32 {
        self.offset
    }

    /// The counts from the first bucket on, without gaps.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Index and count of each bucket in between, empty ones included.
    pub fn iter(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        (self.offset..).zip(self.counts.iter().copied())
    }

    /// The same from the last bucket to the first.
    pub(super) fn iter_down(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        (0..self.counts.len()).rev().map(|position| (self.offset + position as i32, self.counts[position]))
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(super) fn clear(&mut self) {
        self.counts.clear();
        self.offset = 0;
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.offset = other.offset;
        self.counts.clone_from(&other.counts);
    }

    /// Adds to a bucket. Indices come in ascending order, equal ones in a row.
    pub(super) fn add(&mut self, index: i32, count: u64) {
        if self.counts.is_empty() {
            self.offset = index;
        }
        let position = (index - self.offset) as usize;
        self.counts.resize(self.counts.len().max(position + 1), 0);
        self.counts[position] += count;
    }

    /// The number of buckets from the first to the last.
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// Makes one bucket of each `2^steps`.
    pub(super) fn coarsen(&mut self, steps: u32) {
        let first = self.offset >> steps;
        for position in 0..self.counts.len() {
            let coarse = (((self.offset + position as i32) >> steps) - first) as usize;
            let count = std::mem::take(&mut self.counts[position]);
            self.counts[coarse] += count;
        }
        let last = (self.offset + self.counts.len() as i32 - 1) >> steps;
        self.counts.truncate(if self.counts.is_empty() { 0 } else { (last - first) as usize + 1 });
        self.offset = first;
    }

    /// Takes off the counts of another range of the same scale, none below zero, and empty buckets at both ends.
    pub(super) fn subtract(&mut self, earlier: &Self) {
        for (index, count) in earlier.iter() {
            let mine =
                usize::try_from(index - self.offset).ok().and_then(|position| self.counts.get_mut(position));
            if let Some(mine) = mine {
                *mine = mine.saturating_sub(count);
            }
        }
        self.counts.truncate(self.counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1));
        let empty = self.counts.iter().take_while(|count| **count == 0).count();
        self.counts.drain(..empty);
        self.offset = if self.counts.is_empty() { 0 } else { self.offset + empty as i32 };
    }

    /// Adds all buckets of another range of the same scale.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.counts.is_empty() {
            return;
        }
        if self.counts.is_empty() {
            self.offset = other.offset;
        }
        if other.offset < self.offset {
            let missing = (self.offset - other.offset) as usize;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.offset = other.offset;
        }
        let shift = (other.offset - self.offset) as usize;
        self.counts.resize(self.counts.len().max(shift + other.counts.len()), 0);
        for (mine, theirs) in self.counts[shift..].iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }
}

/// Classic buckets of explicit bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassicBuckets {
    pub(super) bounds: &'static [f64],
    pub(super) counts: Vec<u64>,
}

impl ClassicBuckets {
    /// The upper bounds, which belong to their buckets, ascending.
    #[must_use]
    pub fn bounds(&self) -> &'static [f64] {
        self.bounds
    }

    /// How many values are in each bucket, not cumulated: one more than there are bounds, for what exceeds them all.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.bounds = other.bounds;
        self.counts.clone_from(&other.counts);
    }

    /// Changes each count by that of the same bucket of another with the same bounds.
    pub(super) fn combine(&mut self, other: &Self, change: impl Fn(u64, u64) -> u64) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = change(*mine, *theirs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(offset: i32, counts: &[u64]) -> BucketRange {
        BucketRange { offset, counts: counts.to_vec() }
    }

    #[test]
    fn coarser_buckets_hold_what_the_finer_ones_held() {
        let mut buckets = range(-3, &[1, 2, 4, 8, 16]);
        buckets.coarsen(1);
        assert_eq!(buckets, range(-2, &[1, 6, 24]));
        buckets.coarsen(2);
        assert_eq!(buckets, range(-1, &[7, 24]));
        let mut none = range(5, &[]);
        none.coarsen(3);
        assert_eq!(none.counts(), &[] as &[u64]);
    }

    #[test]
    fn a_difference_has_no_empty_ends() {
        let mut buckets = range(10, &[3, 1, 5, 2]);
        buckets.subtract(&range(9, &[1, 3, 0, 1, 2, 7]));
        assert_eq!(buckets, range(11, &[1, 4]));
        let copy = buckets.clone();
        buckets.subtract(&copy);
        assert_eq!(buckets.counts(), &[] as &[u64]);
    }

    #[test]
    fn merging_takes_in_what_lies_apart_on_both_sides() {
        let mut buckets = range(2, &[1]);
        buckets.merge(&range(4, &[2, 3]));
        buckets.merge(&range(0, &[5]));
        buckets.merge(&range(100, &[]));
        assert_eq!(buckets, range(0, &[5, 0, 1, 0, 2, 3]));
    }
}
