//! A job with all that reporters tell apart, and what it has counted.

use std::any::Any;
use std::ops::Deref;

use flowmeter::{Counter, Flowmeter, Histogram, MetricGroup, TaskInfo};

use super::held::Labels;

/// The job, while it runs.
pub(crate) struct Job {
    /// What it has, and has counted.
    pub(crate) metrics: Vec<Metric>,
    counters: Vec<(usize, Counter)>,
    histograms: Vec<(usize, Histogram<u64>)>,
    rounds: usize,
    _owners: Vec<Box<dyn Any>>,
}

/// A metric of a group.
pub(crate) struct Metric {
    /// The logical scope of the group.
    pub(crate) scope: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) variables: Labels,
    /// The value; of a histogram the sum.
    pub(crate) value: f64,
    /// The same after the first round.
    pub(crate) before: f64,
    /// How many values a histogram has.
    pub(crate) count: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Job {
    pub(crate) fn register(flowmeter: &Flowmeter) -> Self {
        let mut job = Self {
            metrics: Vec::new(),
            counters: Vec::new(),
            histograms: Vec::new(),
            rounds: 0,
            _owners: Vec::new(),
        };
        let job_manager = flowmeter.job_manager("host-1");
        job.counter("jobmanager", &job_manager, "numRestarts");
        job.gauge("jobmanager", &job_manager, "slots", 4.0);
        let known = job_manager.job("a3f0", "wordcount");
        job.gauge("jobmanager.job", &known, "runningTime", 17.0);
        let task_manager = flowmeter.task_manager("host-1", "tm-1");
        job.gauge("taskmanager", &task_manager, "memory", 1024.0);
        let words = task_manager.job("a3f0", "wordcount");
        for subtask_index in 0..2 {
            let info = TaskInfo { id: "t1", name: "tokenize", subtask_index, ..TaskInfo::default() };
            let task = words.task(info);
            job.counter("taskmanager.job.task", &task, "numRecordsIn");
            let operator = task.operator("o1", "split");
            let scope = "taskmanager.job.task.operator";
            job.counter(scope, &operator, "numRecordsIn");
            job.counter(scope, &operator, "numRecordsOut");
            job.histogram(scope, &operator, "latency");
            job.counter("taskmanager.job.task.operator.windows", &operator.add_group("windows"), "late");
            job._owners.push(Box::new((operator, task)));
        }
        let pages = task_manager.job("b4", "page views");
        let task = pages.task(TaskInfo { id: "t2", name: "read", ..TaskInfo::default() });
        job.counter("taskmanager.job.task", &task, "numRecordsIn");
        job.gauge("taskmanager.job.task", &task, "queue", 0.5);
        job._owners.push(Box::new((task, pages, words, task_manager, known, job_manager)));
        job
    }

    /// Counts so much more, of each metric something else.
    pub(crate) fn count(&mut self, much: u64) {
        for (number, counter) in &self.counters {
            let more = much * (1 + *number as u64);
            counter.inc_by(more);
            self.metrics[*number].value += more as f64;
        }
        for (number, histogram) in &self.histograms {
            for value in 1..=much {
                histogram.record(value);
                self.metrics[*number].value += value as f64;
                self.metrics[*number].count += 1.0;
            }
        }
        self.rounds += 1;
        for metric in self.metrics.iter_mut().filter(|_| self.rounds == 1) {
            metric.before = metric.value;
        }
    }

    fn counter(&mut self, scope: &'static str, group: &MetricGroup, name: &'static str) {
        self.counters.push((self.metrics.len(), group.counter(name)));
        self.add(scope, group, name, Kind::Counter, 0.0);
    }

    fn histogram(&mut self, scope: &'static str, group: &MetricGroup, name: &'static str) {
        self.histograms.push((self.metrics.len(), group.histogram(name)));
        self.add(scope, group, name, Kind::Histogram, 0.0);
    }

    fn gauge(&mut self, scope: &'static str, group: &MetricGroup, name: &'static str, value: f64) {
        let gauge = group.gauge::<f64>(name);
        gauge.set(value);
        self._owners.push(Box::new(gauge));
        self.add(scope, group, name, Kind::Gauge, value);
    }

    fn add(&mut self, scope: &'static str, group: &MetricGroup, name: &'static str, kind: Kind, value: f64) {
        let view = group.view();
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let variables = view.variables().map(owned).collect();
        self.metrics.push(Metric { scope, name, kind, variables, value, before: value, count: 0.0 });
    }
}

impl Metric {
    /// The scope and the name, with words in the place of humps.
    pub(crate) fn words(&self) -> String {
        let hump =
            |c: char| if c.is_ascii_uppercase() { format!("_{}", c.to_ascii_lowercase()) } else { c.into() };
        self.full_name().chars().map(hump).collect()
    }

    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.scope, self.name)
    }

    pub(crate) fn variable(&self, key: &str) -> &str {
        self.variables.get(key).map_or("", Deref::deref)
    }

    /// Its variables but for these.
    pub(crate) fn without(&self, keys: &[&str]) -> Labels {
        let mut variables = self.variables.clone();
        variables.retain(|key, _| !keys.contains(&key.as_str()));
        variables
    }

    /// Its value, or the count and the sum of a histogram, with what tells them apart.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let numbers = match self.kind {
            Kind::Histogram => vec![("#count", self.count), ("#sum", self.value)],
            _ => vec![("", self.value)],
        };
        numbers.into_iter()
    }
}
