//! Metric groups: where metrics are registered.

use std::fmt;
use std::sync::Arc;

use crate::block::{Block, Keep, Object};
use crate::collected::Outcome;
use crate::core::Core;
use crate::gauge::GaugeValue;
use crate::histogram::HistogramValue;
use crate::milestone::Milestone;
use crate::node::Node;
use crate::sample::Output;
use crate::sampler::Call;
use crate::set::{Descriptor, MetricHandle, MetricSet, SetCells, Slot};
use crate::{
    Clock, Collected, Counter, Error, Event, Gauge, GroupView, Histogram, Meter, Metric, MetricKind,
    SharedCounter, SharedGauge, SharedHistogram, SharedMeter, SharedUpDownCounter, Span, TextGauge,
    TimeMeter, UpDownCounter, ValueType,
};

/// A node of the group tree: a place with variables, at which metrics and further groups are registered.
///
/// This is a reference, which clones and goes anywhere. What a group holds lives until the group is closed, by
/// [`close`](Self::close) or with the owner above it ([`TaskGroup`](crate::TaskGroup) and the other system groups).
/// After that every reporter reports the final values once more and lets the series go.
///
/// Registering through the plain calls always gives a working handle. Where the registration is refused, because the
/// group is closed or has the metric already, the handle records into cells that nobody reports, and the refusal is
/// logged and counted. The `try_` calls return it as an error instead.
#[derive(Clone)]
pub struct MetricGroup(Arc<Node>);

impl MetricGroup {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self(node)
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.0
    }

    /// A group for nobody: what is registered in it and below works and is never reported. For libraries whose users may
    /// not want metrics. Each is apart from all others, and takes some kilobytes.
    #[must_use]
    pub fn noop() -> Self {
        let node = Node::root(&Core::noop());
        node.lifecycle().close(std::time::Duration::ZERO);
        Self(node)
    }

    /// A counter for one writer. For an error instead of a handle that nobody reports, `try_register::<Counter>`; this holds
    /// for all kinds. A name that is made at run time is given as a `String`.
    pub fn counter(&self, metric: impl Into<Metric>) -> Counter {
        self.handle(metric)
    }

    /// A counter for any number of writers; the same one each time it is asked for.
    pub fn shared_counter(&self, metric: impl Into<Metric>) -> SharedCounter {
        self.handle(metric)
    }

    /// A sum that may go down, for one writer.
    pub fn up_down_counter(&self, metric: impl Into<Metric>) -> UpDownCounter {
        self.handle(metric)
    }

    /// A sum that may go down, for any number of writers; the same one each time it is asked for.
    pub fn shared_up_down_counter(&self, metric: impl Into<Metric>) -> SharedUpDownCounter {
        self.handle(metric)
    }

    /// A count of events with a rate, for one writer.
    pub fn meter(&self, metric: impl Into<Metric>) -> Meter {
        self.handle(metric)
    }

    /// A count of events with a rate, for any number of writers; the same one each time it is asked for.
    pub fn shared_meter(&self, metric: impl Into<Metric>) -> SharedMeter {
        self.handle(metric)
    }

    /// How long something is in a state, for one writer.
    pub fn time_meter(&self, metric: impl Into<Metric>) -> TimeMeter {
        self.handle(metric)
    }

    /// A gauge that one writer sets.
    pub fn gauge<V: GaugeValue>(&self, metric: impl Into<Metric>) -> Gauge<V> {
        self.handle(metric)
    }

    /// A gauge that any number of writers set; the same one each time it is asked for.
    pub fn shared_gauge<V: GaugeValue>(&self, metric: impl Into<Metric>) -> SharedGauge<V> {
        self.handle(metric)
    }

    /// A histogram for one writer.
    pub fn histogram<V: HistogramValue>(&self, metric: impl Into<Metric>) -> Histogram<V> {
        self.handle(metric)
    }

    /// A histogram for any number of writers; the same one each time it is asked for.
    pub fn shared_histogram<V: HistogramValue>(&self, metric: impl Into<Metric>) -> SharedHistogram<V> {
        self.handle(metric)
    }

    /// A gauge that is a text; the same one each time it is asked for.
    pub fn text_gauge(&self, metric: impl Into<Metric>) -> TextGauge {
        self.handle(metric)
    }

    /// A gauge whose value is computed when a report wants it.
    ///
    /// The callback runs on a thread of its own, never on a reporter's and never under a lock. If it panics, the series
    /// is missing from reports until it returns again. If it does not return in time, reports go out with its last
    /// value, and the callbacks of its group are skipped until it does. It is dropped after the group closed and its
    /// last value was read.
    pub fn gauge_callback<V: GaugeValue>(
        &self,
        metric: impl Into<Metric>,
        callback: impl FnMut() -> V + Send + 'static,
    ) {
        self.or_refuse(self.try_gauge_callback(metric, callback));
    }

    /// A gauge whose text is computed when a report wants it; see [`gauge_callback`](Self::gauge_callback).
    pub fn text_callback<T: Into<String>>(
        &self,
        metric: impl Into<Metric>,
        callback: impl FnMut() -> T + Send + 'static,
    ) {
        self.or_refuse(self.try_text_callback(metric, callback));
    }

    /// A counter that something else keeps, read when a report wants it; see [`gauge_callback`](Self::gauge_callback).
    /// What the callback returns must not decrease, unless what it reads begins anew: the
    /// series has another start then.
    pub fn counter_callback(
        &self,
        metric: impl Into<Metric>,
        callback: impl FnMut() -> u64 + Send + 'static,
    ) {
        self.or_refuse(self.try_counter_callback(metric, callback));
    }

    /// A metric set that one callback fills, when a report wants it: for values that are read together, such as those of
    /// a file of statistics. What [`gauge_callback`](Self::gauge_callback) says holds for all series of the set. It runs once
    /// for each report that has any of them, and not at all while none does. A callback that may have nothing to fill them
    /// with returns a `bool` or a `Result`, see [`Collected`]: while that is `false` or an error the series are missing.
    ///
    /// ```
    /// # use flowmeter_core::{Descriptor, Gauge, Metric, MetricSet, Registry, SetCells};
    /// # struct Memory { used: Gauge<u64>, free: Gauge<u64> }
    /// # impl MetricSet for Memory {
    /// #     const DESCRIPTORS: &'static [Descriptor] = &[
    /// #         Descriptor::of::<Gauge<u64>>(Metric::new("used")),
    /// #         Descriptor::of::<Gauge<u64>>(Metric::new("free")),
    /// #     ];
    /// #     fn from_cells(cells: &mut SetCells) -> Self {
    /// #         Self { used: cells.take(), free: cells.take() }
    /// #     }
    /// # }
    /// # fn read_memory() -> (u64, u64) { (3, 4) }
    /// # let registry = Registry::new();
    /// registry.add_group("memory").collector(|memory: &Memory| {
    ///     let (used, free) = read_memory();
    ///     memory.used.set(used);
    ///     memory.free.set(free);
    /// });
    /// ```
    pub fn collector<S: MetricSet + Send + 'static, R: Collected>(
        &self,
        callback: impl FnMut(&S) -> R + Send + 'static,
    ) {
        self.or_refuse(self.try_collector(callback));
    }

    /// Registers a metric of any handle type.
    ///
    /// # Errors
    ///
    /// When the group is closed, or has this metric already and the handle cannot be shared.
    pub fn try_register<H: MetricHandle>(&self, metric: impl Into<Metric>) -> Result<H, Error> {
        self.try_descriptor(&Descriptor::of::<H>(named(metric, &self.0)?))
    }

    /// Registers a gauge whose value is computed; see [`gauge_callback`](Self::gauge_callback).
    ///
    /// # Errors
    ///
    /// When the group is closed or has this metric already. The callback is dropped.
    pub fn try_gauge_callback<V: GaugeValue>(
        &self,
        metric: impl Into<Metric>,
        mut callback: impl FnMut() -> V + Send + 'static,
    ) -> Result<(), Error> {
        self.sampled_number(metric, MetricKind::Gauge, V::TYPE, move || callback().to_bits())
    }

    /// Registers a gauge whose text is computed; see [`text_callback`](Self::text_callback).
    ///
    /// # Errors
    ///
    /// When the group is closed or has this metric already. The callback is dropped.
    pub fn try_text_callback<T: Into<String>>(
        &self,
        metric: impl Into<Metric>,
        mut callback: impl FnMut() -> T + Send + 'static,
    ) -> Result<(), Error> {
        let descriptor = Descriptor::sampled(named(metric, &self.0)?, MetricKind::Gauge, ValueType::Text);
        self.sampled(&descriptor, |object| {
            let Object::Text(text) = object else { return None };
            let (output, text) = (Output::Text(Arc::clone(text)), Arc::clone(text));
            let call = move || {
                text.set(callback().into());
                Outcome::Present
            };
            Some((output, Box::new(call)))
        })
    }

    /// Registers a counter that something else keeps; see [`counter_callback`](Self::counter_callback).
    ///
    /// # Errors
    ///
    /// When the group is closed or has this metric already. The callback is dropped.
    pub fn try_counter_callback(
        &self,
        metric: impl Into<Metric>,
        callback: impl FnMut() -> u64 + Send + 'static,
    ) -> Result<(), Error> {
        self.sampled_number(metric, MetricKind::Counter, ValueType::U64, callback)
    }

    /// Registers a metric set that a callback fills; see [`collector`](Self::collector).
    ///
    /// # Errors
    ///
    /// When the group is closed or has one of these metrics already. The callback is dropped.
    pub fn try_collector<S: MetricSet + Send + 'static, R: Collected>(
        &self,
        mut callback: impl FnMut(&S) -> R + Send + 'static,
    ) -> Result<(), Error> {
        let set = self.0.scope().table_set(S::DESCRIPTORS);
        let name = set.members.first().map_or("", |member| member.family.name()).to_owned();
        let mut cells = SetCells::new(self.0.register_collected(set)?);
        let block = Arc::clone(cells.block());
        let output = Output::Set(Arc::clone(&block));
        let handles = S::from_cells(&mut cells);
        self.0.core().sampler.add(&block, &name, output, Box::new(move || callback(&handles).into_outcome()));
        Ok(())
    }

    fn sampled_number(
        &self,
        metric: impl Into<Metric>,
        kind: MetricKind,
        value_type: ValueType,
        mut callback: impl FnMut() -> u64 + Send + 'static,
    ) -> Result<(), Error> {
        let descriptor = Descriptor::sampled(named(metric, &self.0)?, kind, value_type);
        self.sampled(&descriptor, |object| {
            let Object::Sample(sample) = object else { return None };
            let (output, sample) = (Output::Number(Arc::clone(sample)), Arc::clone(sample));
            let call = move || {
                sample.set(callback());
                Outcome::Present
            };
            Some((output, Box::new(call)))
        })
    }

    /// Registers a metric of one series, and the callback that `bind` makes for the place of its value.
    fn sampled(
        &self,
        descriptor: &Descriptor,
        bind: impl FnOnce(&Object) -> Option<(Output, Call)>,
    ) -> Result<(), Error> {
        let block = self.0.register(self.0.scope().single_set(descriptor))?;
        if let Some((output, call)) = block.object(0).and_then(bind) {
            self.0.core().sampler.add(&block, descriptor.metric().name(), output, call);
        }
        // There is no handle that could still be recording.
        drop(Keep::adopt(block));
        Ok(())
    }

    /// The user group of this name below this one; the same group each time, while it is open.
    ///
    /// The name becomes part of the logical scope and so of the names of the metrics below. For names that many
    /// instances of a thing have, use [`add_group_kv`](Self::add_group_kv).
    #[must_use]
    pub fn add_group(&self, name: &str) -> Self {
        self.try_add_group(name).unwrap_or_else(|error| self.closed_group(&error))
    }

    /// Adds a user group; see [`add_group`](Self::add_group).
    ///
    /// # Errors
    ///
    /// When this group is closed, the name is empty, or groups are nested more than 64 deep.
    pub fn try_add_group(&self, name: &str) -> Result<Self, Error> {
        self.0.named_child(name).map(Self)
    }

    /// The user group of this key and value below this one; the same group each time, while it is open.
    ///
    /// The pair becomes a variable of all metrics below, and hides a variable of the same key from a user group
    /// further out. The key alone becomes part of the logical scope.
    #[must_use]
    pub fn add_group_kv(&self, key: &str, value: &str) -> Self {
        self.try_add_group_kv(key, value).unwrap_or_else(|error| self.closed_group(&error))
    }

    /// Adds a user group with a variable; see [`add_group_kv`](Self::add_group_kv).
    ///
    /// # Errors
    ///
    /// When this group is closed, the key is empty or that of a system variable such as `host`, or groups are nested
    /// more than 64 deep.
    pub fn try_add_group_kv(&self, key: &str, value: &str) -> Result<Self, Error> {
        self.0.variable_child(key, value).map(Self)
    }

    /// Removes the metric that was registered alone under this name, though its group stays open: for names that come
    /// and go, such as those of partitions. Its name is free at once. What is registered under it while a reporter
    /// still has the removed one, which is until its final value was delivered, goes on from its count there; later it
    /// begins anew.
    ///
    /// Handles go on working. Each reporter reports the series once more, with its value when the grace time is over. A
    /// callback is not called again: its last value is final.
    ///
    /// # Errors
    ///
    /// When the group is closed, has no such metric, or has it as part of a [metric set](MetricSet), whose cells stay together.
    pub fn remove(&self, metric: &str) -> Result<(), Error> {
        self.0.remove(metric)
    }

    /// Reports something that took a time, such as a checkpoint, with the variables of this group: Flink's
    /// `MetricGroup.addSpan`.
    ///
    /// It goes to the reporters that want spans and are there by now, on their own threads, and is not waited for. A closed group
    /// still reports, since what a job has to say last often comes as it ends. After the registry was shut down nobody gets it.
    pub fn report_span(&self, span: Span) {
        self.0.core().milestones.post(&self.0, Milestone::Span(span));
    }

    /// Reports something that happened, such as a failure, with the variables of this group: Flink's `MetricGroup.addEvent`.
    /// See [`report_span`](Self::report_span).
    pub fn report_event(&self, event: Event) {
        self.0.core().milestones.post(&self.0, Milestone::Event(event));
    }

    /// Closes this group and all groups below. Closing again does nothing.
    ///
    /// Handles go on working. Each reporter reports the group once more: with the values at the time when the last
    /// handle was dropped, or when a grace time is over, whichever comes first.
    pub fn close(&self) {
        self.0.close();
    }

    /// Whether this group was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.lifecycle().is_closed()
    }

    /// Where the registry's time comes from, for what measures time beside it.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.core().clock
    }

    /// Place and variables of the group.
    #[must_use]
    pub fn view(&self) -> GroupView<'_> {
        GroupView::new(&self.0)
    }

    pub(crate) fn register_set(&self, descriptors: &'static [Descriptor]) -> Result<SetCells, Error> {
        self.0.register(self.0.scope().table_set(descriptors)).map(SetCells::new)
    }

    /// Cells for a set whose registration was refused.
    pub(crate) fn detached(&self, descriptors: &'static [Descriptor], error: &Error) -> SetCells {
        self.core_counts_refusal(error);
        let set = self.0.scope().table_set(descriptors);
        SetCells::new(Block::detached(set, &self.0))
    }

    pub(crate) fn handle<H: MetricHandle>(&self, metric: impl Into<Metric>) -> H {
        let metric = metric.into();
        let descriptor = Descriptor::of::<H>(metric.clone());
        named(metric, &self.0).and_then(|_| self.try_descriptor(&descriptor)).unwrap_or_else(|error| {
            self.core_counts_refusal(&error);
            let set = self.0.scope().single_set(&descriptor);
            SetCells::new(Block::detached(set, &self.0)).take()
        })
    }

    fn try_descriptor<H: MetricHandle>(&self, descriptor: &Descriptor) -> Result<H, Error> {
        let (block, place) = self.0.register_single(&self.0.scope().single_set(descriptor))?;
        let handle = H::attach(Slot::new(Keep::adopt(block), place));
        handle.ok_or_else(|| Error::DuplicateMetric {
            metric: descriptor.metric().name().to_owned(),
            group: self.0.identifier(),
        })
    }

    fn core_counts_refusal(&self, error: &Error) {
        self.0.core().refused(error);
    }

    fn or_refuse(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            self.core_counts_refusal(&error);
        }
    }

    /// A group for what cannot be added: it works, and nobody sees it.
    fn closed_group(&self, error: &Error) -> Self {
        self.core_counts_refusal(error);
        let apart = Node::root(self.0.core());
        apart.lifecycle().close(std::time::Duration::ZERO);
        Self(apart)
    }
}

/// Refuses a metric without a name.
fn named(metric: impl Into<Metric>, node: &Node) -> Result<Metric, Error> {
    let metric = metric.into();
    if metric.name().is_empty() {
        return Err(Error::EmptyName { what: "metric name", group: node.identifier() });
    }
    Ok(metric)
}

impl fmt::Debug for MetricGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MetricGroup").field(&self.0.identifier()).finish()
    }
}
