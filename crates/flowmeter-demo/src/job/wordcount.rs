//! Word count: the words of a text, counted by word.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead};
use std::rc::Rc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::{ProbeHandle, StreamVec};
use timely::worker::Worker;

use super::nexmark::keep_rows;
use super::source::{Produce, Produced, paced};
use super::text::{Lines, Split, words};
use super::truth::Tallies;
use super::{JobControl, JobSpec};

/// Lines that share one of timely's times.
const LINES_PER_STEP: u64 = 65_536;

type AnyLines = Box<dyn Iterator<Item = io::Result<Vec<u8>>>>;

/// The lines of a worker's splits.
struct Text {
    splits: std::vec::IntoIter<Split>,
    /// Those of the split that is being read, and where it is.
    lines: Option<(String, AnyLines)>,
    produced: u64,
    control: JobControl,
}

impl Text {
    fn next_line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some((path, lines)) = &mut self.lines {
                match lines.next() {
                    Some(Ok(line)) => return Some(line),
                    Some(Err(error)) => {
                        self.control.fail(format!("cannot read {path}: {error}"));
                        return None;
                    }
                    None => self.lines = None,
                }
            }
            let split = self.splits.next()?;
            let path = split.path().display().to_string();
            match split.lines() {
                Ok(lines) => self.lines = Some((path, Box::new(lines))),
                Err(error) => {
                    self.control.fail(format!("cannot read {path}: {error}"));
                    return None;
                }
            }
        }
    }
}

impl Produce<Vec<u8>> for Text {
    fn produce(&mut self, most: usize, records: &mut Vec<Vec<u8>>) -> Produced {
        let step = self.produced / LINES_PER_STEP;
        let most = most.min(((step + 1) * LINES_PER_STEP - self.produced) as usize);
        records.extend(std::iter::from_fn(|| self.next_line()).take(most));
        if records.is_empty() {
            return Produced::End;
        }
        self.produced += records.len() as u64;
        Produced::At(step)
    }

    fn step(&self) -> u64 {
        1
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
        let stdin = (splits.is_none() && index == 0).then(|| {
            let lines: AnyLines = Box::new(Lines::of(standard_input()));
            ("standard input".to_owned(), lines)
        });
        let text = Text { splits: mine.into_iter(), lines: stdin, produced: 0, control: control.clone() };
        let tally = tallies.operator("Source: lines");
        let lines = paced(scope, "Source: lines", spec, control, tally, probe, text);
        let counts = count(tokenize(lines, tallies), tallies);
        let ended =
            keep_rows(counts, "Sink: counts", tallies, keep, |(word, count)| format!("{word}\t{count}"));
        ended.probe_with(probe);
        // What the probe passes on is nothing.
        tallies.operator("Probe");
    });
    output
}

fn standard_input() -> impl BufRead {
    io::BufReader::new(io::stdin())
}

fn tokenize<'scope>(
    lines: StreamVec<'scope, u64, Vec<u8>>,
    tallies: &Tallies,
) -> StreamVec<'scope, u64, String> {
    let tally = tallies.operator("Tokenize");
    lines.unary::<CapacityContainerBuilder<Vec<String>>, _, _, _>(Pipeline, "Tokenize", move |_, _| {
        move |input, output| {
            input.for_each(|capability, lines| {
                tally.took(lines.len());
                let mut session = output.session(&capability);
                for line in lines.drain(..) {
                    let mut given = 0;
                    for word in words(&line) {
                        given += 1;
                        session.give(word);
                    }
                    tally.gave(given);
                }
            });
        }
    })
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
        move |capability, _| {
            // Held to the end, for the counts; moved on with the input, so that the source can tell how far it is.
            let mut capability = Some(capability);
            let (mut counts, mut total) = (HashMap::<String, u64>::new(), 0);
            move |(input, frontier), output| {
                input.for_each(|_, words| {
                    tally.took(words.len());
                    total += words.len() as u64;
                    for word in words.drain(..) {
                        *counts.entry(word).or_default() += 1;
                    }
                });
                if let (Some(held), Some(time)) = (&mut capability, frontier.frontier().first()) {
                    held.downgrade(time);
                } else if let Some(capability) = capability.take() {
                    tallies.total("words", total);
                    tallies.total("distinct_words", counts.len() as u64);
                    tally.gave(counts.len());
                    output.session(&capability).give_iterator(counts.drain());
                }
            }
        },
    )
}
