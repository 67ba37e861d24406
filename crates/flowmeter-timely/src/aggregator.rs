//! Turns timely's log events into metrics.

mod identified;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{
    Counter, MetricGroup, MetricSet, OperatorGroup, TaskGroup, TaskInfo, TaskManagerGroup,
    TaskManagerJobGroup,
};
use flowmeter_stream::{OperatorIoMetrics, TaskActivity, TaskIoMetrics, TaskTimes, Watermarks};
use timely::logging::{ChannelsEvent, MessagesEvent, OperatesEvent, ParkEvent, StartStop, TimelyEvent};

use identified::{Identified, Thing};

use crate::frontiers::{Edge, ScopeProgress, watermark};
use crate::operator::{Measured, Pressure};

/// How often idle time is brought up to date while a worker is busy.
const IDLE_STEP: Duration = Duration::from_millis(10);
/// How often watermarks are worked out while they move.
const WATERMARK_STEP: Duration = Duration::from_millis(100);

/// Where something is in a worker's dataflows: indices from the dataflow down, each from 1 within its scope.
type Address = Vec<usize>;

/// What one worker knows of its dataflows.
pub(crate) struct Aggregator {
    task_manager: Arc<TaskManagerGroup>,
    job_id: Arc<str>,
    subtask_index: usize,
    /// Operators that were announced; their dataflow comes last, and then they get their groups.
    announced: Vec<OperatesEvent>,
    identified: Identified,
    operators: HashMap<Address, usize>,
    /// The channel that counts for each output port: one, however many consumers the port has.
    counting: HashMap<(Address, usize, usize), usize>,
    running: Vec<Activation>,
    /// The ids of open tasks.
    tasks: Vec<usize>,
    idle_known: Duration,
    /// The progress of each scope, by the id of its operator; nothing if nobody wants watermarks.
    progress: Option<HashMap<usize, ScopeProgress>>,
    watermarks_known: Duration,
    /// The channels of each scope.
    edges: HashMap<Address, Vec<Edge>>,
}

/// An operator that has the thread.
struct Activation {
    operator: usize,
    start: Duration,
    /// What operators inside it had of the time.
    inner: Duration,
}

/// A dataflow, a task, an operator, or a task that is one operator.
#[derive(Default)]
struct Operator {
    address: Address,
    task: Option<Task>,
    operator: Option<Leaf>,
    _job: Option<TaskManagerJobGroup>,
}

impl Operator {
    /// Counts an activation that took so long, of which operators inside had a part.
    fn add_activation(&self, total: Duration, inner: Duration) {
        if let Some(leaf) = &self.operator {
            leaf.io.num_activations.inc();
            leaf.io.busy_time.inc_by(nanoseconds(total.saturating_sub(inner)));
        }
        if let Some(task) = &self.task {
            task.io.num_activations.inc();
            task.times.add(TaskActivity::Busy, total);
        }
    }
}

/// Handles first: when the group closes after them, its values are final at once.
struct Task {
    io: TaskIoMetrics,
    times: TaskTimes,
    pressure: Rc<Pressure>,
    began: Duration,
    /// That of its input, which may be a region's.
    watermarks: Option<Watermarks>,
    group: TaskGroup,
}

struct Leaf {
    io: OperatorIoMetrics,
    watermarks: Option<Watermarks>,
    _group: OperatorGroup,
}

struct Channel {
    scope: Address,
    source: (usize, usize),
    target: (usize, usize),
    ends: Ends,
}

#[derive(Clone, Copy)]
enum Ends {
    /// Not looked up yet: channels are announced before operators.
    Unknown,
    Known {
        /// The operator whose output this counts.
        source: Option<usize>,
        target: Option<usize>,
    },
}

impl Aggregator {
    pub(crate) fn new(task_manager: Arc<TaskManagerGroup>, job_id: Arc<str>, subtask_index: usize) -> Self {
        Self {
            task_manager,
            job_id,
            subtask_index,
            announced: Vec::new(),
            identified: Identified::default(),
            operators: HashMap::new(),
            counting: HashMap::new(),
            running: Vec::new(),
            tasks: Vec::new(),
            idle_known: Duration::ZERO,
            progress: None,
            watermarks_known: Duration::ZERO,
            edges: HashMap::new(),
        }
    }

    /// The same with the watermarks of all operators.
    pub(crate) fn with_watermarks(mut self) -> Self {
        self.progress = Some(HashMap::new());
        self
    }

    /// Something is under way at a time of a place in a scope that was not before, or the other way round.
    pub(crate) fn pointstamp(
        &mut self,
        scope: usize,
        location: (usize, bool, usize),
        time: i64,
        difference: i64,
    ) {
        if let Some(progress) = &mut self.progress {
            let known = progress.entry(scope).or_default();
            known.update(location, time, difference);
            // What a scope that has ended leaves is taken back after its end, to the last.
            if known.is_empty() {
                progress.remove(&scope);
            }
        }
    }

    /// Notes the time at which no more of the progress is held back.
    pub(crate) fn flush_progress(&mut self, time: Duration) {
        if time.saturating_sub(self.watermarks_known) >= WATERMARK_STEP {
            self.advance_watermarks(time);
        }
    }

    /// Takes in one event. Most are messages and activations.
    #[inline]
    pub(crate) fn event(&mut self, time: Duration, event: &TimelyEvent) {
        match event {
            TimelyEvent::Schedule(schedule) => match schedule.start_stop {
                StartStop::Start => {
                    let (operator, inner) = (schedule.id, Duration::ZERO);
                    self.running.push(Activation { operator, start: time, inner });
                }
                StartStop::Stop => self.stopped(time),
            },
            TimelyEvent::Messages(message) => self.message(message),
            TimelyEvent::Operates(operates) => self.operates(time, operates),
            TimelyEvent::Channels(channel) => self.channel(channel),
            TimelyEvent::Shutdown(shutdown) => self.shutdown(time, shutdown.id),
            TimelyEvent::Park(ParkEvent::Park(_)) => self.catch_up(time, None),
            _ => {}
        }
    }

    /// Notes the time at which no more events are held back.
    #[inline]
    pub(crate) fn flush(&mut self, time: Duration) {
        if time.saturating_sub(self.idle_known) >= IDLE_STEP {
            self.catch_up(time, None);
        }
    }

    fn stopped(&mut self, time: Duration) {
        // Nothing runs when the log was installed within an activation.
        let Some(ended) = self.running.pop() else { return };
        let total = time.saturating_sub(ended.start);
        if let Some(outer) = self.running.last_mut() {
            outer.inner += total;
        }
        if let Some(operator) = self.identified.operator(ended.operator) {
            operator.add_activation(total, ended.inner);
        }
    }

    fn message(&mut self, message: &MessagesEvent) {
        let Some(channel) = self.identified.channel(message.channel) else { return };
        let (source, target) = match channel.ends {
            Ends::Known { source, target } => (source, target),
            Ends::Unknown => self.look_up(message.channel),
        };
        let records = u64::try_from(message.record_count).unwrap_or(0);
        let end = if message.is_send { source } else { target };
        let Some(operator) = end.and_then(|id| self.identified.operator(id)) else { return };
        let count = |records_counter: &Counter, buffers_counter: &Counter| {
            records_counter.inc_by(records);
            buffers_counter.inc();
        };
        match (&operator.operator, message.is_send) {
            (Some(leaf), true) => count(&leaf.io.num_records_out, &leaf.io.num_buffers_out),
            (Some(leaf), false) => count(&leaf.io.num_records_in, &leaf.io.num_buffers_in),
            (None, _) => {}
        }
        match (&operator.task, message.is_send) {
            (Some(task), true) => count(&task.io.num_records_out, &task.io.num_buffers_out),
            (Some(task), false) => count(&task.io.num_records_in, &task.io.num_buffers_in),
            (None, _) => {}
        }
    }

    /// Finds the operators at the ends of a channel, once. They were all announced before the first message, so what is
    /// not found now never will be: it was built without a log.
    #[cold]
    fn look_up(&mut self, id: usize) -> (Option<usize>, Option<usize>) {
        let Some(channel) = self.identified.channel(id) else { return (None, None) };
        // Index 0 is the scope itself: what enters it or leaves it counts at the scope's own place, one level up.
        let find = |index: usize| {
            let address: Address = channel.scope.iter().copied().chain([index]).collect();
            self.operators.get(&address).copied().filter(|_| index != 0)
        };
        let counts =
            self.counting.get(&(channel.scope.clone(), channel.source.0, channel.source.1)) == Some(&id);
        let source = find(channel.source.0).filter(|_| counts);
        let target = find(channel.target.0);
        if let Some(channel) = self.identified.channel_mut(id) {
            channel.ends = Ends::Known { source, target };
        }
        (source, target)
    }

    fn channel(&mut self, event: &ChannelsEvent) {
        if self.progress.is_some() {
            let edge = Edge { source: event.source, target: event.target };
            self.edges.entry(event.scope_addr.clone()).or_default().push(edge);
        }
        let port = (event.scope_addr.clone(), event.source.0, event.source.1);
        self.counting.entry(port).or_insert(event.id);
        let channel = Channel {
            scope: event.scope_addr.clone(),
            source: event.source,
            target: event.target,
            ends: Ends::Unknown,
        };
        self.identified.insert(event.id, Thing::Channel(channel));
    }

    /// Operators are announced from the inside out, so a dataflow comes after all that is in it.
    fn operates(&mut self, time: Duration, event: &OperatesEvent) {
        self.announced.push(event.clone());
        if event.addr.len() == 1 {
            let mut members = std::mem::take(&mut self.announced);
            // Outer before inner, in the order in which the job was written.
            members.sort_by(|a, b| a.addr.cmp(&b.addr));
            self.build(time, &members);
        }
    }

    /// Makes the groups of a dataflow.
    fn build(&mut self, time: Duration, members: &[OperatesEvent]) {
        let Some((dataflow, members)) = members.split_first() else { return };
        let job = self.task_manager.job(&self.job_id, &dataflow.name);
        for (position, member) in members.iter().enumerate() {
            // What is inside of an operator comes right behind it.
            let is_scope = members.get(position + 1).is_some_and(|next| next.addr.starts_with(&member.addr));
            let id = dotted(&member.addr);
            let mut operator = Operator { address: member.addr.clone(), ..Operator::default() };
            if member.addr.len() == 2 {
                let (name, subtask_index) = (&*member.name, self.subtask_index);
                let group = job.task(TaskInfo { id: &id, name, subtask_index, ..TaskInfo::default() });
                let (io, times) = (TaskIoMetrics::register(&group), TaskTimes::register(&group));
                let pressure = Rc::new(Pressure::default());
                let watermarks = self.progress.is_some().then(|| Watermarks::register(&group, 1));
                Measured::announce(&member.addr, MetricGroup::clone(&group), &pressure);
                operator.task = Some(Task { io, times, pressure, began: time, watermarks, group });
                self.tasks.push(member.id);
            }
            if !is_scope || member.addr.len() > 2 {
                let task = operator.task.as_ref().or_else(|| self.task_of(&member.addr));
                operator.operator = task.map(|task| {
                    let group = task.group.operator(&id, &member.name);
                    Measured::announce(&member.addr, MetricGroup::clone(&group), &task.pressure);
                    let watermarks = self
                        .progress
                        .is_some()
                        .then(|| Watermarks::register(&group, self.input_ports(&member.addr)));
                    Leaf { io: OperatorIoMetrics::register(&group), watermarks, _group: group }
                });
            }
            self.operators.insert(member.addr.clone(), member.id);
            self.identified.insert(member.id, Thing::Operator(Box::new(operator)));
        }
        let root = Operator { address: dataflow.addr.clone(), _job: Some(job), ..Operator::default() };
        self.identified.insert(dataflow.id, Thing::Operator(Box::new(root)));
    }

    /// The task that an operator deeper in is part of.
    fn task_of(&self, address: &[usize]) -> Option<&Task> {
        let id = self.operators.get(address.get(..2)?)?;
        self.identified.operator(*id)?.task.as_ref()
    }

    /// How many inputs an operator has.
    fn input_ports(&self, address: &[usize]) -> usize {
        let Some((index, scope)) = address.split_last() else { return 0 };
        let edges = self.edges.get(scope).into_iter().flatten();
        let ports = edges.filter(|edge| edge.target.0 == *index).map(|edge| edge.target.1 + 1);
        ports.max().unwrap_or(0)
    }

    /// Brings the watermarks of operators up to date in all scopes in which something has changed.
    fn advance_watermarks(&mut self, time: Duration) {
        let Some(progress) = &mut self.progress else { return };
        self.watermarks_known = time;
        for (id, scope) in progress {
            // A scope that is not announced yet will be.
            let Some(address) = self.identified.operator(*id).map(|operator| operator.address.clone()) else {
                continue;
            };
            let Some(edges) = self.edges.get(&address).filter(|_| scope.take_changed()) else { continue };
            for (index, progress) in scope.frontiers(edges) {
                let address: Address = address.iter().copied().chain([index]).collect();
                let Some(id) = self.operators.get(&address) else { continue };
                let Some(operator) = self.identified.operator_mut(*id) else { continue };
                if let Some(least) = progress.inputs.values().min()
                    && let Some(watermarks) = operator.task.as_mut().and_then(|task| task.watermarks.as_mut())
                {
                    watermarks.advance_input(0, watermark(*least));
                }
                if let Some(watermarks) = operator.operator.as_mut().and_then(|leaf| leaf.watermarks.as_mut())
                {
                    progress
                        .inputs
                        .iter()
                        .for_each(|(port, least)| watermarks.advance_input(*port, watermark(*least)));
                    watermarks.advance_output(watermark(progress.output));
                }
            }
        }
    }

    fn shutdown(&mut self, time: Duration, id: usize) {
        let Some(operator) = self.identified.operator(id) else { return };
        let address = operator.address.clone();
        // What ends while it has the thread does not come back from that.
        if let Some(activation) = self.running.iter().find(|activation| activation.operator == id) {
            operator.add_activation(time.saturating_sub(activation.start), activation.inner);
        }
        self.catch_up(time, Some(id));
        self.tasks.retain(|task| *task != id);
        self.operators.remove(&address);
        self.identified.remove(id);
        Measured::forget(&address);
        if let [dataflow] = *address {
            Measured::forget_dataflow(dataflow);
            self.edges.retain(|scope, _| scope.first() != Some(&dataflow));
            // Nothing of it will be heard of again, and channels do not say when they end.
            self.counting.retain(|(scope, ..), _| scope.first() != Some(&dataflow));
            self.operators.retain(|address, _| address.first() != Some(&dataflow));
            self.identified.remove_dataflow(dataflow);
            self.tasks.retain(|task| self.identified.operator(*task).is_some());
        }
    }

    /// Brings the idle time of all tasks up to date: what is not busy is idle. The activation of a task that is running
    /// is busy time to come, unless it was counted early because the task ends.
    fn catch_up(&mut self, time: Duration, counted: Option<usize>) {
        self.idle_known = time;
        for id in &self.tasks {
            let Some(Some(task)) = self.identified.operator(*id).map(|operator| &operator.task) else {
                continue;
            };
            let running =
                self.running.iter().find(|activation| activation.operator == *id && counted != Some(*id));
            let to_come = running.map_or(Duration::ZERO, |activation| time.saturating_sub(activation.start));
            let known: Duration = KNOWN.iter().map(|activity| task.times.total(*activity)).sum();
            let rest = time.saturating_sub(task.began).saturating_sub(known + to_come);
            let pressed = task.pressure.take().min(rest);
            task.times.add(TaskActivity::SoftBackPressured, pressed);
            task.times.add(TaskActivity::Idle, rest - pressed);
            if let Some(longest) = task.pressure.take_longest() {
                task.times.note_stay(TaskActivity::SoftBackPressured, longest);
            }
        }
    }
}

/// What the time of a task goes to. Nothing blocks a task in its output: timely's channels have no bound.
const KNOWN: [TaskActivity; 3] = [TaskActivity::Busy, TaskActivity::Idle, TaskActivity::SoftBackPressured];

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn dotted(address: &[usize]) -> String {
    let parts: Vec<String> = address.iter().map(ToString::to_string).collect();
    parts.join(".")
}

#[cfg(test)]
mod tests;
