//! The host's disks.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use flowmeter_core::MetricGroup;
use procfs::DiskStat;

use super::devices::{Device, Devices};
use super::error::Error;
use super::source::Source;
use super::table::{Rows, Table};
use crate::SystemOptions;
use crate::sets::{DiskMetrics, DisksMetrics};

/// Sectors read and written, reads, writes, and milliseconds of being busy.
const COUNTS: usize = 5;
/// What the kernel calls a sector here, whatever the disk does.
const SECTOR: u64 = 512;
/// Devices that are made of memory, or of other devices' files.
const NO_DISKS: [&str; 4] = ["loop", "ram", "zram", "fd"];

pub(super) fn register(group: &MetricGroup, options: &SystemOptions) {
    let disks = Disks {
        statistics: Source::new(options.proc.join("diskstats")),
        devices: options.sys.join("block"),
        counts: Devices::default(),
    };
    let table = Table::new(group.clock(), group, disks, |table, group, name, seen| {
        let disk = group.try_add_group_kv("device", name).ok()?;
        table.fill(disk, name, seen, |metrics: &DiskMetrics, device: &Device<COUNTS>| {
            let [sectors_read, sectors_written, reads, writes, busy] = device.totals;
            metrics.read_bytes.raise(sectors_read.saturating_mul(SECTOR));
            metrics.written_bytes.raise(sectors_written.saturating_mul(SECTOR));
            metrics.reads.raise(reads);
            metrics.writes.raise(writes);
            metrics.busy_time.raise(busy.saturating_mul(1_000_000));
            true
        })
    });
    let mut seen = table.seen();
    group.collector(move |all: &DisksMetrics| {
        table.look(&mut seen, |rows| {
            all.disks.set(rows.map_err(Clone::clone)?.rows().len() as u64);
            Ok::<_, String>(())
        })
    });
}

struct Disks {
    statistics: Source,
    /// The folder of whole devices. Partitions are within theirs, and what they do is in its counts.
    devices: PathBuf,
    counts: Devices<COUNTS>,
}

impl Rows for Disks {
    type Row = Device<COUNTS>;

    fn read(&mut self, now: Duration) -> Result<(), Error> {
        let text = self.statistics.read()?;
        let mut disks: Vec<_> = text.lines().filter_map(disk).collect();
        let present = self.counts.present();
        let is_whole = |name: &String| {
            // A name of two parts has another character there. Where nothing says which are whole, all count.
            let folder = || self.devices.join(name.replace('/', "!"));
            present.contains_key(name) || folder().exists() || !self.devices.is_dir()
        };
        disks.retain(|(name, _)| is_whole(name));
        drop(text);
        self.counts.update(now, disks.iter().map(|(name, counts)| (name.as_str(), *counts)));
        Ok(())
    }

    fn lose(&mut self, now: Duration) {
        self.counts.update(now, std::iter::empty());
    }

    fn rows(&self) -> &BTreeMap<String, Self::Row> {
        self.counts.present()
    }
}

fn disk(line: &str) -> Option<(String, [u64; COUNTS])> {
    let DiskStat { name, sectors_read, sectors_written, reads, writes, time_in_progress, .. } =
        DiskStat::from_line(line).ok()?;
    let counts = [sectors_read, sectors_written, reads, writes, time_in_progress];
    let kind = name.trim_end_matches(|character: char| character.is_ascii_digit());
    // Sockets and drives that hold nothing have done nothing either.
    let is_disk = !NO_DISKS.contains(&kind) && reads.saturating_add(writes) > 0;
    is_disk.then_some((name, counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_of_one_disk() {
        let line = |name| format!(" 254 0 {name} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17");
        assert_eq!(disk(&line("vda")), Some(("vda".to_owned(), [3, 7, 1, 5, 10])));
        assert_eq!(disk(&line("nvme0n1")).map(|(name, _)| name).as_deref(), Some("nvme0n1"));
        for none in ["loop0", "ram1", "zram0", "fd0"] {
            assert_eq!(disk(&line(none)), None, "{none}");
        }
        assert_eq!(disk("254 0 vda 0 0 0 0 0 0 0 0 0 0 0"), None, "it did nothing");
        assert_eq!(disk("254 0 vda 1 2 3 4"), None);
    }
}
