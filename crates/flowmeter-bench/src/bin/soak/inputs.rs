//! Inputs that mean no good: none may make what reads it panic, hang, or take more memory than it is worth.

use std::time::{Duration, Instant};

use flowmeter_jmx::hostile::{Inputs, Kind};
use stats_alloc::Region;

use crate::{ALLOCATOR, Outcome, say};

/// What may be allocated for an input, in bytes: some, and so many for each of its own. Most are for the small objects that JSON has,
/// each of which can be two bytes there.
const MEMORY: (usize, usize) = (256 << 10, 256);

/// What reading inputs of a kind took.
#[derive(Default)]
struct Taken {
    understood: u64,
    /// The most bytes that were allocated for one, all that was given back meanwhile included.
    most_memory: usize,
    longest: Duration,
}

/// Reads so many inputs, as many of each kind.
pub(crate) fn read(inputs: u64) -> Outcome {
    let each = inputs.div_ceil(Kind::ALL.len() as u64);
    for (seed, kind) in Kind::ALL.into_iter().enumerate() {
        let Taken { understood, most_memory, longest } = read_kind(kind, each, seed as u64)?;
        say(&format!(
            "{kind:?}: {each} inputs, {understood} of them understood; at most {:.0} KiB and {longest:.0?} for one",
            most_memory as f64 / 1024.0
        ))?;
    }
    Ok(())
}

fn read_kind(kind: Kind, count: u64, seed: u64) -> Outcome<Taken> {
    let mut inputs = Inputs::new(seed);
    let mut taken = Taken::default();
    for _ in 0..count {
        let input = inputs.next(kind);
        let (region, began) = (Region::new(&ALLOCATOR), Instant::now());
        taken.understood += u64::from(input.take());
        taken.longest = taken.longest.max(began.elapsed());
        let memory = region.change().bytes_allocated;
        taken.most_memory = taken.most_memory.max(memory);
        if memory > MEMORY.0 + MEMORY.1 * input.len() {
            return Err(
                format!("{memory} bytes were allocated for an input of {}: {input:?}", input.len()).into()
            );
        }
    }
    Ok(taken)
}
