//! The host's processors and their load.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{Metric, MetricGroup, Unit};
use tracing::info;

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
    let (mut seen, mut is_logged, of) = (table.seen(), false, group.clone());
    group.collector(move |cpu: &HostCpuMetrics| {
        table.look(&mut seen, |rows| {
            // Not an error to return, which the core would log: that there is nothing to show yet is none.
            let all = match rows {
                Ok(rows) => rows.all.as_ref().and_then(|all| Some((all.percent?, all.usage()?))),
                Err(reason) => {
                    if !std::mem::replace(&mut is_logged, true) {
                        info!(group = ?of, reason, "metrics of the host's processors are missing");
                    }
                    None
                }
            };
            let Some((percent, usage)) = all else { return false };
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
            gauges.iter().zip(percent).for_each(|(gauge, percent)| gauge.set(percent));
            cpu.usage.set(usage);
            true
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
    table.fill(group, name, seen, |metrics: &ProcessorMetrics, share: &Share| {
        share.usage().inspect(|usage| metrics.usage.set(*usage)).is_some()
    })
}

/// As Flink has it. A gauge that is alone cannot be missing, so this one begins with nothing used.
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
        let now = |rows: &Processors| rows.each.get(&name).and_then(Share::usage);
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

/// How time was shared among states in the last window.
struct Share {
    window: Window,
    /// Ticks at its beginning.
    from: [u64; STATES],
    /// Nothing until the first ticks.
    percent: Option<[f64; STATES]>,
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
        Self { window: Window::new(now), from: ticks, percent: None, found: true }
    }

    fn advance(&mut self, now: Duration, ticks: [u64; STATES]) {
        self.found = true;
        let Some(span) = self.window.until(now) else { return };
        // Time of waiting for storage may go back.
        let spent: [u64; STATES] = std::array::from_fn(|i| ticks[i].saturating_sub(self.from[i]));
        let sum: f64 = spent.iter().map(|spent| *spent as f64).sum();
        if sum > 0.0 {
            // A rounded quotient may be more than the whole.
            self.percent = Some(spent.map(|spent| (100.0 * spent as f64 / sum).min(100.0)));
        }
        if span.ends {
            self.from = ticks;
        }
    }

    /// All time but that of which nobody had any use.
    fn usage(&self) -> Option<f64> {
        let used =
            |(state, percent): (usize, &f64)| if matches!(state, IDLE | IO_WAIT) { 0.0 } else { *percent };
        // So may the sum of them.
        let sum: f64 = self.percent?.iter().enumerate().map(used).sum();
        Some(sum.min(100.0))
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
        share.advance(second(0), [1010; STATES]);
        assert_eq!((share.percent, share.usage()), (None, None), "no time has passed");
        share.advance(second(5), [1000; STATES]);
        assert_eq!((share.percent, share.usage()), (None, None), "nothing was counted");
        share.advance(second(10), [1010, 1010, 1010, 1050, 1010, 1000, 1000, 1010]);
        assert_eq!(share.percent, Some([10.0, 10.0, 10.0, 50.0, 10.0, 0.0, 0.0, 10.0]));
        assert_near(&share, 40.0);
        share.advance(second(20), [1010, 1010, 1010, 1050, 900, 1000, 1000, 1010]);
        assert_near(&share, 40.0);
    }

    #[track_caller]
    fn assert_near(share: &Share, expected: f64) {
        let usage = share.usage().unwrap();
        assert!((usage - expected).abs() < 1e-9, "{usage}, not {expected}");
    }

    #[test]
    fn shares_hold_between_windows_and_lose_nothing() {
        let mut share = Share::new(Duration::ZERO, [0; STATES]);
        let mut after = |milliseconds, user, idle| {
            share.advance(Duration::from_millis(milliseconds), [user, 0, 0, idle, 0, 0, 0, 0]);
            share.usage().unwrap()
        };
        assert_eq!(after(500, 50, 50), 50.0, "over half a second, for want of more");
        assert_eq!(after(800, 50, 150), 25.0, "that did not end the window");
        assert_eq!(after(1000, 150, 150), 50.0);
        assert_eq!(after(1500, 250, 150), 50.0, "the last one holds");
        assert_eq!(after(2000, 250, 250), 50.0);
    }

    #[test]
    fn a_share_is_never_more_than_the_whole() {
        for busy in 1..2000 {
            let mut share = Share::new(Duration::ZERO, [0; STATES]);
            share.advance(Duration::from_secs(1), [busy, busy / 3, busy / 7, 0, 0, 1, 0, busy % 11]);
            let (percent, usage) = (share.percent.unwrap(), share.usage().unwrap());
            assert!(usage <= 100.0 && percent.iter().all(|percent| *percent <= 100.0), "{busy}: {usage}");
        }
    }

    #[test]
    fn averages_have_all_their_digits() {
        assert_eq!(averages("0.52 0.61 12.40 1/123 4567"), Some([0.52, 0.61, 12.4]));
        assert_eq!(averages("0.52 0.61"), None);
        assert_eq!(averages("0.52 nan 1"), None);
    }
}
