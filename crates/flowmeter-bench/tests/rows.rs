//! Every row runs, and says what it must.

use std::process::{Command, Output};

use flowmeter_bench::rows::ROWS;
use serde_json::{Map, Value};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flowmeter-bench")).args(arguments).output().expect("it is built")
}

fn rows(filter: &str) -> Vec<Map<String, Value>> {
    let output = bench(&[filter, "--json", "--brief", "--rounds", "1", "--series", "1000"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("it prints text");
    text.lines().map(|line| serde_json::from_str(line).expect("it prints JSON")).collect()
}

#[test]
fn every_row_is_an_object_of_the_same_shape() {
    let rows = rows("");
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ROWS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for row in &rows {
        let name = &row["name"];
        assert!(row["unit"].is_string(), "{name}");
        assert!(row["details"].is_object(), "{name}");
        let peers = row["peers"].as_object().unwrap();
        assert!(peers.values().all(|peer| peer.as_f64().is_some_and(|peer| peer > 0.0)), "{name}: {peers:?}");
        let has = |key: &str| !row[key].is_null();
        // Two threads that never ran at the same time, because other programs had the cores, have no result.
        if has("ours") || !name.as_str().unwrap().ends_with("2-threads") {
            assert!(row["ours"].as_f64().is_some_and(|ours| ours > 0.0), "{row:?}");
            assert_eq!(has("to_limit"), has("limit"), "{name}");
            assert_eq!(has("to_best_peer"), !peers.is_empty(), "{name}");
        }
    }
}

#[test]
fn a_filter_picks_rows_that_contain_it() {
    assert_eq!(rows("gauge/").len(), 1);
    let output = bench(&["no-such-row"]);
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("counter/single-writer"), "names the rows there are: {error}");
}
