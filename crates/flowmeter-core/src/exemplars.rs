//! Where the exemplars of a block are kept.

use std::sync::{Mutex, PoisonError};

use crate::Exemplar;

/// The exemplars of all series of a block.
pub(crate) struct Exemplars(Box<[Mutex<Kept>]>);

/// The exemplars of one series with the slot of each, the latest last.
type Kept = Vec<(ExemplarSlot, Exemplar)>;

/// How many exemplars of a series are kept.
const MOST: usize = 16;

/// What at most one exemplar of a series is kept for: buckets of a histogram that no backend's bucket has a part of, so that
/// the latest exemplar of a bucket stays until there is a later one in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExemplarSlot(i32);

impl ExemplarSlot {
    /// The only one of a sum.
    pub(crate) const OF_SUM: Self = Self(0);

    /// One of a histogram's.
    pub(crate) const fn new(number: i32) -> Self {
        Self(number)
    }
}

impl Exemplars {
    pub(crate) fn new(series: usize) -> Self {
        Self((0..series).map(|_| Mutex::default()).collect())
    }

    /// Keeps an exemplar in the place of that in its slot, unless somebody is at those of the series just now.
    pub(crate) fn keep(&self, series: usize, slot: ExemplarSlot, exemplar: Exemplar) {
        let Some(Ok(mut kept)) = self.0.get(series).map(Mutex::try_lock) else { return };
        // The longest there goes where all slots are taken: what is left in its bucket, if anything, is later.
        let place = kept.iter().position(|(taken, _)| *taken == slot);
        if let Some(place) = place.or((kept.len() == MOST).then_some(0)) {
            kept.remove(place);
        }
        kept.push((slot, exemplar));
    }

    /// Those of a series, the least value first.
    pub(crate) fn of(&self, series: usize) -> Vec<Exemplar> {
        let Some(kept) = self.0.get(series) else { return Vec::new() };
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut exemplars: Vec<_> = kept.iter().map(|(_, exemplar)| *exemplar).collect();
        drop(kept);
        exemplars.sort_by(|a, b| a.value().to_f64().total_cmp(&b.value().to_f64()));
        exemplars
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::family::Place;
    use crate::{Counter, Descriptor, Metric, Number, Registry, SetCells, TraceContext};

    fn exemplar(value: f64) -> Exemplar {
        Exemplar::new(Number::F64(value), TraceContext::new([1; 16], [1; 8]))
    }

    #[test]
    fn the_latest_of_each_slot_is_kept_and_of_slots_the_latest() {
        let exemplars = Exemplars::new(2);
        assert_eq!(exemplars.of(1), []);
        for (slot, value) in [(20, 1e6), (-3, -5.0), (0, 1.25), (20, 2e6), (0, 1.5)] {
            exemplars.keep(1, ExemplarSlot::new(slot), exemplar(value));
        }
        assert_eq!(exemplars.of(1), [-5.0, 1.5, 2e6].map(exemplar));
        assert_eq!(exemplars.of(0), [], "nor in any other series");

        for slot in (0..20).chain([4]) {
            exemplars.keep(0, ExemplarSlot::new(slot), exemplar(f64::from(slot)));
        }
        let latest = std::array::from_fn(|i| exemplar(4.0 + i as f64));
        assert_eq!(exemplars.of(0), latest as [Exemplar; 16]);
        exemplars.keep(0, ExemplarSlot::new(30), exemplar(30.0));
        assert_eq!(exemplars.of(0)[..2], [4.0, 6.0].map(exemplar), "the one of 5 had been there for longest");
    }

    #[test]
    fn who_is_read_by_nobody_keeps_none() {
        const DESCRIPTORS: &[Descriptor] = &[Descriptor::of::<Counter>(Metric::new("n"))];
        let registry = Registry::new();
        let group = registry.add_group("g");
        let kept_of = |mut cells: SetCells| {
            let block = Arc::clone(cells.block());
            let counter: Counter = cells.take();
            counter.inc_with_exemplar(&TraceContext::new([1; 16], [1; 8]));
            assert_eq!(counter.get(), 1);
            block.exemplars(Place::Word(0)).len()
        };
        assert_eq!(kept_of(group.register_set(DESCRIPTORS).unwrap()), 1);
        let error = group.register_set(DESCRIPTORS).map(drop).unwrap_err();
        assert_eq!(kept_of(group.detached(DESCRIPTORS, &error)), 0);
    }

    #[test]
    fn whoever_comes_while_one_looks_does_not_wait() {
        let exemplars = Arc::new(Exemplars::new(1));
        let reading = exemplars.0[0].lock().unwrap();
        let (done, is_done) = mpsc::channel();
        let recorder = Arc::clone(&exemplars);
        thread::spawn(move || {
            recorder.keep(0, ExemplarSlot::OF_SUM, exemplar(1.0));
            done.send(()).unwrap();
        });
        is_done.recv_timeout(Duration::from_secs(20)).unwrap();
        drop(reading);
        assert_eq!(exemplars.of(0), []);
        exemplars.keep(0, ExemplarSlot::OF_SUM, exemplar(2.0));
        assert_eq!(exemplars.of(0), [exemplar(2.0)]);
    }
}
