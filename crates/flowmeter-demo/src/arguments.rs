//! The command line.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use flowmeter::prometheus::Ports;
use flowmeter::statsd::Address;

use crate::otlp::OtlpUrl;

/// How long Nexmark runs unless it is told otherwise.
const NEXMARK_DURATION: Duration = Duration::from_secs(60);

/// Runs a job on a JobManager and TaskManagers, measured by flowmeter.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo demo", bin_name = "cargo demo", version, max_term_width = 100)]
pub struct Arguments {
    /// The job.
    #[arg(long, value_enum, default_value_t = Job::Nexmark)]
    pub job: Job,

    /// What wordcount reads: a file, a folder with all files below it (links in it are not followed), or `-` for standard
    /// input.
    #[arg(long, value_name = "PATH")]
    pub input: Option<PathBuf>,

    /// How many TaskManager processes run the job.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub task_managers: u16,

    /// Source records a second for each TaskManager; 0 for as many as go. [default: 200000 for nexmark without
    /// --events, else 0]
    #[arg(long, value_name = "RECORDS", allow_negative_numbers = true, value_parser = whole_number)]
    pub rate: Option<u64>,

    /// How long the sources produce, such as `60s` or `5m`. [default: 60s for nexmark without --events]
    #[arg(long = "for", value_name = "DURATION", allow_hyphen_values = true, value_parser = duration)]
    pub duration: Option<Duration>,

    /// How many events nexmark produces over all TaskManagers.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole_number)]
    pub events: Option<u64>,

    /// Where to write the result: sorted lines, with columns separated by tabs.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// How long endpoints stay up after the job for others to scrape its final values.
    #[arg(long, value_name = "DURATION", default_value = "5s", allow_hyphen_values = true, value_parser = duration)]
    pub linger: Duration,

    /// Keep endpoints up for all of that time, for scrapers that come by later than the first.
    #[arg(long)]
    pub stay: bool,

    /// Whether flowmeter measures the job.
    #[arg(long, value_enum, default_value_t = Instrument::On)]
    pub instrument: Instrument,

    /// The ports for Prometheus endpoints: the JobManager takes the first that is free, TaskManagers the next.
    #[arg(long, value_name = "PORTS", default_value = "9249-9449", allow_hyphen_values = true)]
    pub ports: Ports,

    /// The ports for JMX, as jconsole reads it, in the same order.
    #[arg(long, value_name = "PORTS", default_value = "9450-9650", allow_hyphen_values = true)]
    pub jmx_ports: Ports,

    /// The ports for Jolokia, which is JMX over HTTP, in the same order.
    #[arg(long, value_name = "PORTS", default_value = "8778-8978", allow_hyphen_values = true)]
    pub jolokia_ports: Ports,

    /// Report to a StatsD daemon as well, such as `udp://127.0.0.1:8125` or `tcp://127.0.0.1:8125`.
    #[arg(long, value_name = "ADDRESS")]
    pub statsd: Option<Address>,

    /// Report to an OTLP receiver as well, such as `http://127.0.0.1:4318`; without a URL, to where OpenTelemetry's
    /// environment variables say, which also have the protocol and more.
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    pub otlp: Option<OtlpUrl>,

    /// Take the reporters from a file, in TOML or as Flink's `config.yaml`, and from environment variables over it. Beside them
    /// each process serves Prometheus on --ports, to compare with, and all stay up for all of --linger.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["statsd", "otlp", "jmx_ports", "jolokia_ports"])]
    pub config: Option<PathBuf>,

    /// Print events as JSON, one object a line.
    #[arg(long)]
    pub json: bool,

    /// Join a JobManager as one of its TaskManagers.
    #[arg(long, hide = true)]
    pub join: Option<Join>,
}

/// The jobs to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Job {
    /// Hot items and a join, on the events of an auction site.
    Nexmark,
    /// The words of a text, counted.
    Wordcount,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Instrument {
    /// Measured.
    On,
    /// Not measured: no log in timely, no endpoints.
    Off,
}

/// Which TaskManager to be, and where its JobManager is: `0@127.0.0.1:40000`.
#[derive(Clone, Copy, Debug)]
pub struct Join {
    /// Its number, from 0.
    pub index: usize,
    /// The JobManager's control port.
    pub job_manager: SocketAddr,
}

impl FromStr for Join {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (index, address) = text.split_once('@').ok_or("expected INDEX@ADDRESS")?;
        let index = index.parse().map_err(|_| "expected a number before the @")?;
        let job_manager = address.parse().map_err(|_| "expected an address behind the @")?;
        Ok(Self { index, job_manager })
    }
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.index, self.job_manager)
    }
}

impl Arguments {
    /// Source records a second for each TaskManager: a pace that a laptop keeps for ever, where the job has no end of
    /// its own.
    #[must_use]
    pub fn rate(&self) -> u64 {
        let endless = self.job == Job::Nexmark && self.events.is_none();
        self.rate.unwrap_or(if endless { 200_000 } else { 0 })
    }

    /// How long the sources produce at most.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        let endless = self.job == Job::Nexmark && self.events.is_none();
        self.duration.or_else(|| endless.then_some(NEXMARK_DURATION))
    }

    /// Whether the options go together.
    ///
    /// # Errors
    ///
    /// What is missing or does not go with the job, in one line.
    pub fn check(&self) -> Result<(), String> {
        let problem = match self.job {
            Job::Wordcount if self.input.is_none() => {
                "--job wordcount needs --input PATH: a file, a folder, or `-` for standard input"
            }
            Job::Wordcount if self.events.is_some() => {
                "--events goes with --job nexmark; wordcount ends with its input"
            }
            _ if self.config.is_some() && self.instrument == Instrument::Off => {
                "--config is about what measures the job: leave out --instrument off"
            }
            Job::Nexmark if self.input.is_some() => {
                "--input goes with --job wordcount; nexmark makes its own events"
            }
            _ => return self.check_ports().and_then(|()| self.check_otlp()),
        };
        Err(problem.to_owned())
    }

    /// Whether the receiver of OTLP can be one. The parser would show a URL that cannot, and the password that is in it.
    fn check_otlp(&self) -> Result<(), String> {
        self.otlp.as_ref().map_or(Ok(()), |url| url.endpoint().map(|_| ()))
    }

    /// Whether there are ports for all processes.
    fn check_ports(&self) -> Result<(), String> {
        let processes = 1 + usize::from(self.task_managers);
        let all = [
            ("--ports", self.ports),
            ("--jmx-ports", self.jmx_ports),
            ("--jolokia-ports", self.jolokia_ports),
        ];
        let too_few = |(_, ports): &(_, Ports)| *ports != Ports::any() && ports.iter().len() < processes;
        match all.into_iter().find(too_few) {
            Some((option, ports)) if self.instrument == Instrument::On => Err(format!(
                "{option} {ports} has too few ports: a JobManager and {} TaskManagers need {processes}",
                self.task_managers
            )),
            _ => Ok(()),
        }
    }
}

fn whole_number(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "expected a whole number, 0 or more")
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "expected a duration such as `60s` or `5m`")
}

/// What the parser says, in one line: what is wrong and what is possible, without the usage.
#[must_use]
pub fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let said: Vec<&str> =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more")).collect();
    let said = said.join(" ");
    format!("{}; try --help", said.strip_prefix("error: ").unwrap_or(&said))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, String> {
        let all = ["cargo demo"].iter().chain(arguments);
        let parsed = Arguments::try_parse_from(all).map_err(|error| one_line(&error))?;
        parsed.check().map(|()| parsed)
    }

    #[test]
    fn without_options_it_is_nexmark_for_a_minute_at_a_pace() {
        let arguments = parse(&[]).unwrap();
        assert_eq!((arguments.rate(), arguments.duration()), (200_000, Some(Duration::from_secs(60))));
        let bounded = parse(&["--events", "1000"]).unwrap();
        assert_eq!((bounded.rate(), bounded.duration()), (0, None));
        let words = parse(&["--job", "wordcount", "--input", "-"]).unwrap();
        assert_eq!((words.rate(), words.duration()), (0, None));
    }

    #[test]
    fn mistakes_are_named_in_one_line() {
        for (arguments, expected) in [
            (
                &["--rate", "-1"][..],
                "invalid value '-1' for '--rate <RECORDS>': expected a whole number, 0 or more; try --help",
            ),
            (
                &["--rate=-1"],
                "invalid value '-1' for '--rate <RECORDS>': expected a whole number, 0 or more; try --help",
            ),
            (
                &["--events", "-5"],
                "invalid value '-5' for '--events <N>': expected a whole number, 0 or more; try --help",
            ),
            (
                &["--task-managers", "0"],
                "invalid value '0' for '--task-managers <N>': 0 is not in 1..=64; try --help",
            ),
            (
                &["--for", "soon"],
                "invalid value 'soon' for '--for <DURATION>': expected a duration such as `60s` or `5m`; try --help",
            ),
            (
                &["--linger", "-1s"],
                "invalid value '-1s' for '--linger <DURATION>': expected a duration such as `60s` or `5m`; try --help",
            ),
            (
                &["--ports", "9249-9250"],
                "--ports 9249-9250 has too few ports: a JobManager and 2 TaskManagers need 3",
            ),
            (
                &["--jmx-ports", "9450"],
                "--jmx-ports 9450 has too few ports: a JobManager and 2 TaskManagers need 3",
            ),
            (
                &["--jolokia-ports", "8778-8779"],
                "--jolokia-ports 8778-8779 has too few ports: a JobManager and 2 TaskManagers need 3",
            ),
            (
                &["--job", "sort"],
                "invalid value 'sort' for '--job <JOB>' [possible values: nexmark, wordcount]; try --help",
            ),
            (
                &["--ports", "2-1"],
                "invalid value '2-1' for '--ports <PORTS>': `2-1` is not a port or a range of ports: write `9249` or `9249-9260`, each 0 to 65535, the smaller first; try --help",
            ),
            (
                &["--otlp", "ftp://me:hunter2@h"],
                "the URL of --otlp cannot be used: it begins with neither `http://` nor `https://`",
            ),
            (&["--otlp", "http://h:0"], "the URL of --otlp cannot be used: its port is not 1 to 65535"),
            (&["--speed", "1"], "unexpected argument '--speed' found; try --help"),
            (
                &["--config", "flowmeter.toml", "--otlp"],
                "the argument '--config <FILE>' cannot be used with '--otlp [<URL>]'; try --help",
            ),
            (
                &["--job", "wordcount"],
                "--job wordcount needs --input PATH: a file, a folder, or `-` for standard input",
            ),
            (&["--input", "x"], "--input goes with --job wordcount; nexmark makes its own events"),
            (
                &["--job", "wordcount", "--input", "x", "--events", "5"],
                "--events goes with --job nexmark; wordcount ends with its input",
            ),
        ] {
            assert_eq!(parse(arguments).unwrap_err(), expected, "{arguments:?}");
        }
    }

    #[test]
    fn otlp_goes_where_it_is_told_to_or_the_environment_says() {
        assert!(parse(&[]).unwrap().otlp.is_none());
        let url = |arguments: &[&str]| parse(arguments).unwrap().otlp.unwrap();
        assert_eq!(url(&["--otlp", "--json"]).endpoint(), Ok(None));
        let told = url(&["--otlp", "http://me:hunter2@h:1"]);
        assert_eq!(told.endpoint(), Ok(Some("http://me:hunter2@h:1".parse().unwrap())));
        assert_eq!(format!("{told:?}"), "(hidden)");
    }

    #[test]
    fn joining_is_written_and_read_alike() {
        let join: Join = "3@127.0.0.1:40000".parse().unwrap();
        assert_eq!((join.index, join.to_string().as_str()), (3, "3@127.0.0.1:40000"));
        for wrong in ["3", "x@127.0.0.1:1", "3@x"] {
            wrong.parse::<Join>().unwrap_err();
        }
    }
}
