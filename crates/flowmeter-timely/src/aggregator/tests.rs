use flowmeter_core::{MetricGroup, Registry};
use timely::logging::{ScheduleEvent, ShutdownEvent};

use super::*;

fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// An aggregator that is fed by hand.
struct Fed {
    aggregator: Aggregator,
    _registry: Registry,
}

impl Fed {
    fn new() -> Self {
        let registry = Registry::new();
        let task_manager = Arc::new(registry.task_manager("h", "tm"));
        Self { aggregator: Aggregator::new(task_manager, "j".into(), 3), _registry: registry }
    }

    fn feed(&mut self, at: u64, event: impl Into<TimelyEvent>) {
        self.aggregator.event(micros(at), &event.into());
    }

    fn operates(&mut self, id: usize, addr: &[usize], name: &str) {
        self.feed(0, OperatesEvent { id, addr: addr.into(), name: name.to_owned() });
    }

    fn channel(&mut self, id: usize, scope: &[usize], source: (usize, usize), target: (usize, usize)) {
        let typ = String::new();
        self.feed(0, ChannelsEvent { id, scope_addr: scope.into(), source, target, typ });
    }

    fn message(&mut self, channel: usize, is_send: bool, record_count: i64) {
        let (source, target, seq_no) = (0, 0, 0);
        self.feed(0, MessagesEvent { is_send, channel, source, target, seq_no, record_count });
    }

    fn task(&self, id: usize) -> &TaskIoMetrics {
        &self.whole_task(id).io
    }

    fn whole_task(&self, id: usize) -> &Task {
        self.aggregator.identified.operator(id).unwrap().task.as_ref().unwrap()
    }

    /// What a task's time went to, in nanoseconds.
    fn time(&self, id: usize, activity: TaskActivity) -> u64 {
        nanoseconds(self.whole_task(id).times.total(activity))
    }

    fn leaf(&self, id: usize) -> &OperatorIoMetrics {
        &self.aggregator.identified.operator(id).unwrap().operator.as_ref().unwrap().io
    }
}

fn busy(fed: &Fed, id: usize) -> u64 {
    fed.time(id, TaskActivity::Busy)
}

fn idle(fed: &Fed, id: usize) -> u64 {
    fed.time(id, TaskActivity::Idle)
}

/// source (1) -> region (2) { inner (2.1) } -> sink (3), announced as timely does it.
fn job() -> Fed {
    let mut fed = Fed::new();
    fed.channel(10, &[0], (1, 0), (2, 0));
    fed.channel(11, &[0, 2], (0, 0), (1, 0));
    fed.channel(12, &[0, 2], (1, 0), (0, 0));
    fed.channel(13, &[0], (2, 0), (3, 0));
    fed.operates(5, &[0, 2, 1], "inner");
    fed.operates(4, &[0, 1], "source");
    fed.operates(6, &[0, 2], "region");
    fed.operates(7, &[0, 3], "sink");
    fed.operates(3, &[0], "job");
    fed
}

#[test]
fn records_are_counted_at_the_operators_and_at_the_edges_of_tasks() {
    let mut fed = job();
    for channel in 10..=13 {
        fed.message(channel, true, 100);
        fed.message(channel, false, 100);
    }
    fed.message(12, true, 7);
    let counts = |io: &OperatorIoMetrics| {
        [&io.num_records_in, &io.num_records_out, &io.num_buffers_in, &io.num_buffers_out].map(Counter::get)
    };
    assert_eq!(counts(fed.leaf(4)), [0, 100, 0, 1]);
    assert_eq!(counts(fed.leaf(5)), [100, 107, 1, 2]);
    assert_eq!(counts(fed.leaf(7)), [100, 0, 1, 0]);
    assert!(fed.aggregator.identified.operator(6).unwrap().operator.is_none(), "a region is a task only");
    let counts = |io: &TaskIoMetrics| {
        [&io.num_records_in, &io.num_records_out, &io.num_buffers_in, &io.num_buffers_out].map(Counter::get)
    };
    assert_eq!(counts(fed.task(4)), [0, 100, 0, 1]);
    assert_eq!(counts(fed.task(6)), [100, 100, 1, 1]);
    assert_eq!(counts(fed.task(7)), [100, 0, 1, 0]);
}

#[test]
fn a_port_with_several_consumers_counts_its_records_once() {
    let mut fed = Fed::new();
    fed.channel(10, &[0], (1, 0), (2, 0));
    fed.channel(11, &[0], (1, 0), (3, 0));
    fed.channel(12, &[0], (1, 1), (3, 1));
    for (id, index) in [(4, 1), (5, 2), (6, 3)] {
        fed.operates(id, &[0, index], "operator");
    }
    fed.operates(3, &[0], "job");
    for (channel, records) in [(10, 5), (11, 5), (12, 2)] {
        fed.message(channel, true, records);
        fed.message(channel, false, records);
    }
    assert_eq!(fed.leaf(4).num_records_out.get(), 7);
    assert_eq!(fed.leaf(5).num_records_in.get(), 5);
    assert_eq!(fed.leaf(6).num_records_in.get(), 7);
}

#[test]
fn time_goes_to_the_innermost_operator_and_to_its_task() {
    let mut fed = job();
    fed.feed(100, ScheduleEvent::start(3));
    fed.feed(110, ScheduleEvent::start(6));
    fed.feed(120, ScheduleEvent::start(5));
    fed.feed(150, ScheduleEvent::stop(5));
    fed.feed(160, ScheduleEvent::stop(6));
    fed.feed(170, ScheduleEvent::start(7));
    fed.feed(175, ScheduleEvent::stop(7));
    fed.feed(200, ScheduleEvent::stop(3));
    assert_eq!(fed.leaf(5).busy_time.get(), 30_000);
    assert_eq!(busy(&fed, 6), 50_000);
    assert_eq!((busy(&fed, 7), fed.leaf(7).busy_time.get()), (5_000, 5_000));
    assert_eq!((fed.leaf(5).num_activations.get(), fed.task(6).num_activations.get()), (1, 1));

    // What is not busy is idle, and the two sum up to the time since the task began.
    fed.aggregator.flush(micros(15_000));
    assert_eq!(idle(&fed, 6), 14_950_000);
    fed.aggregator.flush(micros(15_500));
    assert_eq!(idle(&fed, 6), 14_950_000, "not more often than each ten milliseconds");
    fed.feed(16_000, TimelyEvent::Park(ParkEvent::Park(None)));
    assert_eq!(idle(&fed, 6), 15_950_000, "but always before the worker sleeps");
    fed.feed(17_000, ScheduleEvent::start(6));
    fed.feed(17_250, ScheduleEvent::stop(6));
    fed.aggregator.flush(micros(29_000));
    assert_eq!(busy(&fed, 6) + idle(&fed, 6), 29_000_000);
}

#[test]
fn a_stop_without_a_start_is_passed_over() {
    let mut fed = job();
    fed.feed(10, ScheduleEvent::stop(6));
    assert_eq!(busy(&fed, 6), 0);
}

#[test]
fn groups_close_with_their_operators_and_a_dataflow_leaves_nothing() {
    let mut fed = job();
    let group = |fed: &Fed, id: usize| {
        let task = fed.aggregator.identified.operator(id).unwrap().task.as_ref().unwrap();
        MetricGroup::clone(&task.group)
    };
    let (source, region) = (group(&fed, 4), group(&fed, 6));
    fed.feed(1_000, ShutdownEvent { id: 4 });
    assert!(source.is_closed() && !region.is_closed());
    fed.feed(2_000, ShutdownEvent { id: 6 });
    assert!(region.is_closed());
    fed.feed(2_000, ShutdownEvent { id: 5 });
    fed.feed(3_000, ShutdownEvent { id: 3 });
    let Aggregator { identified, operators, counting, tasks, .. } = &fed.aggregator;
    assert!(identified.pages.is_empty() && operators.is_empty() && counting.is_empty() && tasks.is_empty());
    // Late events of what is gone are passed over.
    fed.message(12, true, 7);
    fed.feed(4_000, ShutdownEvent { id: 3 });
}

#[test]
fn progress_of_a_scope_that_has_ended_leaves_no_trace() {
    let mut fed = Fed::new();
    fed.aggregator = fed.aggregator.with_watermarks();
    let least = |fed: &Fed, id: usize| {
        let leaf = fed.aggregator.identified.operator(id).unwrap().operator.as_ref().unwrap();
        leaf.watermarks.as_ref().unwrap().input()
    };
    for i in 0..100 {
        let (first, dataflow) = (i * 10, i);
        fed.channel(first + 4, &[dataflow], (1, 0), (2, 0));
        fed.operates(first + 2, &[dataflow, 1], "source");
        fed.operates(first + 3, &[dataflow, 2], "sink");
        fed.operates(first + 1, &[dataflow], "job");
        let held = (1, true, 0);
        fed.aggregator.pointstamp(first + 1, held, 5, 1);
        let at = Duration::from_secs(i as u64 + 1);
        fed.aggregator.flush_progress(at);
        assert_eq!(least(&fed, first + 3), 4);
        fed.aggregator.pointstamp(first + 1, held, 9, 1);
        fed.aggregator.pointstamp(first + 1, held, 5, -1);
        fed.aggregator.flush_progress(at + Duration::from_millis(50));
        assert_eq!(least(&fed, first + 3), 4, "not more often than each tenth of a second");
        fed.aggregator.flush_progress(at + Duration::from_millis(100));
        assert_eq!(least(&fed, first + 3), 8);
        fed.feed(i as u64, ShutdownEvent { id: first + 1 });
        // Timely takes back what was under way after it has told of the end.
        fed.aggregator.pointstamp(first + 1, held, 9, -1);
        fed.aggregator.flush_progress(at + Duration::from_millis(300));
    }
    let Aggregator { progress, edges, .. } = &fed.aggregator;
    assert!(progress.as_ref().is_some_and(HashMap::is_empty) && edges.is_empty());
}

#[test]
fn dataflows_that_come_and_go_leave_no_trace() {
    let mut fed = Fed::new();
    for i in 0..1_000 {
        let (first, dataflow) = (i * 10, i);
        fed.operates(first + 2, &[dataflow, 1], "operator");
        fed.channel(first + 3, &[dataflow], (1, 0), (2, 0));
        fed.operates(first + 1, &[dataflow], "job");
        assert!(fed.aggregator.identified.pages.len() <= 2);
        fed.feed(i as u64, ShutdownEvent { id: first + 1 });
    }
    assert!(fed.aggregator.identified.pages.is_empty() && fed.aggregator.identified.members.is_empty());
}

#[test]
fn a_dataflow_that_stays_does_not_keep_the_places_of_others() {
    let mut fed = Fed::new();
    fed.operates(2, &[0, 1], "operator");
    fed.operates(1, &[0], "stays");
    for i in 1..20_000 {
        let (first, dataflow) = (i * 10, i);
        fed.operates(first + 2, &[dataflow, 1], "operator");
        fed.operates(first + 1, &[dataflow], "job");
        fed.feed(i as u64, ShutdownEvent { id: first + 1 });
    }
    assert_eq!(fed.aggregator.identified.pages.iter().flatten().count(), 1);
    assert_eq!(fed.aggregator.identified.members.len(), 1);
}

#[test]
fn a_task_is_not_idle_while_it_runs() {
    let mut fed = job();
    // A region is a task, and runs from 0 to 10 ms; an operator inside it ends at 9 ms.
    fed.feed(0, ScheduleEvent::start(6));
    fed.feed(9_000, ShutdownEvent { id: 5 });
    fed.feed(10_000, ScheduleEvent::stop(6));
    fed.aggregator.flush(micros(10_000));
    assert_eq!((busy(&fed, 6), idle(&fed, 6)), (10_000_000, 0));
}

#[test]
fn a_region_within_a_task_is_an_operator_without_the_time_of_what_is_in_it() {
    let mut fed = Fed::new();
    fed.operates(5, &[0, 1, 1, 1], "innermost");
    fed.operates(4, &[0, 1, 1], "inner region");
    fed.operates(6, &[0, 1], "region");
    fed.operates(3, &[0], "job");
    fed.feed(100, ScheduleEvent::start(6));
    fed.feed(110, ScheduleEvent::start(4));
    fed.feed(120, ScheduleEvent::start(5));
    fed.feed(150, ScheduleEvent::stop(5));
    fed.feed(160, ScheduleEvent::stop(4));
    fed.feed(170, ScheduleEvent::stop(6));
    assert_eq!(fed.leaf(5).busy_time.get(), 30_000);
    assert_eq!(fed.leaf(4).busy_time.get(), 20_000);
    assert_eq!(busy(&fed, 6), 70_000);
}

#[test]
fn a_task_that_ends_has_all_its_time() {
    let mut fed = job();
    assert_eq!(idle(&fed, 7), 0);
    fed.feed(1_000, ShutdownEvent { id: 6 });
    // All tasks are brought up to date when one ends, so the one that ends was too.
    assert_eq!(idle(&fed, 7), 1_000_000);
}
