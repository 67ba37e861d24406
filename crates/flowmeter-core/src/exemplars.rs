//! Where the exemplars of a block are kept.

use std::sync::{Mutex, PoisonError};

use crate::{Exemplar, Number};

/// The exemplars of all series of a block.
pub(crate) struct Exemplars(Box<[Mutex<Kept>]>);

/// The exemplars of one series, with the slot of each.
type Kept = Vec<(Slot, Exemplar)>;

/// What at most one exemplar of a series is kept for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u8);

impl Slot {
    /// The only one of a sum.
    pub(crate) const OF_SUM: Self = Self(0);

    /// That of a value of a histogram: one of 16, which it shares with those of its octave and of every 16th from there.
    pub(crate) fn of_value(value: Number) -> Self {
        Self((value.to_f64().to_bits() >> 52 & 15) as u8)
    }
}

impl Exemplars {
    pub(crate) fn new(series: usize) -> Self {
        Self((0..series).map(|_| Mutex::default()).collect())
    }

    /// Keeps an exemplar in the place of that in its slot, unless somebody is at those of the series just now.
    pub(crate) fn keep(&self, series: usize, slot: Slot, exemplar: Exemplar) {
        let Some(Ok(mut kept)) = self.0.get(series).map(Mutex::try_lock) else { return };
        match kept.iter_mut().find(|(taken, _)| *taken == slot) {
            Some((_, earlier)) => *earlier = exemplar,
            None => kept.push((slot, exemplar)),
        }
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
    use crate::{Counter, Descriptor, Metric, Registry, SetCells, TraceContext};

    fn exemplar(value: f64) -> Exemplar {
        Exemplar::new(Number::F64(value), TraceContext::new([1; 16], [1; 8]))
    }

    #[test]
    fn the_latest_of_each_magnitude_is_kept() {
        let exemplars = Exemplars::new(2);
        assert_eq!(exemplars.of(1), []);
        for value in [1e6, -5.0, 1.25, 0.0, 2e6, 1.5, 0.0] {
            exemplars.keep(1, Slot::of_value(Number::F64(value)), exemplar(value));
        }
        assert_eq!(exemplars.of(1), [-5.0, 0.0, 1.5, 1e6, 2e6].map(exemplar));
        assert_eq!(exemplars.of(0), [], "nor in any other series");

        for exponent in -300..300 {
            let value = 2_f64.powi(exponent);
            exemplars.keep(0, Slot::of_value(Number::F64(value)), exemplar(value));
        }
        let latest = std::array::from_fn(|i| exemplar(2_f64.powi(284 + i as i32)));
        assert_eq!(exemplars.of(0), latest as [Exemplar; 16]);
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
            recorder.keep(0, Slot::OF_SUM, exemplar(1.0));
            done.send(()).unwrap();
        });
        is_done.recv_timeout(Duration::from_secs(20)).unwrap();
        drop(reading);
        assert_eq!(exemplars.of(0), []);
        exemplars.keep(0, Slot::OF_SUM, exemplar(2.0));
        assert_eq!(exemplars.of(0), [exemplar(2.0)]);
    }
}
