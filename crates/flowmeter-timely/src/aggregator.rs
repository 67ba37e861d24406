//! Turns timely's log events into metrics.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{
    Counter, MetricSet, OperatorGroup, TaskGroup, TaskInfo, TaskManagerGroup, TaskManagerJobGroup,
};
use flowmeter_stream::{OperatorIoMetrics, TaskIoMetrics};
use timely::logging::{ChannelsEvent, MessagesEvent, OperatesEvent, ParkEvent, StartStop, TimelyEvent};

/// How often idle time is brought up to date while a worker is busy.
const IDLE_STEP: Duration = Duration::from_millis(1);

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

/// Handles first: when the group closes after them, its values are final at once.
struct Task {
    io: TaskIoMetrics,
    began: Duration,
    group: TaskGroup,
}

struct Leaf {
    io: OperatorIoMetrics,
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
            TimelyEvent::Park(ParkEvent::Park(_)) => self.catch_up(time),
            _ => {}
        }
    }

    /// Notes the time at which no more events are held back.
    #[inline]
    pub(crate) fn flush(&mut self, time: Duration) {
        if time.saturating_sub(self.idle_known) >= IDLE_STEP {
            self.catch_up(time);
        }
    }

    fn stopped(&mut self, time: Duration) {
        // Nothing runs when the log was installed within an activation.
        let Some(ended) = self.running.pop() else { return };
        let total = time.saturating_sub(ended.start);
        if let Some(outer) = self.running.last_mut() {
            outer.inner += total;
        }
        let Some(operator) = self.identified.operator(ended.operator) else { return };
        if let Some(leaf) = &operator.operator {
            leaf.io.num_activations.inc();
            leaf.io.busy_time.inc_by(nanoseconds(total.saturating_sub(ended.inner)));
        }
        if let Some(task) = &operator.task {
            task.io.num_activations.inc();
            task.io.busy_time.inc_by(nanoseconds(total));
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
        if let Some(Some(Thing::Channel(channel))) = self.identified.get_mut(id) {
            channel.ends = Ends::Known { source, target };
        }
        (source, target)
    }

    fn channel(&mut self, event: &ChannelsEvent) {
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
                operator.task = Some(Task { io: TaskIoMetrics::register(&group), began: time, group });
                self.tasks.push(member.id);
            }
            if !is_scope || member.addr.len() > 2 {
                let task = operator.task.as_ref().or_else(|| self.task_of(&member.addr));
                operator.operator = task.map(|task| {
                    let group = task.group.operator(&id, &member.name);
                    Leaf { io: OperatorIoMetrics::register(&group), _group: group }
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

    fn shutdown(&mut self, time: Duration, id: usize) {
        self.catch_up(time);
        let Some(operator) = self.identified.operator(id) else { return };
        let address = operator.address.clone();
        self.tasks.retain(|task| *task != id);
        self.operators.remove(&address);
        self.identified.remove(id);
        if let [dataflow] = *address {
            // Nothing of it will be heard of again, and channels do not say when they end.
            self.counting.retain(|(scope, ..), _| scope.first() != Some(&dataflow));
            self.operators.retain(|address, _| address.first() != Some(&dataflow));
            self.identified.remove_dataflow(dataflow);
            self.tasks.retain(|task| self.identified.operator(*task).is_some());
        }
    }

    /// Brings the idle time of all tasks up to date: what is not busy is idle.
    fn catch_up(&mut self, time: Duration) {
        self.idle_known = time;
        for id in &self.tasks {
            let Some(Some(task)) = self.identified.operator(*id).map(|operator| &operator.task) else {
                continue;
            };
            let known = task.io.busy_time.get() + task.io.idle_time.get();
            task.io.idle_time.inc_by(nanoseconds(time.saturating_sub(task.began)).saturating_sub(known));
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn dotted(address: &[usize]) -> String {
    let parts: Vec<String> = address.iter().map(ToString::to_string).collect();
    parts.join(".")
}

enum Thing {
    Operator(Box<Operator>),
    Channel(Channel),
}

/// Operators and channels by their ids, which a worker counts up from one counter: a table from the least id in use.
#[derive(Default)]
struct Identified {
    first: usize,
    things: VecDeque<Option<Thing>>,
}

impl Identified {
    #[inline]
    fn get(&self, id: usize) -> Option<&Thing> {
        self.things.get(id.wrapping_sub(self.first))?.as_ref()
    }

    #[inline]
    fn operator(&self, id: usize) -> Option<&Operator> {
        match self.get(id) {
            Some(Thing::Operator(operator)) => Some(operator),
            _ => None,
        }
    }

    #[inline]
    fn channel(&self, id: usize) -> Option<&Channel> {
        match self.get(id) {
            Some(Thing::Channel(channel)) => Some(channel),
            _ => None,
        }
    }

    fn get_mut(&mut self, id: usize) -> Option<&mut Option<Thing>> {
        self.things.get_mut(id.wrapping_sub(self.first))
    }

    fn insert(&mut self, id: usize, thing: Thing) {
        if self.things.is_empty() {
            self.first = id;
        }
        // Ids come out of order within a dataflow.
        while id < self.first {
            self.things.push_front(None);
            self.first -= 1;
        }
        let position = id - self.first;
        if position >= self.things.len() {
            self.things.resize_with(position + 1, || None);
        }
        self.things[position] = Some(thing);
    }

    fn remove(&mut self, id: usize) {
        if let Some(thing) = self.get_mut(id) {
            *thing = None;
        }
        self.trim();
    }

    fn remove_dataflow(&mut self, dataflow: usize) {
        for thing in &mut self.things {
            let address = match thing {
                Some(Thing::Operator(operator)) => &operator.address,
                Some(Thing::Channel(channel)) => &channel.scope,
                None => continue,
            };
            if address.first() == Some(&dataflow) {
                *thing = None;
            }
        }
        self.trim();
    }

    fn trim(&mut self) {
        while let Some(None) = self.things.front() {
            self.things.pop_front();
            self.first += 1;
        }
        while let Some(None) = self.things.back() {
            self.things.pop_back();
        }
    }
}

#[cfg(test)]
mod tests;
