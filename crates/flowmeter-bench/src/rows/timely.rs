use std::fs;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use flowmeter_demo::job::{JobKind, JobSpec, Truth, run_alone, text};
use flowmeter_timely::TimelyInstrumentation;

use super::Effort;
use crate::data::{Numbers, label_sets};
use crate::harness::{Better, Row, Side, thread_cpu};
use crate::ours::{Ours, TextReporter};

const EVENTS: u64 = 3_000_000;
const LINES: u64 = 200_000;
const WORDS_PER_LINE: usize = 8;

/// CPU of the nexmark job for each event of its source, instrumented; the limit is the same job without instrumentation.
pub(super) fn nexmark(effort: Effort) -> Row {
    let kind = JobKind::Nexmark { events: Some(effort.calls(EVENTS)) };
    measure(Row::new("timely/nexmark", "ns CPU an event", Better::Smaller), kind, effort)
}

/// CPU of the word count job for each line, instrumented; the limit is the same job without instrumentation.
pub(super) fn wordcount(effort: Effort) -> Row {
    let row = Row::new("timely/wordcount", "ns CPU a line", Better::Smaller);
    let path = std::env::temp_dir().join(format!("flowmeter-bench-text-{}", std::process::id()));
    let mut numbers = Numbers::new(3);
    let written = fs::File::create(&path).and_then(|file| {
        let mut file = BufWriter::new(file);
        for _ in 0..effort.calls(LINES) {
            // Few words are frequent and many are rare, as in a language.
            let words = (0..WORDS_PER_LINE).map(|_| {
                let most = numbers.next_u64() % 50_000 + 1;
                format!("word{}", numbers.next_u64() % most)
            });
            writeln!(file, "{}", words.collect::<Vec<_>>().join(" "))?;
        }
        file.flush()
    });
    let splits = text::splits(&path);
    let row = match (written, splits) {
        (Ok(()), Ok(splits)) => measure(row, JobKind::WordCount { splits: Some(splits) }, effort),
        _ => row,
    };
    let _ = fs::remove_file(&path);
    row
}

fn measure(mut row: Row, kind: JobKind, effort: Effort) -> Row {
    let ours = Ours::new(&TextReporter::chunked(), &label_sets(1));
    let task_manager = Arc::new(ours.registry.task_manager("host", "tm"));
    let job = JobSpec { kind, rate: 0, duration: None, keep_output: false };
    let run = |instrumented: bool| {
        let instrumentation =
            instrumented.then(|| TimelyInstrumentation::new(Arc::clone(&task_manager), "bench"));
        let start = thread_cpu();
        let result = run_alone(job.clone(), instrumentation).expect("the job can run");
        let cpu = thread_cpu() - start;
        // What was counted goes out, so that memory does not pile up.
        ours.report();
        cpu / source_records(&result.truth) as f64
    };
    run(true);
    for round in 0..effort.rounds {
        // Whoever comes first finds other caches, so they take turns in that as well.
        let (on, off) = if round % 2 == 0 {
            let on = run(true);
            (on, run(false))
        } else {
            let off = run(false);
            (run(true), off)
        };
        row.add(Side::Ours, on);
        row.add(Side::Limit, off);
        row.notes.add("median of the ratios of pairs", on / off);
    }
    row
}

fn source_records(truth: &Truth) -> u64 {
    let sources = truth.operators.iter().filter(|(name, _)| name.starts_with("Source"));
    sources.map(|(_, records)| records.num_records_out).sum()
}
