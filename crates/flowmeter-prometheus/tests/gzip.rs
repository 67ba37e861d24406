//! What the encoder writes is read by another implementation.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Read as _;

use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder as Peer};
use flowmeter_prometheus::GzipEncoder;
use proptest::prelude::*;

/// The longest distance of a match.
const WINDOW: usize = 32 * 1024;

/// Compresses a text in pieces that end at `cuts`.
fn compressed(text: &[u8], cuts: &[usize]) -> Vec<u8> {
    let (mut encoder, mut out, mut begin) = (GzipEncoder::new(), Vec::new(), 0);
    for cut in cuts {
        encoder.write(&text[begin..*cut], &mut out);
        begin = *cut;
    }
    encoder.write(&text[begin..], &mut out);
    encoder.finish(&mut out);
    out
}

fn read(compressed: &[u8]) -> std::io::Result<Vec<u8>> {
    let (mut text, mut rest) = (Vec::new(), compressed);
    GzDecoder::new(&mut rest).read_to_end(&mut text)?;
    assert!(rest.is_empty(), "{} bytes behind the end", rest.len());
    Ok(text)
}

fn reads_back(text: &[u8]) {
    let at_once = compressed(text, &[]);
    assert!(read(&at_once).unwrap() == text);
    let middle = text.len() / 2;
    let pieces: Vec<usize> = (1..text.len()).step_by(1000).collect();
    for cuts in [&[middle][..], &[0, middle, middle], &pieces] {
        assert!(compressed(text, cuts) == at_once, "cut at {cuts:?}");
    }
}

/// Samples as a report has them, and comments.
fn report(families: usize, series: usize) -> String {
    let mut text = String::new();
    let mut value = 1_u64;
    for family in 0..families {
        let name = format!(
            "taskmanager_job_task_operator_{}_total",
            ["num_records_in", "busy_time_seconds"][family % 2]
        );
        text += &format!("# HELP {name} of {family}\n# TYPE {name} counter\n");
        for subtask in 0..series {
            value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (operator, count) = (subtask / 16, value >> 24 >> (value % 32));
            text += &format!(
                "{name}{{host=\"stream-taskmanager-1-7f9c6d5b8-x2k4q\",tm_id=\"a81bc81b-dead-4e5d-abff-90865d1e13b1\",\
                 job_id=\"2f1c0f37d1a04b6bb9e15a3f6d2c8e47\",task_name=\"Source: orders -> Map -> Filter -> KeyBy\",\
                 operator_name=\"TumblingEventTimeWindows({operator})\",subtask_index=\"{}\"}} {count}\n",
                subtask % 16
            );
        }
    }
    text
}

#[test]
fn a_report_reads_back_and_is_about_as_small_as_from_a_compressor_that_searches() {
    for (families, series) in [(2, 2000), (40, 20)] {
        let text = report(families, series);
        reads_back(text.as_bytes());
        let mut peer = Vec::new();
        Peer::new(text.as_bytes(), Compression::new(1)).read_to_end(&mut peer).unwrap();
        let ours = compressed(text.as_bytes(), &[]).len();
        assert!(ours < 2 * peer.len(), "{ours} bytes of {}, where gzip makes {}", text.len(), peer.len());
    }
}

#[test]
fn texts_of_all_shapes_read_back() {
    let long = |length: usize| "x".repeat(length);
    for text in [
        String::new(),
        "\n".to_owned(),
        "\n\n\n\n".to_owned(),
        "one 1".to_owned(),
        "one 1\none 1\none 1".to_owned(),
        "name{a=\"1\"} 12345678\nname{a=\"12345678901234567\"} 1\n".to_owned(),
        "a_b_c{x=\"1\"} 1\na_b{x=\"1\"} 1\na_b_c_d{x=\"1\",le=\"1\"} 1\na 1\n".to_owned(),
        "12345678901234567890123456789".to_owned(),
        "\u{3b1}{\u{3b2}=\"\u{1f600}\"} 1\n".repeat(3),
        long(1_000_000),
        format!("{}\n{}", long(WINDOW), long(WINDOW)),
        format!("{0}\n{0}\n{0}y\n", long(3 * WINDOW)),
    ] {
        reads_back(text.as_bytes());
    }
}

#[test]
fn lines_of_all_lengths_read_back() {
    // The longest match, two of them, and the longest distance.
    for length in (1..20).chain(240..280).chain(500..540).chain(WINDOW - 10..WINDOW + 10) {
        let line = "abc_\"{7".repeat(length.div_ceil(7));
        reads_back(format!("{0}\n{0}\n{0}1\n{0}2\n{0}", &line[..length]).as_bytes());
        // And the earlier line so far back, because comments are between.
        reads_back(format!("sample 1\n#{}\nsample 2\n#{0}\nsample 2\n", &line[..length]).as_bytes());
    }
}

#[test]
fn golden_files_read_back() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        reads_back(&std::fs::read(file.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn a_decoder_sees_what_was_lost_or_changed() {
    let text = report(2, 3);
    let whole = compressed(text.as_bytes(), &[]);
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
    }
    // Nothing checks the ten bytes before.
    for place in 10..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[place] ^= 1 << bit;
            // The bits up to a whole byte, behind the end of the block, have no meaning.
            let mut read = Vec::new();
            let result = GzDecoder::new(&changed[..]).read_to_end(&mut read);
            assert!(result.is_err() || read == text.as_bytes(), "bit {bit} of byte {place}");
        }
    }
}

/// Where a text of that length is cut.
fn cuts(length: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..=length, 0..8).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts
    })
}

/// A text and where it is cut.
fn cut(text: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    text.prop_flat_map(|text| {
        let cuts = cuts(text.len());
        (Just(text), cuts)
    })
}

/// What is done to a line to make the next: at a place, that many bytes are left out, and these are put in.
fn change() -> impl Strategy<Value = (prop::sample::Index, usize, String)> {
    (any::<prop::sample::Index>(), 0_usize..20, "[a-c0-9_ \",{}=#\u{e9}\n]{0,12}")
}

fn changed_lines() -> impl Strategy<Value = Vec<u8>> {
    let first = "[a-z_]{1,20}\\{([a-z]{1,4}=\"[ -~]{0,60}\",){1,8}\\} [0-9]{1,20}";
    (first, prop::collection::vec(prop::collection::vec(change(), 0..3), 0..60)).prop_map(
        |(first, changes)| {
            let mut text = first.clone().into_bytes();
            let mut line = first.into_bytes();
            for changes in changes {
                for (place, left_out, put_in) in changes {
                    let place = place.index(line.len() + 1);
                    let end = (place + left_out).min(line.len());
                    line.splice(place..end, put_in.bytes());
                }
                text.push(b'\n');
                text.extend_from_slice(&line);
            }
            text
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_read_back((text, cuts) in cut(prop::collection::vec(any::<u8>(), 0..3000))) {
        prop_assert!(read(&compressed(&text, &cuts)).unwrap() == text);
    }

    #[test]
    fn bytes_of_few_kinds_read_back((text, cuts) in cut("[ab0-9\"_{\n]{0,600}".prop_map(String::into_bytes))) {
        prop_assert!(read(&compressed(&text, &cuts)).unwrap() == text);
    }

    #[test]
    fn lines_that_differ_a_little_read_back((text, cuts) in cut(changed_lines())) {
        let out = compressed(&text, &cuts);
        prop_assert!(read(&out).unwrap() == text);
        prop_assert!(out == compressed(&text, &[]), "it does not matter where it is cut");
    }
}
