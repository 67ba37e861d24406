//! What job code finds of its own operators.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use flowmeter_core::MetricGroup;

thread_local! {
    /// The operators of this thread's worker, by address.
    static MEASURED: RefCell<HashMap<Vec<usize>, Measured>> = RefCell::default();
}

/// One operator that is measured, or a task of several.
#[derive(Clone)]
pub(crate) struct Measured {
    group: MetricGroup,
    /// That of its task.
    pressure: Rc<Pressure>,
}

impl Measured {
    /// Lets job code on this thread find the operator of an address.
    pub(crate) fn announce(address: &[usize], group: MetricGroup, pressure: &Rc<Pressure>) {
        let measured = Self { group, pressure: Rc::clone(pressure) };
        MEASURED.with_borrow_mut(|all| all.insert(address.to_vec(), measured));
    }

    /// The operator of an address is gone.
    pub(crate) fn forget(address: &[usize]) {
        // A worker that is dropped with its thread comes after the list.
        let _ = MEASURED.try_with(|all| all.borrow_mut().remove(address));
    }

    /// All operators of a dataflow are gone.
    pub(crate) fn forget_dataflow(dataflow: usize) {
        let _ =
            MEASURED.try_with(|all| all.borrow_mut().retain(|address, _| address.first() != Some(&dataflow)));
    }
}

/// For how long a task has been back-pressured, since that was last asked.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    /// How many of its operators are held back.
    operators: Cell<usize>,
    since: Cell<Option<Instant>>,
    /// Up to where it was taken.
    taken: Cell<Option<Instant>>,
    time: Cell<Duration>,
    longest: Cell<Duration>,
}

impl Pressure {
    /// One more operator is held back.
    fn begin(&self, now: Instant) {
        self.operators.set(self.operators.get() + 1);
        if self.since.get().is_none() {
            self.since.set(Some(now));
            self.taken.set(Some(now));
        }
    }

    /// One less is.
    fn end(&self, now: Instant) {
        self.operators.set(self.operators.get().saturating_sub(1));
        if self.operators.get() == 0
            && let Some(since) = self.since.get()
        {
            self.collect(now);
            self.since.set(None);
            self.longest.set(self.longest.get().max(now.saturating_duration_since(since)));
        }
    }

    fn collect(&self, now: Instant) {
        if self.since.get().is_some()
            && let Some(taken) = self.taken.replace(Some(now))
        {
            self.time.set(self.time.get() + now.saturating_duration_since(taken));
        }
    }

    /// The time since this was last called.
    pub(crate) fn take(&self) -> Duration {
        if self.since.get().is_some() {
            self.collect(Instant::now());
        }
        self.time.take()
    }

    /// The longest stay that ended since this was last called.
    pub(crate) fn take_longest(&self) -> Option<Duration> {
        Some(self.longest.take()).filter(|longest| !longest.is_zero())
    }
}

/// An operator as its own code sees it: for metrics that timely does not tell of, such as those of sources, windows and state.
///
/// ```
/// use flowmeter_core::Counter;
/// use flowmeter_timely::MeasuredOperator;
/// use timely::dataflow::operators::generic::OperatorInfo;
///
/// # fn logic(info: &OperatorInfo) {
/// // When the operator is built:
/// let mut measured = MeasuredOperator::new(&info.address);
/// let mut late: Option<Counter> = None;
/// // When it runs, on the worker's thread:
/// if late.is_none() {
///     late = measured.group().map(|group| group.counter("lateRecords"));
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct MeasuredOperator {
    address: Vec<usize>,
    group: Option<MetricGroup>,
    pressure: Option<Rc<Pressure>>,
    is_back_pressured: bool,
}

impl MeasuredOperator {
    /// The operator of an address, which timely tells who builds it.
    #[must_use]
    pub fn new(address: &[usize]) -> Self {
        Self { address: address.to_vec(), group: None, pressure: None, is_back_pressured: false }
    }

    /// The group of the operator. There is none while its dataflow is built and in the first step after, when timely
    /// has not told of it yet, and none at all where the worker is not instrumented.
    pub fn group(&mut self) -> Option<&MetricGroup> {
        self.find();
        self.group.as_ref()
    }

    /// Says whether the operator holds back what it could emit, because those behind it do not keep up. Timely's
    /// channels have no bound, so only job code knows: a source that waits for a probe, for example. What its task is
    /// not busy meanwhile counts as back-pressured, and not as idle, in
    /// [`TaskTimeMetrics`](flowmeter_stream::TaskTimeMetrics).
    pub fn set_back_pressured(&mut self, is_back_pressured: bool) {
        if self.is_back_pressured == is_back_pressured {
            return;
        }
        self.find();
        if let Some(pressure) = &self.pressure {
            self.is_back_pressured = is_back_pressured;
            let now = Instant::now();
            if is_back_pressured { pressure.begin(now) } else { pressure.end(now) }
        }
    }

    fn find(&mut self) {
        if self.group.is_none() {
            let found = MEASURED.with_borrow(|all| all.get(&self.address).cloned());
            if let Some(Measured { group, pressure }) = found {
                (self.group, self.pressure) = (Some(group), Some(pressure));
            }
        }
    }
}

impl Drop for MeasuredOperator {
    fn drop(&mut self) {
        self.set_back_pressured(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_that_is_gone_is_not_held_back() {
        let pressure = Rc::new(Pressure::default());
        Measured::announce(&[0, 1], MetricGroup::noop(), &pressure);
        let mut operators = [MeasuredOperator::new(&[0, 1]), MeasuredOperator::new(&[0, 1])];
        for operator in &mut operators {
            operator.set_back_pressured(true);
            operator.set_back_pressured(true);
        }
        assert_eq!(pressure.operators.get(), 2);
        operators[0].set_back_pressured(false);
        assert!(pressure.since.get().is_some());
        drop(operators);
        assert!(pressure.since.get().is_none());
        Measured::forget(&[0, 1]);
        assert!(MeasuredOperator::new(&[0, 1]).group().is_none());
    }

    #[test]
    fn all_of_a_dataflow_are_forgotten() {
        let pressure = Rc::default();
        for address in [[7, 1], [7, 2], [8, 1]] {
            Measured::announce(&address, MetricGroup::noop(), &pressure);
        }
        Measured::forget_dataflow(7);
        let is_there = |address: &[usize]| MeasuredOperator::new(address).group().is_some();
        assert_eq!([is_there(&[7, 1]), is_there(&[7, 2]), is_there(&[8, 1])], [false, false, true]);
        Measured::forget(&[8, 1]);
    }

    #[test]
    fn pressure_is_taken_while_it_goes_on_and_when_it_is_over() {
        let (pressure, began) = (Pressure::default(), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        pressure.end(at(0));
        assert_eq!(pressure.take(), Duration::ZERO);
        // Two operators of the task, one after the other.
        pressure.begin(at(1));
        pressure.begin(at(2));
        pressure.end(at(3));
        pressure.collect(at(4));
        pressure.end(at(6));
        pressure.begin(at(7));
        pressure.end(at(8));
        assert_eq!(pressure.take(), Duration::from_secs(6));
        assert_eq!(pressure.take(), Duration::ZERO);
        assert_eq!(pressure.take_longest(), Some(Duration::from_secs(5)));
        assert_eq!(pressure.take_longest(), None);
    }
}
