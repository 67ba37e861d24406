//! A library as jobs use them: it splits text into words, and counts what it does with the macros of the `metrics` crate.
//!
//! It knows nothing of flowmeter, of the operator that it works for, or of whether anybody wants its counts.

use super::text::words;

/// Calls `take` with each word of some lines, in lower case.
pub(super) fn tokenize(lines: impl Iterator<Item = Vec<u8>>, mut take: impl FnMut(String)) {
    let (mut tokenized, mut bytes) = (0, 0);
    for line in lines {
        bytes += line.len() as u64;
        for word in words(&line) {
            tokenized += 1;
            take(word);
        }
    }
    metrics::counter!("tokenizer_words").increment(tokenized);
    metrics::counter!("tokenizer_bytes").increment(bytes);
}
