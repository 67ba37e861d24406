//! The host's processors and their load.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{Metric, MetricGroup, Unit};

use super::error::Error;
use super::source::{Source, number};
use super::table::{Metrics, Rows, Table};
use super::window::Window;
use crate::SystemOptions;
use crate::sets::{HostCpuMetrics, HostLoadMetrics, ProcessorMetrics};
use crate::shared::Seen;

/// States of a processor in which the kernel counts its time, in its order: user, nice, system, idle, iowait, irq, softirq,
/// steal. What guests had is in those of user and nice already.
const STATES: usize = 8;
const IDLE: usize = 3;
const IO_WAIT: usize = 4;

pub(super) fn register(group: &MetricGroup, options: &SystemOptions) {
    let stat = Source::new(options.proc.join("stat"));
    let processors = Processors { stat, all: None, each: BTreeMap::new() };
    let show = if options.flink_groups { show_in_name } else { show_in_variable };
    let table = Table::new(group.clock(), group, processors, show);
    let mut seen = table.seen();
    group.collector(move |cpu: &HostCpuMetrics| {
        table.look(&mut seen, |rows| {
            let all = rows.map_err(Clone::clone)?.all.as_ref().ok_or("there are no processors")?;
            let gauges = [
                &cpu.user,
                &cpu.nice,
                &cpu.system,
                &cpu.idle,
                &cpu.io_wait,
                &cpu.irq,
                &cpu.soft_irq,
                &cpu.steal,
            ];
            gauges.iter().zip(all.percent).for_each(|(gauge, percent)| gauge.set(percent));
            cpu.usage.set(all.usage());
            Ok::<_, String>(())
        })
    });
    let mut average = Source::new(options.proc.join("loadavg"));
    group.collector(move |load: &HostLoadMetrics| -> Result<(), Error> {
        let [one, five, fifteen] = average.find("three averages", averages)?;
        load.load_1min.set(one);
        load.load_5min.set(five);
        load.load_15min.set(fifteen);
        Ok(())
    });
}

/// As a variable.
fn show_in_variable(
    table: &Arc<Table<Processors>>,
    group: &MetricGroup,
    name: &str,
    seen: Seen,
) -> Option<Metrics> {
    let group = group.try_add_group_kv("cpu", name).ok()?;
    table
        .fill(group, name, seen, |metrics: &ProcessorMetrics, share: &Share| metrics.usage.set(share.usage()))
}

/// As Flink has it.
fn show_in_name(
    table: &Arc<Table<Processors>>,
    group: &MetricGroup,
    name: &str,
    mut seen: Seen,
) -> Option<Metrics> {
    let metric = format!("UsageCPU{name}");
    let described = Metric::from(metric.clone())
        .with_unit(Unit::new("%"))
        .with_description("Time of the processor that was used.");
    let (table, name, mut usage) = (Arc::clone(table), name.to_owned(), 0.0);
    let callback = move || {
        // Of a processor that is gone the last one stays, to be final.
        let now = |rows: &Processors| rows.each.get(&name).map(Share::usage);
        usage = table.look(&mut seen, |rows| rows.ok().and_then(now)).unwrap_or(usage);
        usage
    };
    group.try_gauge_callback(described, callback).ok()?;
    Some(Metrics::One(group.clone(), metric))
}

fn averages(text: &str) -> Option<[f64; 3]> {
    let mut words = text.split_ascii_whitespace();
    let is_average = |average: &f64| average.is_finite() && average.is_sign_positive();
    let mut average = || words.next()?.parse().ok().filter(is_average);
    Some([average()?, average()?, average()?])
}

struct Processors {
    stat: Source,
    all: Option<Share>,
    /// By their numbers.
    each: BTreeMap<String, Share>,
}

/// How time was shared among states in the last window, in percent.
struct Share {
    window: Window,
    /// Ticks at its beginning.
    from: [u64; STATES],
    percent: [f64; STATES],
    found: bool,
}

impl Rows for Processors {
    type Row = Share;

    fn read(&mut self, now: Duration) -> Result<(), Error> {
        let Self { stat, all, each } = self;
        each.values_mut().for_each(|share| share.found = false);
        let text = stat.read()?;
        let mut found = false;
        for (name, ticks) in text.lines().filter_map(states) {
            let share = if name.is_empty() { all.as_mut() } else { each.get_mut(name) };
            found |= name.is_empty();
            match share {
                Some(share) => share.advance(now, ticks),
                None if name.is_empty() => *all = Some(Share::new(now, ticks)),
                None => drop(each.insert(name.to_owned(), Share::new(now, ticks))),
            }
        }
        drop(text);
        each.retain(|_, share| share.found);
        if found { Ok(()) } else { Err(Error::malformed(stat.path(), "the time of all processors")) }
    }

    fn lose(&mut self, _: Duration) {
        self.each.clear();
    }

    fn rows(&self) -> &BTreeMap<String, Share> {
        &self.each
    }
}

/// The number of a processor, which is empty for all together, and its ticks. Kernels of old have fewer states.
fn states(line: &str) -> Option<(&str, [u64; STATES])> {
    let mut words = line.strip_prefix("cpu")?.split(' ');
    let name = words.next()?;
    if !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut words = words.flat_map(str::split_ascii_whitespace).peekable();
    let mut ticks = [0; STATES];
    for (state, ticks) in ticks.iter_mut().enumerate() {
        if state > IDLE && words.peek().is_none() {
            break;
        }
        *ticks = number(&mut words)?;
    }
    Some((name, ticks))
}

impl Share {
    fn new(now: Duration, ticks: [u64; STATES]) -> Self {
        Self { window: Window::new(now), from: ticks, percent: [0.0; STATES], found: true }
    }

    fn advance(&mut self, now: Duration, ticks: [u64; STATES]) {
        self.found = true;
        let Some(span) = self.window.until(now) else { return };
        // Time of waiting for storage may go back.
        let spent: [u64; STATES] = std::array::from_fn(|i| ticks[i].saturating_sub(self.from[i]));
        let sum: f64 = spent.iter().map(|spent| *spent as f64).sum();
        if sum > 0.0 {
            self.percent = spent.map(|spent| 100.0 * spent as f64 / sum);
        }
        if span.ends {
            self.from = ticks;
        }
    }

    /// All time but that of which nobody had any use.
    fn usage(&self) -> f64 {
        let used =
            |(state, percent): (usize, &f64)| if matches!(state, IDLE | IO_WAIT) { 0.0 } else { *percent };
        self.percent.iter().enumerate().map(used).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_of_one_processor_or_all() {
        let ticks = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(states("cpu  1 2 3 4 5 6 7 8 9 10"), Some(("", ticks)));
        assert_eq!(states("cpu12 1 2 3 4 5 6 7 8"), Some(("12", ticks)));
        assert_eq!(states("cpu0 1 2 3 4"), Some(("0", [1, 2, 3, 4, 0, 0, 0, 0])), "a kernel of old");
        for odd in ["cpu", "cpu 1 2 3", "cpu0 1 2 x 4", "cpux 1 2 3 4", "intr 1 2 3 4", "cpu0 1 2 3 4 x"] {
            assert_eq!(states(odd), None, "{odd}");
        }
    }

    #[test]
    fn shares_are_of_the_window() {
        let second = Duration::from_secs;
        let mut share = Share::new(second(0), [1000; STATES]);
        share.advance(second(10), [1010, 1010, 1010, 1050, 1010, 1000, 1000, 1010]);
        assert_eq!(share.percent, [10.0, 10.0, 10.0, 50.0, 10.0, 0.0, 0.0, 10.0]);
        assert!((share.usage() - 40.0).abs() < 1e-9);
        share.advance(second(20), [1010, 1010, 1010, 1050, 900, 1000, 1000, 1010]);
        assert!((share.usage() - 40.0).abs() < 1e-9, "nothing was counted");
    }

    #[test]
    fn averages_have_all_their_digits() {
        assert_eq!(averages("0.52 0.61 12.40 1/123 4567"), Some([0.52, 0.61, 12.4]));
        assert_eq!(averages("0.52 0.61"), None);
        assert_eq!(averages("0.52 nan 1"), None);
    }
}
