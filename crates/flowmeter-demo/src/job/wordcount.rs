//! Word count: the words of a text, counted by word.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufReader};
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use flowmeter::MetricSet;
use flowmeter::stream::{DEFAULT_SAMPLING, ReducingStateTimers, StateSizeMetrics, state_group};
use flowmeter_timely::MeasuredOperator;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::{ProbeHandle, StreamVec};
use timely::worker::Worker;

use super::library::MeasuredLibraries;
use super::markers::Markers;
use super::nexmark::keep_rows;
use super::source::{End, Produce, Produced, paced};
use super::text::{Lines, Split};
use super::tokenizer::tokenize;
use super::truth::Tallies;
use super::{JobControl, JobSpec};

/// Lines that share one of timely's times.
const LINES_PER_STEP: u64 = 65_536;

/// How many lines of standard input wait for the source at most.
const STDIN_LINES: usize = 4_096;

/// Where lines come from at the moment.
enum Reading {
    Split {
        path: String,
        lines: Lines<BufReader<File>>,
    },
    /// Read by a thread of its own, so that the source need not wait for it.
    StandardInput(Receiver<io::Result<Vec<u8>>>),
}

/// What comes next.
enum Next {
    Line(Vec<u8>),
    Nothing,
    End,
}

/// The lines of a worker's splits.
struct Text {
    splits: std::vec::IntoIter<Split>,
    reading: Option<Reading>,
    /// Splits that were read to their end.
    ended: u64,
    produced: u64,
    control: JobControl,
}

impl Text {
    fn next_line(&mut self) -> Next {
        loop {
            let line = match &mut self.reading {
                Some(Reading::Split { path, lines }) => {
                    lines.next().map(|line| line.map_err(|error| format!("cannot read {path}: {error}")))
                }
                Some(Reading::StandardInput(lines)) => match lines.try_recv() {
                    Ok(line) => Some(line.map_err(|error| format!("cannot read standard input: {error}"))),
                    Err(TryRecvError::Empty) => return Next::Nothing,
                    Err(TryRecvError::Disconnected) => None,
                },
                None => match self.splits.next() {
                    Some(split) => {
                        let path = split.path().display().to_string();
                        match split.lines() {
                            Ok(lines) => {
                                self.reading = Some(Reading::Split { path, lines });
                                continue;
                            }
                            Err(error) => Some(Err(format!("cannot read {path}: {error}"))),
                        }
                    }
                    None => return Next::End,
                },
            };
            match line {
                Some(Ok(line)) => return Next::Line(line),
                Some(Err(message)) => {
                    self.control.fail(message);
                    return Next::End;
                }
                None => {
                    self.ended += u64::from(matches!(self.reading, Some(Reading::Split { .. })));
                    self.reading = None;
                }
            }
        }
    }
}

impl Produce<Vec<u8>> for Text {
    fn produce(&mut self, most: usize, records: &mut Vec<Vec<u8>>) -> Produced {
        let step = self.produced / LINES_PER_STEP;
        let most = most.min(((step + 1) * LINES_PER_STEP - self.produced) as usize);
        while records.len() < most {
            match self.next_line() {
                Next::Line(line) => records.push(line),
                Next::Nothing if records.is_empty() => return Produced::Nothing,
                Next::End if records.is_empty() => return Produced::End,
                Next::Nothing | Next::End => break,
            }
        }
        self.produced += records.len() as u64;
        Produced::At(step)
    }

    fn step(&self) -> u64 {
        1
    }

    fn splits_processed(&self) -> Option<u64> {
        (!matches!(self.reading, Some(Reading::StandardInput(_)))).then_some(self.ended)
    }
}

/// The same in every process, for the same program.
fn hash(word: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    word.hash(&mut hasher);
    hasher.finish()
}

/// Builds the dataflow: `Source: lines -- Tokenize == by word == Count -- Sink: counts`.
pub(super) fn build(
    worker: &mut Worker,
    spec: &JobSpec,
    splits: Option<&[Split]>,
    control: &JobControl,
    tallies: &Tallies,
    probe: &ProbeHandle<u64>,
) -> Rc<RefCell<Vec<String>>> {
    let output = Rc::new(RefCell::new(Vec::new()));
    let keep = spec.keep_output.then(|| Rc::clone(&output));
    worker.dataflow_named::<u64, _, _>("wordcount", |scope| {
        let (index, peers) = (scope.index(), scope.peers());
        let mine: Vec<Split> =
            splits.unwrap_or_default().iter().skip(index).step_by(peers).cloned().collect();
        // Standard input cannot be shared.
        let reading = (splits.is_none() && index == 0).then(|| Reading::StandardInput(standard_input()));
        let text =
            Text { splits: mine.into_iter(), reading, ended: 0, produced: 0, control: control.clone() };
        let tally = tallies.operator("Source: lines");
        let markers = Markers::default();
        let end = End { probe, markers: &markers };
        let lines = paced(scope, "Source: lines", spec, control, tally, end, text);
        let counts = count(split(lines, tallies), tallies);
        let ended = keep_rows(counts, "Sink: counts", tallies, &markers, keep, |(word, count)| {
            format!("{word}\t{count}")
        });
        ended.probe_with(probe);
        // What the probe passes on is nothing.
        tallies.operator("Probe");
    });
    output
}

/// Lines of standard input, as they come.
fn standard_input() -> Receiver<io::Result<Vec<u8>>> {
    let (sender, lines) = mpsc::sync_channel(STDIN_LINES);
    thread::spawn(move || {
        // It ends with the input, or when nobody wants more.
        let _ = Lines::of(io::stdin().lock()).try_for_each(|line| sender.send(line));
    });
    lines
}

fn split<'scope>(
    lines: StreamVec<'scope, u64, Vec<u8>>,
    tallies: &Tallies,
) -> StreamVec<'scope, u64, String> {
    let (tally, tallies, scope) = (tallies.operator("Tokenize"), tallies.clone(), lines.scope());
    lines.unary::<CapacityContainerBuilder<Vec<String>>, _, _, _>(Pipeline, "Tokenize", move |_, info| {
        let mut libraries = MeasuredLibraries::new(&info.address);
        let activator = scope.activator_for(info.address);
        let mut bytes = 0;
        move |input, output| {
            if libraries.is_to_wait() {
                return activator.activate();
            }
            input.for_each(|capability, lines| {
                tally.took(lines.len());
                bytes += lines.iter().map(|line| line.len() as u64).sum::<u64>();
                let (mut session, mut given) = (output.session(&capability), 0);
                libraries.run(|| {
                    tokenize(lines.drain(..), |word| {
                        given += 1;
                        session.give(word);
                    });
                });
                tally.gave(given);
                tallies.of_library("tokenizer_words", tally.given());
                tallies.of_library("tokenizer_bytes", bytes);
            });
        }
    })
}

/// The state of a counting operator, and what it says of it where the job is measured.
struct MeasuredCounts {
    operator: MeasuredOperator,
    metrics: Option<(StateSizeMetrics, ReducingStateTimers)>,
    /// Bytes of all words, and of their counts.
    bytes: u64,
}

impl MeasuredCounts {
    fn new(address: &[usize]) -> Self {
        Self { operator: MeasuredOperator::new(address), metrics: None, bytes: 0 }
    }

    fn add(&mut self, counts: &mut HashMap<String, u64>, word: String) {
        let Self { metrics, bytes, .. } = self;
        let add = || match counts.entry(word) {
            Entry::Occupied(mut count) => *count.get_mut() += 1,
            Entry::Vacant(vacant) => {
                *bytes += (vacant.key().len() + size_of::<u64>()) as u64;
                vacant.insert(1);
            }
        };
        match metrics {
            Some((_, timers)) => timers.add.time(add),
            None => add(),
        }
    }

    fn show(&mut self, counts: &HashMap<String, u64>) {
        if self.metrics.is_none() {
            self.metrics = self.operator.group().map(|operator| {
                let state = state_group(operator, "counts");
                (StateSizeMetrics::register(&state), ReducingStateTimers::register(&state, DEFAULT_SAMPLING))
            });
        }
        if let Some((size, _)) = &self.metrics {
            size.num_keys.set(counts.len() as u64);
            size.state_size.set(self.bytes);
        }
    }
}

/// Counts words as they come, and gives the counts when no more can.
fn count<'scope>(
    words: StreamVec<'scope, u64, String>,
    tallies: &Tallies,
) -> StreamVec<'scope, u64, (String, u64)> {
    let (tally, tallies) = (tallies.operator("Count"), tallies.clone());
    let by_word = Exchange::new(|word: &String| hash(word));
    words.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        by_word,
        "Count",
        move |capability, info| {
            let mut measured = MeasuredCounts::new(&info.address);
            // Held to the end, for the counts; moved on with the input, so that the source can tell how far it is.
            let mut capability = Some(capability);
            let (mut counts, mut total) = (HashMap::<String, u64>::new(), 0);
            move |(input, frontier), output| {
                input.for_each(|_, words| {
                    tally.took(words.len());
                    total += words.len() as u64;
                    for word in words.drain(..) {
                        measured.add(&mut counts, word);
                    }
                });
                if let (Some(held), Some(time)) = (&mut capability, frontier.frontier().first()) {
                    held.downgrade(time);
                } else if let Some(capability) = capability.take() {
                    tallies.total("words", total);
                    tallies.total("distinct_words", counts.len() as u64);
                    tally.gave(counts.len());
                    output.session(&capability).give_iterator(counts.drain());
                    measured.bytes = 0;
                }
                measured.show(&counts);
            }
        },
    )
}
