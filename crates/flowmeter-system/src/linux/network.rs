//! The host's network interfaces, or those of the network namespace that the process is in.

use std::collections::BTreeMap;
use std::time::Duration;

use flowmeter_core::MetricGroup;

use super::devices::{Device, Devices};
use super::error::Error;
use super::source::{Source, number};
use super::table::{Rows, Table};
use crate::SystemOptions;
use crate::sets::{InterfaceMetrics, InterfacesMetrics};

/// Bytes, packets, errors and drops, received and then sent.
const COUNTS: usize = 8;

pub(super) fn register(group: &MetricGroup, options: &SystemOptions) {
    let flink_groups = options.flink_groups;
    // Those of the namespace of the process: `net` itself is a link to these.
    let interfaces =
        Interfaces { devices: Source::new(options.proc.join("self/net/dev")), counts: Devices::default() };
    let table = Table::new(group.clock(), group, interfaces, move |table, group, name, seen| {
        let interface = match flink_groups {
            true => group.try_add_group(name),
            false => group.try_add_group_kv("interface", name),
        };
        table.fill(interface.ok()?, name, seen, |metrics: &InterfaceMetrics, device: &Device<COUNTS>| {
            let [receive_rate, _, _, _, send_rate, ..] = device.rates;
            metrics.receive_rate.set(receive_rate);
            metrics.send_rate.set(send_rate);
            let counters = [
                &metrics.received_bytes,
                &metrics.received_packets,
                &metrics.receive_errors,
                &metrics.receive_drops,
                &metrics.sent_bytes,
                &metrics.sent_packets,
                &metrics.send_errors,
                &metrics.send_drops,
            ];
            counters.iter().zip(device.totals).for_each(|(counter, total)| counter.raise(total));
            true
        })
    });
    let mut seen = table.seen();
    group.collector(move |all: &InterfacesMetrics| {
        table.look(&mut seen, |rows| {
            all.interfaces.set(rows.map_err(Clone::clone)?.rows().len() as u64);
            Ok::<_, String>(())
        })
    });
}

struct Interfaces {
    devices: Source,
    counts: Devices<COUNTS>,
}

impl Rows for Interfaces {
    type Row = Device<COUNTS>;

    fn read(&mut self, now: Duration) -> Result<(), Error> {
        let text = self.devices.read()?;
        // Two lines of headings, without which it is not that file.
        let is_table = text.lines().nth(1).is_some_and(|heading| heading.contains("bytes"));
        self.counts.update(now, text.lines().skip(2).filter_map(interface).filter(|_| is_table));
        drop(text);
        if is_table { Ok(()) } else { Err(Error::malformed(self.devices.path(), "a table of interfaces")) }
    }

    fn lose(&mut self, now: Duration) {
        self.counts.update(now, std::iter::empty());
    }

    fn rows(&self) -> &BTreeMap<String, Self::Row> {
        self.counts.present()
    }
}

/// A line of the table. A count may follow the colon without a blank.
fn interface(line: &str) -> Option<(&str, [u64; COUNTS])> {
    let (name, counts) = line.rsplit_once(':')?;
    let mut words = counts.split_ascii_whitespace();
    let mut next = || number(&mut words);
    let received = [next()?, next()?, next()?, next()?];
    // The first in, first out errors, frames, compressed ones and multicasts.
    for _ in 0..4 {
        next()?;
    }
    let sent = [next()?, next()?, next()?, next()?];
    let (name, [a, b, c, d], [e, f, g, h]) = (name.trim(), received, sent);
    (!name.is_empty()).then_some((name, [a, b, c, d, e, f, g, h]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_of_one_interface() {
        let counts = [1, 2, 3, 4, 9, 10, 11, 12];
        assert_eq!(interface("  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"), Some(("eth0", counts)));
        assert_eq!(interface("eth0:1 2 3 4 5 6 7 8 9 10 11 12"), Some(("eth0", counts)), "no blank");
        assert_eq!(interface("eth0:1: 1 2 3 4 5 6 7 8 9 10 11 12"), Some(("eth0:1", counts)), "an alias");
        for odd in ["", "eth0", "eth0:", "eth0: 1 2 3 4 5 6 7 8 9 10 11", ": 1 2 3 4 5 6 7 8 9 10 11 12"] {
            assert_eq!(interface(odd), None, "{odd}");
        }
    }
}
