//! Nexmark: the events of an auction site, its hot items, and a join of people and auctions.
//!
//! After the [Nexmark benchmark](https://beam.apache.org/documentation/sdks/java/testing/nexmark/): of fifty events one
//! is a person, three are auctions and forty-six are bids. An event follows from its number alone, so the stream can be
//! cut among any number of workers and begun anywhere, and the result of a bounded run is always the same.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::{Enter, Leave, Probe};
use timely::dataflow::{ProbeHandle, StreamVec};
use timely::worker::Worker;

use super::join_state::JoinState;
use super::markers::Markers;
use super::source::{End, Produce, Produced, paced};
use super::truth::Tallies;
use super::{JobControl, JobSpec};

/// Events of a second of event time, over all workers.
const EVENTS_PER_SECOND: u64 = 100_000;
/// Milliseconds of event time that share one of timely's times.
const TICK: u64 = 100;
/// Milliseconds of the windows in which items are hot.
const WINDOW: u64 = 1_000;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Someone registers.
    Person {
        /// A number of their own.
        id: u64,
        /// Where they live, 0 to 49.
        state: u8,
    },
    /// Someone offers something.
    Auction {
        /// A number of its own.
        id: u64,
        /// Who offers.
        seller: u64,
        /// What, 0 to 19.
        category: u8,
    },
    /// Someone bids.
    Bid {
        /// On what.
        auction: u64,
        /// When, in milliseconds of event time.
        time: u64,
    },
}

/// The event of a number.
#[must_use]
pub fn event(number: u64) -> Event {
    let (block, place) = (number / 50, number % 50);
    let random = mix(number);
    match place {
        0 => Event::Person { id: block, state: (random % 50) as u8 },
        1..=3 => Event::Auction {
            id: block * 3 + place - 1,
            seller: random % (block + 1),
            category: (random >> 32) as u8 % 20,
        },
        _ => {
            // Three of four bids are on what is hot at the moment, the others on something recent.
            let latest = block * 3;
            let auction = if random >> 8 & 3 != 0 {
                latest - latest % 100
            } else {
                latest - (random >> 16) % (latest.min(1000) + 1)
            };
            Event::Bid { auction, time: event_time(number) }
        }
    }
}

/// When an event happens, in milliseconds.
fn event_time(number: u64) -> u64 {
    number * 1_000 / EVENTS_PER_SECOND
}

/// A number that looks random: the finalizer of SplitMix64.
fn mix(mut x: u64) -> u64 {
    x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}

/// The events of one worker: every so manieth.
struct Events {
    next: u64,
    stride: u64,
    end: u64,
}

impl Produce<Event> for Events {
    fn produce(&mut self, most: usize, records: &mut Vec<Event>) -> Produced {
        if self.next >= self.end {
            return Produced::End;
        }
        let tick = event_time(self.next) / TICK;
        let first_of_next_tick = (tick + 1) * TICK * EVENTS_PER_SECOND / 1_000;
        let end = first_of_next_tick.min(self.end);
        let numbers = (self.next..end).step_by(self.stride as usize).take(most);
        records.extend(numbers.map(event));
        self.next += records.len() as u64 * self.stride;
        Produced::At(tick * TICK)
    }

    fn step(&self) -> u64 {
        TICK
    }
}

/// Rows of the result.
type Output = Rc<RefCell<Vec<String>>>;

/// Builds the dataflow.
///
/// ```text
/// Source --+-- Bids ------ HotItems { CountBids == by auction; Hottest == by window } -- Sink: hot items
///          +-- Persons --+
///          +-- Auctions -+-- Join == by person -- Sink: local auctions
/// ```
pub(super) fn build(
    worker: &mut Worker,
    spec: &JobSpec,
    events: Option<u64>,
    control: &JobControl,
    tallies: &Tallies,
    probe: &ProbeHandle<u64>,
) -> Output {
    let output = Output::default();
    let keep = spec.keep_output.then(|| Rc::clone(&output));
    worker.dataflow_named::<u64, _, _>("nexmark", |scope| {
        let producer = Events {
            next: scope.index() as u64,
            stride: scope.peers() as u64,
            end: events.unwrap_or(u64::MAX),
        };
        let (source, markers) = (tallies.operator("Source: events"), Markers::default());
        let end = End { probe, markers: &markers };
        let events = paced(scope, "Source: events", spec, control, source, end, producer);
        let bids = select(events.clone(), "Bids", tallies, |event| match event {
            Event::Bid { auction, time } => Some((auction, time)),
            _ => None,
        });
        let persons = select(events.clone(), "Persons", tallies, |event| match event {
            Event::Person { id, state } if state < 3 => Some(id),
            _ => None,
        });
        let auctions = select(events, "Auctions", tallies, |event| match event {
            Event::Auction { id, seller, category: 10 } => Some((seller, id)),
            _ => None,
        });
        let hot = scope.region_named("HotItems", |inner| {
            let counts = count_bids(bids.enter(inner), tallies);
            hottest(counts, tallies).leave(scope)
        });
        let hot =
            keep_rows(hot, "Sink: hot items", tallies, &markers, keep.clone(), |(window, auction, bids)| {
                format!("hot\t{window}\t{auction}\t{bids}")
            });
        hot.probe_with(probe);
        let local = join(persons, auctions, tallies);
        let local = keep_rows(local, "Sink: local auctions", tallies, &markers, keep, |(person, auction)| {
            format!("local\t{person}\t{auction}")
        });
        local.probe_with(probe);
        // What the probes pass on is nothing.
        tallies.operator("Probe");
    });
    output
}

/// Picks and projects.
fn select<'scope, D: Clone + 'static>(
    events: StreamVec<'scope, u64, Event>,
    name: &'static str,
    tallies: &Tallies,
    pick: impl Fn(Event) -> Option<D> + 'static,
) -> StreamVec<'scope, u64, D> {
    let tally = tallies.operator(name);
    events.unary::<CapacityContainerBuilder<Vec<D>>, _, _, _>(Pipeline, name, move |_, _| {
        move |input, output| {
            input.for_each(|capability, events| {
                tally.took(events.len());
                let mut session = output.session(&capability);
                let mut given = 0;
                for picked in events.drain(..).filter_map(&pick) {
                    given += 1;
                    session.give(picked);
                }
                tally.gave(given);
            });
        }
    })
}

/// Bids by window and auction.
fn count_bids<'scope>(
    bids: StreamVec<'scope, u64, (u64, u64)>,
    tallies: &Tallies,
) -> StreamVec<'scope, u64, (u64, u64, u64)> {
    let tally = tallies.operator("CountBids");
    let by_auction = Exchange::new(|(auction, _): &(u64, u64)| mix(*auction));
    bids.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(by_auction, "CountBids", move |_, _| {
        let mut windows = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each(|capability, bids| {
                tally.took(bids.len());
                for (auction, time) in bids.drain(..) {
                    let window = time - time % WINDOW;
                    let (_, counts) = windows
                        .entry(window)
                        .or_insert_with(|| (capability.delayed(&(window + WINDOW - 1), 0), HashMap::new()));
                    *counts.entry(auction).or_insert(0_u64) += 1;
                }
            });
            while let Some(entry) = windows.first_entry()
                && !frontier.less_equal(&(entry.key() + WINDOW - 1))
            {
                let (window, (capability, counts)) = entry.remove_entry();
                tally.gave(counts.len());
                let counts = counts.into_iter().map(|(auction, bids)| (window, auction, bids));
                output.session(&capability).give_iterator(counts);
            }
        }
    })
}

/// The auction with the most bids of each window; of equals the first.
fn hottest<'scope>(
    counts: StreamVec<'scope, u64, (u64, u64, u64)>,
    tallies: &Tallies,
) -> StreamVec<'scope, u64, (u64, u64, u64)> {
    let tally = tallies.operator("Hottest");
    let by_window = Exchange::new(|(window, ..): &(u64, u64, u64)| *window / WINDOW);
    counts.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(by_window, "Hottest", move |_, _| {
        let mut windows = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each(|capability, counts| {
                tally.took(counts.len());
                for (window, auction, bids) in counts.drain(..) {
                    let (_, best) = windows
                        .entry(window)
                        .or_insert_with(|| (capability.delayed(&(window + WINDOW - 1), 0), (auction, 0)));
                    let (best_auction, best_bids) = *best;
                    if bids > best_bids || (bids == best_bids && auction < best_auction) {
                        *best = (auction, bids);
                    }
                }
            });
            while let Some(entry) = windows.first_entry()
                && !frontier.less_equal(&(entry.key() + WINDOW - 1))
            {
                let (window, (capability, (auction, bids))) = entry.remove_entry();
                tally.gave(1);
                output.session(&capability).give((window, auction, bids));
            }
        }
    })
}

/// Auctions of the persons that were picked, whichever of the two comes first.
fn join<'scope>(
    persons: StreamVec<'scope, u64, u64>,
    auctions: StreamVec<'scope, u64, (u64, u64)>,
    tallies: &Tallies,
) -> StreamVec<'scope, u64, (u64, u64)> {
    let (tally, tallies) = (tallies.operator("Join"), tallies.clone());
    let by_person = Exchange::new(|person: &u64| mix(*person));
    let by_seller = Exchange::new(|(seller, _): &(u64, u64)| mix(*seller));
    persons.binary::<_, CapacityContainerBuilder<Vec<_>>, _, _, _, _>(
        auctions,
        by_person,
        by_seller,
        "Join",
        move |_, info| {
            let mut state = JoinState::new(&info.address, &tallies);
            move |persons, auctions, output| {
                persons.for_each(|capability, persons| {
                    tally.took(persons.len());
                    let mut session = output.session(&capability);
                    for person in persons.drain(..) {
                        let auctions = state.know(person);
                        tally.gave(auctions.len());
                        session.give_iterator(auctions.into_iter().map(|auction| (person, auction)));
                    }
                });
                auctions.for_each(|capability, auctions| {
                    tally.took(auctions.len());
                    let mut session = output.session(&capability);
                    for (seller, auction) in auctions.drain(..) {
                        if state.has_seller(seller, auction) {
                            tally.gave(1);
                            session.give((seller, auction));
                        }
                    }
                });
                state.show();
            }
        },
    )
}

/// Ends a stream: keeps its rows if they are wanted, and gives nothing.
pub(super) fn keep_rows<'scope, D: 'static + Clone>(
    rows: StreamVec<'scope, u64, D>,
    name: &'static str,
    tallies: &Tallies,
    markers: &Markers,
    keep: Option<Output>,
    format: impl Fn(&D) -> String + 'static,
) -> StreamVec<'scope, u64, ()> {
    let (tally, worker, markers) = (tallies.operator(name), rows.scope().index(), markers.clone());
    let latency = tallies.latency(name);
    rows.unary_frontier::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, name, move |_, info| {
        let mut marked = markers.sink(&info.address, worker, latency);
        move |(input, frontier), _| {
            marked.advance(frontier.frontier().first().copied());
            input.for_each(|_, rows| {
                tally.took(rows.len());
                if let Some(keep) = &keep {
                    keep.borrow_mut().extend(rows.iter().map(&format));
                }
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_of_the_right_kinds_and_refer_to_what_exists() {
        let mut persons = 0;
        let mut auctions = 0;
        for number in 0..100_000 {
            match event(number) {
                Event::Person { id, state } => {
                    assert_eq!(id, persons);
                    assert!(state < 50);
                    persons += 1;
                }
                Event::Auction { id, seller, category } => {
                    assert_eq!(id, auctions);
                    assert!(seller < persons && category < 20);
                    auctions += 1;
                }
                Event::Bid { auction, time } => {
                    assert!(auction < auctions);
                    assert_eq!(time, number / 100);
                }
            }
        }
        assert_eq!((persons, auctions), (2_000, 6_000));
    }

    #[test]
    fn workers_share_the_events_without_loss_or_repetition() {
        for (workers, end, most) in [(1, 50_003, 4096), (3, 50_003, 100), (7, 12_345, 1)] {
            let mut all = Vec::new();
            for worker in 0..workers {
                let mut events = Events { next: worker, stride: workers, end };
                let (mut buffer, mut last) = (Vec::new(), 0);
                while let Produced::At(time) = events.produce(most, &mut buffer) {
                    assert!(time >= last && !buffer.is_empty() && buffer.len() <= most);
                    last = time;
                    all.append(&mut buffer);
                }
            }
            assert_eq!(all.len() as u64, end);
            let count = |all: &[Event]| {
                let mut counts = HashMap::new();
                all.iter().for_each(|event| *counts.entry(format!("{event:?}")).or_insert(0) += 1);
                counts
            };
            let expected: Vec<Event> = (0..end).map(event).collect();
            assert!(count(&all) == count(&expected));
        }
    }
}
