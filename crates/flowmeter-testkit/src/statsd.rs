//! A strict reader of StatsD's lines: what daemons would forgive is an error here.
//!
//! Written from the descriptions of [StatsD], [DogStatsD] with values packed as in its version 1.1, and [Graphite's tags], apart
//! from whatever writes them.
//!
//! [StatsD]: https://github.com/statsd/statsd/blob/master/docs/metric_types.md
//! [DogStatsD]: https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/
//! [Graphite's tags]: https://graphite.readthedocs.io/en/latest/tags.html

use std::collections::BTreeMap;

/// Which lines are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Names alone.
    Plain,
    /// Tags behind, and several values in a line.
    DogStatsd,
    /// Tags in the name.
    Graphite,
    /// Names of any characters, and gauges that are any text, as Flink sends them.
    Flink,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `c`
    Counter,
    /// `g`
    Gauge,
    /// `ms`
    Timer,
    /// `d`
    Distribution,
    /// `h`
    Histogram,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The name.
    pub name: String,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// The values as they were written.
    pub values: Vec<String>,
    /// The type.
    pub kind: Kind,
    /// For how many values each of them stands: the rate as it was written.
    pub rate: Option<String>,
}

/// Reads the lines of a packet, the last of which may have an end or not.
///
/// # Errors
///
/// The first line that is none.
pub fn parse(dialect: Dialect, packet: &[u8]) -> Result<Vec<Line>, String> {
    let text = std::str::from_utf8(packet).map_err(|error| format!("{error}: {packet:?}"))?;
    let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    lines.map(|line| parse_line(dialect, line).map_err(|error| format!("{error}: {line:?}"))).collect()
}

fn parse_line(dialect: Dialect, line: &str) -> Result<Line, &'static str> {
    if line.contains('\r') {
        return Err("an end of a line within");
    }
    let (name, rest) = line.split_once(':').ok_or("no value")?;
    let (mut name, mut tags) = (name, BTreeMap::new());
    if dialect == Dialect::Graphite
        && let Some((bare, rest)) = name.split_once(';')
    {
        name = bare;
        for tag in rest.split(';') {
            let (key, value) = tag.split_once('=').ok_or("a tag without a value")?;
            if value.starts_with('~') {
                return Err("a value of a tag that begins with a tilde");
            }
            add_tag(key, value, &mut tags)?;
        }
    }
    let is_name = match dialect {
        Dialect::Flink => !name.is_empty(),
        // Datadog's: https://docs.datadoghq.com/metrics/custom_metrics/#naming-custom-metrics
        Dialect::DogStatsd => name.len() <= 200 && name.bytes().all(|byte| is_plain(byte) && byte != b'-'),
        _ => !name.is_empty() && name.bytes().all(is_plain),
    };
    let begins_well = dialect != Dialect::DogStatsd || name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !is_name || !begins_well {
        return Err("no name of a metric");
    }
    let mut sections = rest.split('|');
    let values: Vec<String> = match dialect {
        Dialect::DogStatsd => sections.next().unwrap_or_default().split(':').map(str::to_owned).collect(),
        _ => vec![sections.next().unwrap_or_default().to_owned()],
    };
    let kind = match sections.next().ok_or("no type")? {
        "c" => Kind::Counter,
        "g" => Kind::Gauge,
        "ms" => Kind::Timer,
        "d" if dialect == Dialect::DogStatsd => Kind::Distribution,
        "h" if dialect == Dialect::DogStatsd => Kind::Histogram,
        _ => return Err("no type that there is"),
    };
    let mut rate = None;
    for section in sections {
        if let Some(text) = section.strip_prefix('@') {
            let is_rate = text.parse::<f64>().is_ok_and(|rate| rate > 0.0 && rate < 1.0);
            if !is_rate
                || kind == Kind::Gauge
                || !text.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit())
            {
                return Err("no sample rate");
            }
            if rate.replace(text.to_owned()).is_some() || !tags.is_empty() && dialect == Dialect::DogStatsd {
                return Err("a sample rate twice or behind the tags");
            }
        } else if let Some(text) = section.strip_prefix('#').filter(|_| dialect == Dialect::DogStatsd) {
            if !tags.is_empty() {
                return Err("tags twice");
            }
            for tag in text.split(',') {
                let (key, value) = tag.split_once(':').ok_or("a tag without a value")?;
                add_tag(key, value, &mut tags)?;
            }
        } else {
            return Err("a section that is none");
        }
    }
    let is_value = |value: &String| match dialect {
        Dialect::Flink => kind == Kind::Gauge,
        _ => {
            value.bytes().all(|byte| byte.is_ascii_graphic())
                && value.parse::<f64>().is_ok_and(f64::is_finite)
        }
    };
    if !values.iter().all(is_value) {
        return Err("no value that is a number");
    }
    let is_change = |value: &String| value.starts_with('+');
    if values.iter().any(is_change) || (values.len() > 1 && matches!(kind, Kind::Gauge | Kind::Counter)) {
        return Err("no value that the type has");
    }
    Ok(Line { name: name.to_owned(), tags, values, kind, rate })
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn add_tag(key: &str, value: &str, tags: &mut BTreeMap<String, String>) -> Result<(), &'static str> {
    if key.is_empty() || !key.bytes().all(is_plain) || value.is_empty() || value.contains(char::is_control) {
        return Err("no key or value of a tag");
    }
    match tags.insert(key.to_owned(), value.to_owned()) {
        Some(_) => Err("a tag twice"),
        None => Ok(()),
    }
}

/// Name and tags.
pub type Identity = (String, BTreeMap<String, String>);

/// A daemon that never forgets: counters add up, and gauges are what they were set to.
#[derive(Clone, Debug, Default)]
pub struct Daemon {
    /// What counters have counted.
    pub counters: BTreeMap<Identity, u64>,
    /// The last values of gauges, as they were written.
    pub gauges: BTreeMap<Identity, String>,
    /// All values of timers, distributions and histograms, each with how many it stands for.
    pub samples: BTreeMap<Identity, Vec<(f64, u64)>>,
}

impl Daemon {
    /// Takes a packet.
    ///
    /// # Errors
    ///
    /// What is wrong with it: a line that is none, a gauge below zero that is not set to zero right before, and a counter whose
    /// value is no whole number.
    pub fn take(&mut self, dialect: Dialect, packet: &[u8]) -> Result<(), String> {
        let mut zeroed: Option<Identity> = None;
        for Line { name, tags, values, kind, rate } in parse(dialect, packet)? {
            let identity = (name, tags);
            let before = zeroed.take();
            let value = values.first().cloned().unwrap_or_default();
            match kind {
                Kind::Counter => {
                    let delta: u64 = value.parse().map_err(|_| format!("{identity:?} counts {value}"))?;
                    if rate.is_some() {
                        return Err(format!("{identity:?} counts a part"));
                    }
                    let sum = self.counters.entry(identity).or_default();
                    *sum = sum.checked_add(delta).ok_or("a counter that overflows")?;
                }
                Kind::Gauge => {
                    if value.starts_with('-') && before.as_ref() != Some(&identity) {
                        return Err(format!("{identity:?} changes by {value}"));
                    }
                    if value == "0" {
                        zeroed = Some(identity.clone());
                    }
                    self.gauges.insert(identity, value);
                }
                Kind::Timer | Kind::Distribution | Kind::Histogram => {
                    // Cut off, as Datadog's Agent does.
                    let weight =
                        rate.and_then(|rate| rate.parse::<f64>().ok()).map_or(1, |rate| (1.0 / rate) as u64);
                    let samples = self.samples.entry(identity).or_default();
                    samples.extend(values.iter().filter_map(|value| Some((value.parse().ok()?, weight))));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let read = |dialect, line: &str| parse(dialect, line.as_bytes()).unwrap().remove(0);
        let tags = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let line = read(Dialect::DogStatsd, "a.b:1:2.5|d|@0.25|#k:v:w,l:x");
        assert_eq!(
            (line.name.as_str(), line.values.as_slice()),
            ("a.b", ["1".to_owned(), "2.5".to_owned()].as_slice())
        );
        assert_eq!((line.kind, line.rate.as_deref()), (Kind::Distribution, Some("0.25")));
        assert_eq!(line.tags, tags(&[("k", "v:w"), ("l", "x")]));
        let line = read(Dialect::Graphite, "a;k=v;l=x:-1|g\n");
        assert_eq!((line.kind, line.tags), (Kind::Gauge, tags(&[("k", "v"), ("l", "x")])));
        assert_eq!(read(Dialect::Plain, "a:1|ms|@0.5").kind, Kind::Timer);
        assert_eq!(read(Dialect::Flink, "a |b:c d|g").values, ["c d"]);
    }

    #[test]
    fn what_is_no_line_is_an_error() {
        for (dialect, line) in [
            (Dialect::Plain, ""),
            (Dialect::Plain, "a"),
            (Dialect::Plain, ":1|c"),
            (Dialect::Plain, "a:1"),
            (Dialect::Plain, "a:1|x"),
            (Dialect::Plain, "a:1|d"),
            (Dialect::Plain, "a b:1|c"),
            (Dialect::Plain, "a:NaN|g"),
            (Dialect::Plain, "a:|g"),
            (Dialect::Plain, "a:+1|g"),
            (Dialect::Plain, "a:1|c|@2"),
            (Dialect::Plain, "a:1|c|#k:v"),
            (Dialect::Plain, "a:1:2|ms"),
            (Dialect::Plain, "a:1|c\n\nb:1|c"),
            (Dialect::Plain, "a:1|c\r\nb:1|c"),
            (Dialect::DogStatsd, "1a:1|c"),
            (Dialect::DogStatsd, "a-b:1|c"),
            (Dialect::DogStatsd, "a:1:2|c"),
            (Dialect::DogStatsd, "a:1|d|@1e-1"),
            (Dialect::DogStatsd, "a:1|d|#k:v|@0.1"),
            (Dialect::DogStatsd, "a:1|c|#k"),
            (Dialect::DogStatsd, "a:1|c|#k:v,k:w"),
            (Dialect::DogStatsd, "a:1|c|#k:v,"),
            (Dialect::Graphite, "a;k:1|c"),
            (Dialect::Graphite, "a;k=~v:1|c"),
            (Dialect::Flink, "a:1|c|g"),
            (Dialect::Flink, "a:1|c"),
        ] {
            assert!(parse(dialect, line.as_bytes()).is_err(), "{dialect:?} {line:?}");
        }
        assert!(parse(Dialect::Flink, b"\xff:1|g").is_err());
        for (length, is_line) in [(200, true), (201, false)] {
            let line = format!("{}:1|c", "a".repeat(length));
            assert_eq!(parse(Dialect::DogStatsd, line.as_bytes()).is_ok(), is_line);
            assert!(parse(Dialect::Plain, line.as_bytes()).is_ok());
        }
    }

    #[test]
    fn a_daemon_adds_up() {
        let mut daemon = Daemon::default();
        daemon.take(Dialect::DogStatsd, b"a:1|c\na:2|c\ng:0|g\ng:-3|g\nd:1:2|d|@0.5\n").unwrap();
        let of = |name: &str| (name.to_owned(), BTreeMap::new());
        assert_eq!(daemon.counters[&of("a")], 3);
        assert_eq!(daemon.gauges[&of("g")], "-3");
        assert_eq!(daemon.samples[&of("d")], [(1.0, 2), (2.0, 2)]);
        for packet in ["g:-3|g", "g:0|g\nh:-3|g", "a:1.5|c", "a:18446744073709551615|c"] {
            assert!(daemon.take(Dialect::DogStatsd, packet.as_bytes()).is_err(), "{packet}");
        }
    }
}
