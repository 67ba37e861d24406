//! What a reporter sends, where, and how.

use std::time::Duration;

use crate::Address;

/// The lines that a daemon understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// Names alone, which every daemon has: the flat identifier.
    #[default]
    Plain,
    /// Names with tags, distributions and several values in a line, as Datadog's Agent has them.
    DogStatsd,
    /// Names with Graphite's tags: `name;key=value`.
    Graphite,
    /// What Flink's StatsD reporter sends: gauges alone, of Flink's names, with whole sums and rates.
    Flink,
}

impl Dialect {
    /// Whether sums are sent as what they grew by.
    pub(crate) fn has_deltas(self) -> bool {
        self != Self::Flink
    }

    /// Whether variables are beside the name, and not in it.
    pub(crate) fn has_tags(self) -> bool {
        matches!(self, Self::DogStatsd | Self::Graphite)
    }
}

/// What becomes of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistogramMode {
    /// Worked out here, over what was recorded since the last report: a counter `.count`, and gauges `.min`, `.max`,
    /// `.mean`, `.p50`, `.p75`, `.p95`, `.p98`, `.p99` and `.p999`. Nothing but the count where nothing was recorded.
    Statistics,
    /// Values at even ranks with sample rates, `|ms`, of which the daemon works out its own statistics. Not for collectd,
    /// which divides values by the rate.
    Timers,
    /// The same as `|d`, which Datadog works out over all hosts.
    Distributions,
    /// The same as `|h`, which Datadog's Agent works out.
    Histograms,
}

/// What a [`StatsdReporter`](crate::StatsdReporter) sends, where, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StatsdOptions {
    /// Where the daemon listens: UDP port 8125 of this host.
    pub address: Address,
    /// The lines that it understands: plain.
    pub dialect: Dialect,
    /// What stands before all names, with a dot behind it: nothing.
    pub prefix: String,
    /// What is between the components of flat identifiers: a dot, which is taken for all but `_` and `-` as
    /// well, since daemons have a meaning for the others or remove them.
    pub delimiter: char,
    /// What becomes of histograms: distributions for DogStatsD, statistics for others. Flink has its own.
    pub histograms: Option<HistogramMode>,
    /// How many values at most stand for what a histogram recorded since the last report, where values are sent: 128. There
    /// are fewer where a packet has no room for them.
    pub histogram_values: usize,
    /// How many bytes a packet has at most: over UDP to other hosts 1432, which is what most networks pass in one piece; over
    /// UDP on this host 3584, which all daemons read; 7680 over all else, and for DogStatsD on this host.
    pub packet_size: Option<usize>,
    /// Over how much time a report is spread that goes out by UDP, so as not to overrun the receiver: 1 s. One that is
    /// longer than the report before takes more, half a second for each MiB, and the one at the end of the program none.
    pub spread: Duration,
    /// How long a report waits in all for a daemon to take it: 2 s.
    pub timeout: Duration,
    /// How often counters that have not grown are sent, as zeros: never. Each is sent once as it begins.
    pub heartbeat: Option<Duration>,
    /// How often the name of the host is resolved again: 60 s. It is after a failure as well.
    pub resolve_interval: Duration,
}

impl Default for StatsdOptions {
    fn default() -> Self {
        Self {
            address: Address::default(),
            dialect: Dialect::default(),
            prefix: String::new(),
            delimiter: '.',
            histograms: None,
            histogram_values: 128,
            packet_size: None,
            spread: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            heartbeat: None,
            resolve_interval: Duration::from_secs(60),
        }
    }
}

impl StatsdOptions {
    /// The least number of bytes that can be set for a packet.
    pub const LEAST_PACKET_SIZE: usize = 256;

    /// The greatest: the most that UDP can carry over IPv4.
    pub const GREATEST_PACKET_SIZE: usize = 65_507;

    /// The most values that a histogram can have: more than a packet of the greatest size has room for.
    pub(crate) const MOST_HISTOGRAM_VALUES: usize = 10_000;

    /// The longest that a report can be spread over or wait for a daemon, and the shortest that it can wait.
    pub(crate) const LONGEST_TIME: Duration = Duration::from_secs(3600);
    const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);

    /// Sets where the daemon listens.
    #[must_use]
    pub fn with_address(mut self, address: Address) -> Self {
        self.address = address;
        self
    }

    /// Sets the lines that it understands.
    #[must_use]
    pub fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Sets what stands before all names.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets what is between the components of flat identifiers.
    #[must_use]
    pub fn with_delimiter(mut self, delimiter: char) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// Sets what becomes of histograms. Distributions and histograms are DogStatsD's alone: others send timers for them.
    #[must_use]
    pub fn with_histograms(mut self, mode: HistogramMode) -> Self {
        self.histograms = Some(mode);
        self
    }

    /// Sets how many values at most stand for a histogram, 1 to 10,000; taken for the nearest that is
    /// possible.
    #[must_use]
    pub fn with_histogram_values(mut self, values: usize) -> Self {
        self.histogram_values = values;
        self
    }

    /// Sets how many bytes a packet has at most; taken for the nearest that is possible.
    #[must_use]
    pub fn with_packet_size(mut self, bytes: usize) -> Self {
        self.packet_size = Some(bytes.clamp(Self::LEAST_PACKET_SIZE, Self::GREATEST_PACKET_SIZE));
        self
    }

    /// Sets over how much time a report is spread, at most an hour. It should be no more than half the
    /// interval between reports, which a configuration makes sure of: the next report is skipped while one
    /// goes out.
    #[must_use]
    pub fn with_spread(mut self, spread: Duration) -> Self {
        self.spread = spread;
        self
    }

    /// Sets how long a report waits for the daemon, a millisecond to an hour; taken for the nearest that is
    /// possible.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how often counters that have not grown are sent.
    #[must_use]
    pub fn with_heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = Some(interval);
        self
    }

    /// Sets how often the name of the host is resolved again.
    #[must_use]
    pub fn with_resolve_interval(mut self, interval: Duration) -> Self {
        self.resolve_interval = interval;
        self
    }

    /// Whether a character can be a delimiter: one that every daemon leaves as it is. Others have a meaning
    /// in a line, or are removed by Etsy's StatsD.
    pub(crate) fn is_delimiter(c: char) -> bool {
        matches!(c, '.' | '_' | '-')
    }

    /// With the nearest possible values in the place of others.
    pub(crate) fn corrected(mut self) -> Self {
        if !Self::is_delimiter(self.delimiter) {
            self.delimiter = '.';
        }
        self.histogram_values = self.histogram_values.clamp(1, Self::MOST_HISTOGRAM_VALUES);
        self.spread = self.spread.min(Self::LONGEST_TIME);
        self.timeout = self.timeout.clamp(Self::SHORTEST_TIMEOUT, Self::LONGEST_TIME);
        match self.packet_size {
            Some(bytes) => self.with_packet_size(bytes),
            None => self,
        }
    }

    /// What becomes of histograms in the dialect.
    pub(crate) fn histogram_mode(&self) -> HistogramMode {
        match (self.dialect, self.histograms) {
            (Dialect::DogStatsd, mode) => mode.unwrap_or(HistogramMode::Distributions),
            (_, None | Some(HistogramMode::Statistics)) => HistogramMode::Statistics,
            (_, Some(_)) => HistogramMode::Timers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_impossible_is_taken_for_the_nearest_that_is() {
        let most = StatsdOptions::default()
            .with_timeout(Duration::MAX)
            .with_spread(Duration::MAX)
            .with_histogram_values(usize::MAX)
            .with_packet_size(usize::MAX)
            .with_delimiter('/')
            .corrected();
        assert_eq!((most.timeout, most.spread), (StatsdOptions::LONGEST_TIME, StatsdOptions::LONGEST_TIME));
        assert_eq!(most.histogram_values, StatsdOptions::MOST_HISTOGRAM_VALUES);
        assert_eq!(most.packet_size, Some(StatsdOptions::GREATEST_PACKET_SIZE));
        assert_eq!(most.delimiter, '.');
        let least =
            StatsdOptions::default().with_timeout(Duration::ZERO).with_histogram_values(0).corrected();
        assert_eq!((least.timeout, least.histogram_values), (StatsdOptions::SHORTEST_TIMEOUT, 1));
    }
}
