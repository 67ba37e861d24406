//! The how-to of configuration has configurations that start.

use std::fs;
use std::time::Duration;

use flowmeter::Flowmeter;
use flowmeter::config::Config;

const HOW_TO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/how-to/configure.md");

/// The only block of a language that begins with a text.
fn block(language: &str, beginning: &str) -> String {
    let document = fs::read_to_string(HOW_TO).expect("it is there");
    let fence = format!("```{language}\n");
    let blocks = document.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<_> = blocks.filter(|block| block.starts_with(beginning)).collect();
    assert_eq!(blocks.len(), 1, "of {language}");
    blocks[0].to_owned()
}

/// The reporters that a configuration starts.
fn started(config: Config) -> Vec<String> {
    let flowmeter = Flowmeter::builder().with_config(config).start().expect("it can start");
    let names = flowmeter.reporters().iter().map(|reporter| reporter.name().to_owned()).collect();
    // Nobody listens to them, which the end need not wait for.
    flowmeter.shutdown(Duration::from_millis(10));
    names
}

#[test]
fn the_toml_starts_three_reporters() {
    let config = Config::from_toml(&block("toml", "# Which")).expect("it is a configuration");
    let config = config.with_environment([("FLOWMETER_REPORTER_PROM_PORT", "0")]).expect("it is text");
    assert_eq!(started(config), ["log", "otel", "prom"]);
}

#[test]
fn the_configuration_of_flink_starts_reporters_of_metrics_spans_and_events() {
    let config = Config::from_yaml(&block("yaml", "jobmanager")).expect("it is a configuration");
    let config = config.with_environment([("FLOWMETER_REPORTER_PROM_PORT", "0")]).expect("it is text");
    assert_eq!(started(config), ["otel", "otel.events", "otel.traces", "prom"]);
}

#[test]
fn the_variables_are_enough() {
    let block = block("sh", "FLOWMETER_REPORTERS=");
    let variables: Vec<_> = block
        .lines()
        .map(|line| line.split_once('=').expect("a variable is set"))
        .map(|(name, value)| {
            (name, value.trim_matches('"').replace("9249-9260", "0").replace("collector", "127.0.0.1"))
        })
        .collect();
    let config = Config::from_environment(variables).expect("it is a configuration");
    assert_eq!(started(config), ["otlp", "prometheus"]);
}
