//! The reporter does what every reporter must, as a strict reader of its lines sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod log;
#[path = "log/read.rs"]
mod read;

use flowmeter_core::{AttributeValue, ConfigSection, Number, Reporter, ReporterHandle};
use flowmeter_log::{LogFactory, LogOptions, LogReporter, NamingPolicy};
use flowmeter_testkit::compatibility::{
    Abilities, Held, HeldMilestone, Scenario, Subject, check, check_factory,
};
use flowmeter_testkit::{Observed, PATIENCE};
use log::{Line, Log};
use read::{Value, Word, read};

/// A log that is read.
struct Written {
    naming: NamingPolicy,
    log: Log,
    /// Of the last report.
    report: Vec<String>,
    milestones: Vec<Line>,
}

impl Written {
    fn new(naming: NamingPolicy) -> Self {
        Self { naming, log: Log::begin(), report: Vec::new(), milestones: Vec::new() }
    }

    fn read(&mut self) {
        let (report, milestones): (Vec<_>, Vec<_>) =
            self.log.take().into_iter().partition(|line| line.target == "flowmeter::report");
        self.milestones.extend(milestones);
        self.report.extend(report.into_iter().map(|line| line.text));
    }
}

impl Subject for Written {
    fn reporter(&mut self) -> Box<dyn Reporter> {
        // Large enough for the longest names.
        let options = LogOptions::default().with_naming(self.naming).with_message_size(1 << 20);
        Box::new(LogReporter::new(options))
    }

    fn report(&mut self, reporter: &ReporterHandle) -> Result<(), String> {
        self.read();
        self.report.clear();
        reporter.report_now(PATIENCE).map_err(|error| error.to_string())
    }

    fn held(&mut self) -> Result<Vec<Held>, String> {
        self.read();
        match self.naming {
            NamingPolicy::Flink => flink_held(&self.report.concat()),
            _ => Ok(self.report.iter().map(|line| held(line)).collect::<Result<Vec<_>, _>>()?.concat()),
        }
    }

    fn held_milestones(&mut self) -> Result<Option<Vec<HeldMilestone>>, String> {
        self.read();
        if self.naming == NamingPolicy::Flink {
            // They have tests of their own.
            return Ok(None);
        }
        self.milestones.iter().map(|line| held_milestone(&line.text)).collect::<Result<_, _>>().map(Some)
    }

    fn abilities(&self) -> Abilities {
        let is_native = self.naming == NamingPolicy::Native;
        // Flink's form has no sums of histograms, and identifiers in the place of variables.
        Abilities { histograms: is_native, labels: is_native, ..Abilities::default() }
    }
}

fn pair(word: Word) -> Result<(String, Value), String> {
    let Word { key, value } = word;
    let value = value.ok_or_else(|| format!("{key} has no value"))?;
    Ok((key, value))
}

fn held(line: &str) -> Result<Vec<Held>, String> {
    let sections = read(line)?;
    let [head, metrics] = &sections[..] else { return Err(format!("{line:?} has not two sections")) };
    let [scope, variables @ ..] = &head[..] else { return Err(format!("{line:?} has no scope")) };
    let labels: Vec<_> = variables.iter().cloned().map(pair).collect::<Result<_, _>>()?;
    let labels: Vec<_> = labels.into_iter().map(|(key, value)| (key, value.text().to_owned())).collect();
    metrics
        .iter()
        .map(|word| {
            let (name, value) = pair(word.clone())?;
            let name = format!("{} {name}", scope.key);
            Ok(Held { name, labels: labels.clone(), value: observed(&value)? })
        })
        .collect()
}

fn observed(value: &Value) -> Result<Observed, String> {
    let Value::Bare(text) = value else { return Ok(Observed::Text(value.text().to_owned())) };
    if let Ok(truth) = text.parse() {
        return Ok(Observed::Bool(truth));
    }
    let Some(parts) = text.strip_prefix("count:") else { return number(text).map(Observed::Number) };
    let parts: Vec<_> = parts.split(',').collect();
    let count = parts[0].parse().map_err(|_| format!("{text} has no count"))?;
    match parts.get(1).and_then(|part| part.strip_prefix("sum:")) {
        Some(sum) => Ok(Observed::Histogram { count, sum: number(sum)?.to_f64() }),
        None => Ok(Observed::Number(Number::U64(count))),
    }
}

fn number(text: &str) -> Result<Number, String> {
    let number = text.parse().map(Number::U64).or_else(|_| text.parse().map(Number::I64));
    number.or_else(|_| text.parse().map(Number::F64)).map_err(|_| format!("{text:?} is no number"))
}

fn held_milestone(line: &str) -> Result<HeldMilestone, String> {
    let sections = read(line)?;
    let [head, _, attributes] = &sections[..] else { return Err(format!("{line:?} has not three sections")) };
    let attribute = |word: &Word| {
        let (key, value) = pair(word.clone())?;
        let value = match observed(&value)? {
            Observed::Bool(truth) => AttributeValue::Bool(truth),
            Observed::Text(text) => AttributeValue::Text(text),
            Observed::Number(Number::F64(number)) => AttributeValue::F64(number),
            _ => AttributeValue::I64(value.text().parse().map_err(|_| format!("{value:?} is no integer"))?),
        };
        Ok((key, value))
    };
    let attributes = attributes.iter().map(attribute).collect::<Result<_, String>>()?;
    Ok(HeldMilestone { name: head[0].key.clone(), attributes })
}

/// Reads Flink's form.
fn flink_held(report: &str) -> Result<Vec<Held>, String> {
    let (mut heading, mut held) = ("", Vec::new());
    for line in report.lines().filter(|line| !line.is_empty() && !line.starts_with("====")) {
        if let Some(rest) = line.strip_prefix("-- ") {
            heading = rest.trim_end_matches('-');
            continue;
        }
        let (name, value) = line.rsplit_once(": ").ok_or_else(|| format!("{line:?} has no value"))?;
        let value = match heading {
            "Counters " => Observed::Number(number(value)?),
            "Gauges " => match (value.parse(), number(value)) {
                (Ok(truth), _) => Observed::Bool(truth),
                (_, Ok(number)) => Observed::Number(number),
                _ => Observed::Text(value.to_owned()),
            },
            "Meters " | "Histograms " => continue,
            other => return Err(format!("a heading {other:?}")),
        };
        held.push(Held::new(name, value));
    }
    Ok(held)
}

#[test]
fn lines_of_groups_are_compatible() {
    let skipped =
        check(|| Written::new(NamingPolicy::Native)).unwrap_or_else(|failures| panic!("{failures}"));
    assert_eq!(skipped, [Scenario::Refusal, Scenario::RefusedMilestones], "a log takes what it is given");
}

#[test]
fn the_form_of_flink_is_compatible_but_for_the_counts_of_meters() {
    let failures = check(|| Written::new(NamingPolicy::Flink)).unwrap_err();
    let failed: Vec<_> = failures.iter().collect();
    let [(Scenario::EveryKind, failure)] = failed[..] else { panic!("{failures}") };
    assert!(failure.starts_with("Number(U64(105)) is not held"), "{failure}");
}

#[test]
fn the_factory_is_compatible() {
    let section = ConfigSection::new("reporters.log").with("level", "debug").with("naming", "flink");
    check_factory(&LogFactory, &section).unwrap();
}
