//! Lines as StatsD, DogStatsD and Graphite have them: differences of sums, gauges, and what histograms recorded since.

use std::convert::Infallible;

use flowmeter_core::{
    FamilyView, HistogramSnapshot, MetricKind, Number, Report, SeriesView, Value, ValueType,
};

use super::Encoding;
use super::derived::{Derived, suffixes};
use super::number::{write_f64, write_number, write_shown, write_u64};
use super::sample::{Manner, Sampled, Sampler, shortened};
use super::scale::Scale;
use crate::packets::Packets;
use crate::unsaid::Reason;
use crate::{Dialect, HistogramMode};

/// The quantiles of a histogram, and their names.
pub(super) const QUANTILES: [(f64, &[u8]); 6] =
    [(0.5, b".p50"), (0.75, b".p75"), (0.95, b".p95"), (0.98, b".p98"), (0.99, b".p99"), (0.999, b".p999")];

/// The names of the other statistics.
pub(super) const STATISTICS: [&[u8]; 4] = [b".min", b".max", b".mean", b".count"];

/// How long a name is at Datadog at most.
const DATADOG_NAME: usize = 200;

/// Encodes reports. Keeps its memory from one to the next.
#[derive(Default)]
pub(crate) struct Native {
    /// What a histogram has recorded since.
    recorded: HistogramSnapshot,
    sampler: Sampler,
    derived: Derived,
}

impl Native {
    pub(super) fn encode<E>(
        &mut self,
        encoding: &mut Encoding<'_>,
        report: &Report<'_>,
        packets: &mut Packets,
        full: &mut impl FnMut(&mut Packets) -> Result<(), E>,
    ) -> Result<(), E> {
        if encoding.options.histogram_mode() == HistogramMode::Statistics {
            self.derived.read(encoding.options.dialect, report);
        }
        for family in report.families() {
            let kind = family.family().kind();
            if encoding.is_name_too_long(&family) {
                let Ok(()) = family.for_each(|series| {
                    encoding.note(Reason::NameTooLong, (&family, series));
                    Ok::<_, Infallible>(())
                });
            } else if kind == MetricKind::Histogram {
                self.encode_histograms(encoding, &family, packets, full)?;
            } else if kind.is_monotonic_sum() {
                encode_sums(encoding, &self.derived, &family, packets, full)?;
            } else {
                encode_gauges(encoding, &self.derived, &family, packets, full)?;
            }
        }
        Ok(())
    }

    fn encode_histograms<E>(
        &mut self,
        encoding: &mut Encoding<'_>,
        family: &FamilyView<'_>,
        packets: &mut Packets,
        full: &mut impl FnMut(&mut Packets) -> Result<(), E>,
    ) -> Result<(), E> {
        let mode = encoding.options.histogram_mode();
        let scale = Scale::of(family.family().unit());
        let integers = family.family().value_type() == ValueType::U64;
        family.for_each(|series| {
            let recorded = &mut self.recorded;
            if !series.read_histogram_delta(recorded) {
                return Ok(());
            }
            if recorded.count() == 0 && (mode != HistogramMode::Statistics || !encoding.tells_of_zero(series))
            {
                return Ok(());
            }
            let place = Place::of(encoding.options.dialect, series.prepared(), family.prepared());
            match mode {
                HistogramMode::Statistics => {
                    encode_statistics(encoding, &place, recorded, scale, (family, series), packets);
                }
                HistogramMode::Timers | HistogramMode::Distributions | HistogramMode::Histograms => {
                    self.sampler.read(recorded, scale, integers);
                    self.encode_values(encoding, &place, mode, (family, series), packets);
                }
            }
            if packets.is_lot() { full(packets) } else { Ok(()) }
        })
    }

    /// Writes as many values as there is room for in a packet, so that a histogram is sent whole or not at all.
    fn encode_values(
        &mut self,
        encoding: &mut Encoding<'_>,
        place: &Place<'_>,
        mode: HistogramMode,
        source: Source<'_, '_>,
        packets: &mut Packets,
    ) {
        let kind: &[u8] = match mode {
            HistogramMode::Distributions => b"|d",
            HistogramMode::Histograms => b"|h",
            _ => b"|ms",
        };
        let room = packets.room();
        let is_packed = encoding.options.dialect == Dialect::DogStatsd;
        let mut most = encoding.options.histogram_values.clamp(1, room);
        // Daemons that know no packed values put each value of a timer into their statistics once, whatever its rate.
        let mut manner = if is_packed { Manner::Detailed } else { Manner::Even };
        loop {
            let sampled = self.sampler.sample(manner, most);
            if is_packed {
                write_packed(place, sampled, kind, packets.out());
            } else {
                write_each(place, sampled, kind, packets.out());
            }
            let length = packets.unit_length();
            if length <= room || most == 1 {
                break;
            }
            let around = place.length() + LENGTH_OF_RATE;
            if manner == Manner::Detailed && lines(sampled).count() * around > room / 2 {
                // There would be hardly any room for values, so it is fewer lines.
                let weights = few_weights(room, around);
                manner = Manner::Weights(weights);
                most = most.min(room.saturating_sub(weights * around) / LENGTH_OF_VALUE).max(1);
            } else {
                let too_many = (length - room) / (2 * LENGTH_OF_VALUE);
                let fewer = if is_packed { most.saturating_sub(too_many) } else { most * room / length };
                most = fewer.clamp(1, most - 1);
            }
            packets.abandon_unit();
        }
        encoding.end_unit(packets, source, true);
    }
}

/// How long a packed value is about, with the colon.
const LENGTH_OF_VALUE: usize = 7;

/// How long a type, a rate and the end of a line are at most, but for rates of more than millions.
const LENGTH_OF_RATE: usize = 29;

/// Of how many weights values are that there is room for, with so much around those of each.
fn few_weights(room: usize, around: usize) -> usize {
    let values = |weights: usize| room.saturating_sub(weights * around) / LENGTH_OF_VALUE;
    match () {
        () if values(3) >= 24 => 3,
        () if values(2) >= 8 => 2,
        () => 1,
    }
}

/// Where a value comes from.
type Source<'a, 'b> = (&'a FamilyView<'b>, &'a SeriesView<'b>);

impl Encoding<'_> {
    /// Whether something is sent though it has not grown: if it has not been sent before, or is to be again.
    fn tells_of_zero(&self, series: &SeriesView<'_>) -> bool {
        self.is_beat || !series.is_known()
    }

    /// Whether Datadog does not take the name of a family, or of one of its statistics.
    fn is_name_too_long(&self, family: &FamilyView<'_>) -> bool {
        let is_histogram = family.family().kind() == MetricKind::Histogram;
        let suffix = match self.options.histogram_mode() {
            HistogramMode::Statistics if is_histogram => suffixes().map(<[u8]>::len).max().unwrap_or(0),
            _ => 0,
        };
        self.options.dialect == Dialect::DogStatsd && family.prepared().len() + suffix > DATADOG_NAME
    }

    /// Ends a unit, with which a series is complete or not.
    fn end_unit(&mut self, packets: &mut Packets, (family, series): Source<'_, '_>, is_complete: bool) {
        let mark = is_complete.then(|| series.mark());
        if packets.end_unit(mark, 1).is_err() {
            self.note(Reason::TooLong, (family, series));
        }
    }

    pub(super) fn note(&mut self, reason: Reason, (family, series): Source<'_, '_>) {
        self.unsaid.note(reason, || series.group().identifier(), family.family().name());
    }
}

/// What is around the value in the lines of a series.
pub(super) struct Place<'a> {
    pub(super) before: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) between: &'a [u8],
    pub(super) after: &'a [u8],
}

impl<'a> Place<'a> {
    #[inline(always)]
    pub(super) fn of(dialect: Dialect, group: &'a [u8], name: &'a [u8]) -> Self {
        let place = Self { before: b"", name, between: b"", after: b"" };
        match dialect {
            Dialect::DogStatsd => Self { after: group, ..place },
            Dialect::Graphite => Self { between: group, ..place },
            Dialect::Plain | Dialect::Flink => Self { before: group, ..place },
        }
    }

    /// How long a line is without a value and its type.
    fn length(&self) -> usize {
        self.before.len() + self.name.len() + self.between.len() + self.after.len()
    }

    #[inline(always)]
    fn begin(&self, suffix: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(self.before);
        out.extend_from_slice(self.name);
        out.extend_from_slice(suffix);
        out.extend_from_slice(self.between);
    }

    #[inline(always)]
    fn end(&self, kind: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(kind);
        out.extend_from_slice(self.after);
        out.push(b'\n');
    }

    fn write_count(&self, suffix: &[u8], count: u64, out: &mut Vec<u8>) {
        self.begin(suffix, out);
        out.push(b':');
        write_u64(count, out);
        self.end(b"|c", out);
    }

    /// Writes a gauge. A number with a sign would be a change of it, so a zero goes before one.
    fn write_gauge(&self, suffix: &[u8], number: Number, out: &mut Vec<u8>) {
        if number.to_f64() < 0.0 {
            self.begin(suffix, out);
            out.extend_from_slice(b":0");
            self.end(b"|g", out);
        }
        self.begin(suffix, out);
        out.push(b':');
        write_number(number, out);
        self.end(b"|g", out);
    }
}

fn encode_sums<E>(
    encoding: &mut Encoding<'_>,
    derived: &Derived,
    family: &FamilyView<'_>,
    packets: &mut Packets,
    full: &mut impl FnMut(&mut Packets) -> Result<(), E>,
) -> Result<(), E> {
    let (dialect, name) = (encoding.options.dialect, family.prepared());
    family.for_each(|series| {
        let place = Place::of(dialect, series.prepared(), name);
        if derived.has(&place) {
            encoding.note(Reason::Statistic, (family, series));
            return Ok(());
        }
        let delta = series.delta().unwrap_or(0);
        if delta == 0 && !encoding.tells_of_zero(series) {
            return Ok(());
        }
        place.write_count(b"", delta, packets.out());
        encoding.end_unit(packets, (family, series), true);
        if packets.is_lot() { full(packets) } else { Ok(()) }
    })
}

fn encode_gauges<E>(
    encoding: &mut Encoding<'_>,
    derived: &Derived,
    family: &FamilyView<'_>,
    packets: &mut Packets,
    full: &mut impl FnMut(&mut Packets) -> Result<(), E>,
) -> Result<(), E> {
    let (dialect, name) = (encoding.options.dialect, family.prepared());
    family.for_each(|series| {
        let place = Place::of(dialect, series.prepared(), name);
        let number = match series.value() {
            _ if derived.has(&place) => Err(Reason::Statistic),
            Value::Number(number) if number.to_f64().is_finite() => Ok(number),
            Value::Number(_) => Err(Reason::NotFinite),
            Value::Bool(value) => Ok(Number::U64(u64::from(value))),
            _ => Err(Reason::Text),
        };
        match number {
            Ok(number) => {
                place.write_gauge(b"", number, packets.out());
                encoding.end_unit(packets, (family, series), false);
            }
            Err(reason) => encoding.note(reason, (family, series)),
        }
        if packets.is_lot() { full(packets) } else { Ok(()) }
    })
}

/// Writes the statistics of a histogram, the count last: with it the series is complete, and it is the only one that must not
/// be sent twice.
fn encode_statistics(
    encoding: &mut Encoding<'_>,
    place: &Place<'_>,
    recorded: &HistogramSnapshot,
    scale: Scale,
    source: Source<'_, '_>,
    packets: &mut Packets,
) {
    let (min, max) = (recorded.min().map(Number::to_f64), recorded.max().map(Number::to_f64));
    let quantiles = QUANTILES.map(|(quantile, name)| {
        let value = recorded.quantile(quantile);
        // A bucket does not say more digits; the extremes do.
        let is_extreme = value == min || value == max;
        (name, value.map(|value| if is_extreme { scale.apply(value) } else { shortened(scale.apply(value)) }))
    });
    let [of_min, of_max, of_mean, of_count] = STATISTICS;
    let statistics = [(of_min, min), (of_max, max), (of_mean, recorded.mean())];
    let statistics = statistics.map(|(name, value)| (name, value.map(|value| scale.apply(value))));
    for (name, value) in statistics.into_iter().chain(quantiles) {
        let Some(value) = value else { continue };
        if value.is_finite() {
            place.write_gauge(name, Number::F64(value), packets.out());
            encoding.end_unit(packets, source, false);
        } else {
            encoding.note(Reason::NotFinite, source);
        }
    }
    place.write_count(of_count, recorded.count(), packets.out());
    encoding.end_unit(packets, source, true);
}

/// The values that have a line in common: those of one weight.
fn lines(sampled: &[Sampled]) -> impl Iterator<Item = &[Sampled]> {
    sampled.chunk_by(|a, b| a.weight == b.weight)
}

/// Writes a line for all values of one weight.
fn write_packed(place: &Place<'_>, sampled: &[Sampled], kind: &[u8], out: &mut Vec<u8>) {
    for alike in lines(sampled) {
        place.begin(b"", out);
        for Sampled { value, .. } in alike {
            out.push(b':');
            write_f64(*value, out);
        }
        out.extend_from_slice(kind);
        write_rate(alike, out);
        place.end(b"", out);
    }
}

/// Writes a line for each value.
fn write_each(place: &Place<'_>, sampled: &[Sampled], kind: &[u8], out: &mut Vec<u8>) {
    for sample in sampled {
        place.begin(b"", out);
        out.push(b':');
        write_f64(sample.value, out);
        out.extend_from_slice(kind);
        write_rate(std::slice::from_ref(sample), out);
        place.end(b"", out);
    }
}

fn write_rate(alike: &[Sampled], out: &mut Vec<u8>) {
    if let Some(rate) = alike.first().and_then(|sampled| sampled.rate()) {
        // Without an exponent, which not all daemons read.
        write_shown(format_args!("|@{rate}"), out);
    }
}
