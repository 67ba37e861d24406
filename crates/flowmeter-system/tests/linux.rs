//! Metrics of trees of files, whose values are known.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::fs;

use flowmeter_core::ScopeKind;
use flowmeter_system::{CATALOGUE, SystemOptions};
use flowmeter_testkit::Capture;
use support::{FILES, Measured, NET_DEV, Tree};

/// Nanoseconds of some clock ticks.
fn ticks(ticks: u64) -> f64 {
    (ticks * (1_000_000_000 / procfs::ticks_per_second())) as f64
}

#[test]
fn everything_of_a_tree_is_measured() {
    let tree = Tree::new();
    let measured = Measured::new(&tree.options());
    measured.report_after(0);
    measured.assert(&[
        ("process.cpuTime", ticks(40)),
        ("process.cpuLoad", 0.0),
        ("process.residentMemory", 25.0 * procfs::page_size() as f64),
        ("process.virtualMemory", 123_456.0),
        ("process.peakResidentMemory", 3000.0 * 1024.0),
        ("process.swappedMemory", 7.0 * 1024.0),
        ("process.threads", 3.0),
        ("process.minorPageFaults", 11.0),
        ("process.majorPageFaults", 2.0),
        ("process.startTime", 1_700_000_000.0 + ticks(500) / 1e9),
        ("process.openFileDescriptors", 3.0),
        ("process.maxFileDescriptors", 1024.0),
        ("process.readBytes", 4096.0),
        ("process.writtenBytes", 8192.0),
        ("process.threadNames", 2.0),
        ("process.otherThreads", 0.0),
        ("process.thread.userTime{thread=main}", ticks(30)),
        ("process.thread.systemTime{thread=main}", ticks(10)),
        ("process.thread.threads{thread=main}", 1.0),
        ("process.thread.userTime{thread=worker}", ticks(12)),
        ("process.thread.systemTime{thread=worker}", ticks(3)),
        ("process.thread.threads{thread=worker}", 2.0),
        ("cgroup.memoryUsed", 4_194_304.0),
        ("cgroup.memoryLimit", 1_000_000.0),
        ("cgroup.cpuLimit", 1.5),
        ("cgroup.cpuTime", 5_000_000.0),
        ("cgroup.periods", 7.0),
        ("cgroup.throttledPeriods", 3.0),
        ("cgroup.throttledTime", 900_000.0),
        ("System.CPU.Load1min", 0.52),
        ("System.CPU.Load5min", 0.61),
        ("System.CPU.Load15min", 12.4),
        ("System.Memory.Available", 5000.0 * 1024.0),
        ("System.Memory.Total", 8000.0 * 1024.0),
        ("System.Swap.Used", 500.0 * 1024.0),
        ("System.Swap.Total", 2000.0 * 1024.0),
        ("System.Network.interfaces", 2.0),
        ("System.Network.interface.ReceiveRate{interface=eth0}", 0.0),
        ("System.Network.interface.SendRate{interface=eth0}", 0.0),
        ("System.Network.interface.receivedBytes{interface=eth0}", 50_000.0),
        ("System.Network.interface.receivedPackets{interface=eth0}", 100.0),
        ("System.Network.interface.receiveErrors{interface=eth0}", 1.0),
        ("System.Network.interface.receiveDrops{interface=eth0}", 2.0),
        ("System.Network.interface.sentBytes{interface=eth0}", 20_000.0),
        ("System.Network.interface.sentPackets{interface=eth0}", 50.0),
        ("System.Network.interface.sendErrors{interface=eth0}", 3.0),
        ("System.Network.interface.sendDrops{interface=eth0}", 4.0),
        ("System.Network.interface.receivedBytes{interface=lo}", 1000.0),
        ("System.Disk.disks", 1.0),
        ("System.Disk.device.readBytes{device=vda}", 80.0 * 512.0),
        ("System.Disk.device.writtenBytes{device=vda}", 160.0 * 512.0),
        ("System.Disk.device.reads{device=vda}", 10.0),
        ("System.Disk.device.writes{device=vda}", 20.0),
        ("System.Disk.device.busyTime{device=vda}", 12_000_000.0),
    ]);
    assert!(measured.value("process.voluntaryContextSwitches").is_some_and(|count| count > 0.0));
    assert!(measured.value("process.involuntaryContextSwitches").is_some());
    // Nobody knows yet what processors do.
    measured.assert_missing(&["System.CPU.Usage", "System.CPU.Idle", "System.CPU.cpu.Usage{cpu=0}"]);
    tree.idle();
    measured.report_after(10);
    measured.assert(&[
        ("System.CPU.Usage", 0.0),
        ("System.CPU.Idle", 100.0),
        ("System.CPU.cpu.Usage{cpu=0}", 0.0),
        ("System.CPU.cpu.Usage{cpu=1}", 0.0),
    ]);
}

#[test]
fn loads_and_rates_are_over_the_time_between_reports() {
    let tree = Tree::new();
    let measured = Measured::new(&tree.options());
    measured.report_after(0);
    // 3 s of CPU time in 10 s of 2 processors.
    tree.change("proc/self/stat", " 30 10 0 0", " 230 110 0 0");
    // Of 2000 clock ticks.
    tree.change("proc/stat", "cpu  100 10 50 1000 20 3 4 5", "cpu  500 60 150 2150 120 43 64 105");
    tree.change("proc/stat", "cpu0 60 5 25 500 10 2 2 3", "cpu0 560 5 25 900 110 2 2 3");
    tree.change("proc/stat", "cpu1 40 5 25 500", "cpu1 40 5 25 600");
    tree.change("proc/self/net/dev", "eth0:   50000     100", "eth0:   53000     130");
    tree.change("proc/self/net/dev", "   20000      50", "   21000      60");
    measured.report_after(10);
    let load = ticks(300) / 1e9 / 20.0;
    let changed = [
        ("process.cpuTime", ticks(340)),
        ("process.cpuLoad", load),
        ("System.CPU.User", 20.0),
        ("System.CPU.Nice", 2.5),
        ("System.CPU.Sys", 5.0),
        ("System.CPU.Idle", 57.5),
        ("System.CPU.IOWait", 5.0),
        ("System.CPU.Irq", 2.0),
        ("System.CPU.SoftIrq", 3.0),
        ("System.CPU.Steal", 5.0),
        ("System.CPU.Usage", 37.5),
        ("System.CPU.cpu.Usage{cpu=0}", 50.0),
        ("System.CPU.cpu.Usage{cpu=1}", 0.0),
        ("System.Network.interface.ReceiveRate{interface=eth0}", 300.0),
        ("System.Network.interface.SendRate{interface=eth0}", 100.0),
        ("System.Network.interface.receivedPackets{interface=eth0}", 130.0),
        ("System.Network.interface.ReceiveRate{interface=lo}", 0.0),
    ];
    measured.assert(&changed);
    // Another reporter asks at once: the same, and nothing is lost for the next.
    measured.report_after(0);
    measured.assert(&changed);
    measured.report_after(10);
    measured.assert(&[
        ("process.cpuLoad", 0.0),
        ("System.Network.interface.ReceiveRate{interface=eth0}", 0.0),
        ("System.Network.interface.receivedBytes{interface=eth0}", 53_000.0),
        // No processor counted anything.
        ("System.CPU.cpu.Usage{cpu=0}", 50.0),
    ]);
}

#[test]
fn counters_do_not_go_back() {
    let tree = Tree::new();
    let measured = Measured::new(&tree.options());
    measured.report_after(0);
    tree.change("proc/self/stat", " 11 0 2 0 30 10 ", " 1 0 1 0 3 1 ");
    tree.change("proc/self/io", "read_bytes: 4096", "read_bytes: 1");
    tree.change("proc/self/task/100/stat", " 30 10 ", " 3 1 ");
    tree.change("sys/fs/cgroup/outer/inner/cpu.stat", "usage_usec 5000", "usage_usec 1");
    // An interface that was made anew, and has received this much since.
    tree.change("proc/self/net/dev", "eth0:   50000", "eth0:      70");
    measured.report_after(10);
    measured.assert(&[
        ("process.cpuTime", ticks(40)),
        ("process.cpuLoad", 0.0),
        ("process.minorPageFaults", 11.0),
        ("process.readBytes", 4096.0),
        ("process.thread.userTime{thread=main}", ticks(30)),
        ("cgroup.cpuTime", 5_000_000.0),
        ("System.Network.interface.receivedBytes{interface=eth0}", 50_070.0),
        ("System.Network.interface.ReceiveRate{interface=eth0}", 7.0),
    ]);
}

#[test]
fn names_of_threads_keep_what_ended_threads_had() {
    let tree = Tree::new();
    let measured = Measured::new(&tree.options());
    measured.report_after(0);
    tree.remove("proc/self/task/102");
    tree.change("proc/self/task/101/stat", " 5 1 0 0", " 6 1 0 0");
    // Another thread got the number of one that had ended unseen.
    tree.change("proc/self/task/100/stat", " 30 10 0 0 20 0 2 0 500", " 4 2 0 0 20 0 2 0 900");
    measured.report_after(10);
    measured.assert(&[
        ("process.thread.userTime{thread=worker}", ticks(13)),
        ("process.thread.systemTime{thread=worker}", ticks(3)),
        ("process.thread.threads{thread=worker}", 1.0),
        ("process.thread.userTime{thread=main}", ticks(34)),
        ("process.thread.systemTime{thread=main}", ticks(12)),
    ]);
    // A thread that takes another name had its time until then under the old one.
    tree.change(
        "proc/self/task/101/stat",
        "(worker) R 1 1 1 0 -1 0 0 0 0 0 6 1",
        "(renamed) R 1 1 1 0 -1 0 0 0 0 0 9 1",
    );
    measured.report_after(10);
    measured.assert(&[
        ("process.thread.userTime{thread=worker}", ticks(13)),
        ("process.thread.threads{thread=worker}", 0.0),
        ("process.threadNames", 3.0),
    ]);
    measured.report_after(10);
    measured.assert(&[("process.thread.userTime{thread=renamed}", ticks(3))]);
    measured.report_after(300);
    // The last values once more, and no longer.
    measured.report_after(1);
    measured.report_after(3600);
    measured.assert_missing(&["process.thread.userTime{thread=worker}"]);
    measured.assert(&[("process.threadNames", 2.0), ("process.thread.userTime{thread=renamed}", ticks(3))]);
    tree.write(
        "proc/self/task/103/stat",
        "103 (worker) R 1 1 1 0 -1 0 0 0 0 0 4 1 0 0 20 0 2 0 990 0 0 0 0\n",
    );
    measured.report_after(10);
    measured.report_after(10);
    measured.assert(&[("process.thread.userTime{thread=worker}", ticks(4))]);
}

#[test]
fn a_thread_that_was_not_seen_is_not_counted_again() {
    let tree = Tree::new();
    let measured = Measured::new(&tree.options());
    measured.report_after(0);
    let path = "proc/self/task/102/stat";
    let stat = fs::read_to_string(tree.path(path)).unwrap();
    // What stands there cannot be read, it is not there, and none of them is.
    let hide: [&dyn Fn(); 3] =
        [&|| tree.write(path, "102 (worker"), &|| tree.remove("proc/self/task/102"), &|| {
            fs::rename(tree.path("proc/self/task"), tree.path("away")).unwrap();
        }];
    for hide in hide {
        hide();
        for _ in 0..3 {
            measured.report_after(10);
        }
        if tree.path("away").exists() {
            fs::rename(tree.path("away"), tree.path("proc/self/task")).unwrap();
        }
        tree.write(path, &stat);
        measured.report_after(10);
        // What comes anew is in the next report.
        measured.report_after(10);
        measured.assert(&[
            ("process.thread.userTime{thread=main}", ticks(30)),
            ("process.thread.userTime{thread=worker}", ticks(12)),
            ("process.thread.systemTime{thread=worker}", ticks(3)),
            ("process.thread.threads{thread=worker}", 2.0),
        ]);
    }
    // What it used meanwhile is counted.
    tree.remove("proc/self/task/102");
    measured.report_after(10);
    tree.write(path, stat.replace(" 7 2 0 0", " 9 2 0 0"));
    measured.report_after(10);
    measured.assert(&[("process.thread.userTime{thread=worker}", ticks(14))]);
}

#[test]
fn names_of_threads_are_limited() {
    let tree = Tree::new();
    for id in 200..500 {
        let stat = format!("{id} (numbered-{id}) R 1 1 1 0 -1 0 0 0 0 0 1 0 0 0 20 0 2 0 502 0 0 0 0\n");
        tree.write(&format!("proc/self/task/{id}/stat"), stat);
    }
    let measured = Measured::new(&tree.options());
    measured.report_after(0);
    let names = measured.value("process.threadNames").unwrap();
    assert_eq!(names, 129.0, "one of them is for the others");
    assert_eq!(measured.count("process.thread.userTime"), 129);
    let others = measured.value("process.otherThreads").unwrap();
    assert!(others >= 302.0 - 128.0, "{others}");
    measured.assert(&[("process.thread.threads{thread=(other)}", others)]);
    // Nothing is lost.
    let lines = measured.capture.last();
    let time: f64 = lines.iter().filter(|(name, _)| name.contains(".userTime")).map(|(_, time)| time).sum();
    assert_eq!(time, ticks(300 + 30 + 5 + 7));
}

#[test]
fn a_group_that_returns_counts_nothing_twice() {
    let tree = Tree::new();
    let mut measured = Measured::new(&tree.options());
    measured.report_after(0);
    // Another one of its identity, before anyone has seen the end of the first.
    let again = measured.registry.task_manager("h", "tm");
    drop(std::mem::replace(&mut measured.task_manager, again));
    flowmeter_system::register(&measured.task_manager, &tree.options());
    measured.report_after(10);
    measured.assert(&[
        ("process.cpuTime", ticks(40)),
        ("process.readBytes", 4096.0),
        ("process.thread.userTime{thread=main}", ticks(30)),
        ("System.Network.interface.receivedBytes{interface=eth0}", 50_000.0),
        ("System.Disk.device.reads{device=vda}", 10.0),
    ]);
}

#[test]
fn what_appears_when_the_group_is_closed_has_no_metrics() {
    for flink_groups in [false, true] {
        let tree = Tree::new();
        let measured = Measured::new(&tree.options().with_flink_groups(flink_groups));
        tree.idle();
        measured.report_after(10);
        tree.write("proc/self/net/dev", format!("{NET_DEV}  eth1: 500 1 0 0 0 0 0 0 600 1 0 0 0 0 0 0\n"));
        tree.change("proc/stat", "intr", "cpu2 40 5 25 600 10 1 2 2 0 0\nintr");
        measured.task_manager.close();
        measured.report_after(10);
        let odd = |name: &str| name.contains("eth1") || name.contains("cpu=2") || name.contains("CPU2");
        let lines = measured.capture.last();
        assert!(lines.iter().any(|(name, _)| name.contains("System.CPU")), "the last values");
        assert!(!lines.iter().any(|(name, _)| odd(name)), "{lines:?}");
        // Nobody did anything wrong.
        assert_eq!(measured.registry.statistics().refused_registrations, 0);
    }
}

#[test]
fn devices_come_and_go() {
    let tree = Tree::new();
    let measured = Measured::new(&tree.options());
    tree.idle();
    measured.report_after(1);
    let with_eth1 = format!("{NET_DEV}  eth1: 500 1 0 0 0 0 0 0 600 1 0 0 0 0 0 0\n");
    tree.write("proc/self/net/dev", &with_eth1);
    measured.report_after(10);
    measured.assert(&[("System.Network.interfaces", 3.0)]);
    tree.write("proc/self/net/dev", with_eth1.replace("eth1: 500", "eth1: 800"));
    measured.report_after(10);
    measured.assert(&[
        ("System.Network.interface.receivedBytes{interface=eth1}", 800.0),
        ("System.Network.interface.ReceiveRate{interface=eth1}", 30.0),
    ]);
    tree.write("proc/self/net/dev", NET_DEV);
    measured.report_after(10);
    measured.report_after(0);
    assert_eq!(
        measured.capture.latest()["taskmanager.System.Network.interface.receivedBytes{host=h,tm_id=tm,interface=eth1}"],
        800.0,
        "the last value is final"
    );
    measured.report_after(10);
    measured.assert_missing(&["System.Network.interface.receivedBytes{interface=eth1}"]);
    measured.assert(&[("System.Network.interfaces", 2.0)]);
    // It is back, as it was: what was counted before is not counted again.
    tree.write("proc/self/net/dev", with_eth1.replace("eth1: 500", "eth1: 810"));
    measured.report_after(10);
    measured.report_after(10);
    measured.assert(&[("System.Network.interface.receivedBytes{interface=eth1}", 810.0)]);

    tree.change("proc/stat", "cpu1 40 5 25 600 10 1 2 2 0 0\n", "");
    tree.change("proc/diskstats", "254       0 vda 10", "254       0 vdb 10");
    tree.write("sys/block/vdb/size", "");
    measured.report_after(10);
    measured.report_after(3600);
    measured.report_after(10);
    measured.assert_missing(&["System.CPU.cpu.Usage{cpu=1}", "System.Disk.device.reads{device=vda}"]);
    measured.assert(&[("System.CPU.cpu.Usage{cpu=0}", 0.0), ("System.Disk.device.reads{device=vdb}", 10.0)]);
}

#[test]
fn a_file_that_is_missing_or_odd_takes_its_own_metrics_along() {
    const STATISTICS: &[&str] =
        &["process.cpuTime", "process.cpuLoad", "process.threads", "process.startTime"];
    const HOST_CPU: &[&str] = &["System.CPU.Usage", "System.CPU.Steal", "System.CPU.cpu.Usage{cpu=0}"];
    const MEMORY: &[&str] =
        &["System.Memory.Total", "System.Memory.Available", "System.Swap.Total", "System.Swap.Used"];
    const CPU_STAT: &[&str] = &["cgroup.cpuTime", "cgroup.periods", "cgroup.throttledTime"];
    let files: &[(&str, &[&str])] = &[
        ("proc/self/stat", STATISTICS),
        ("proc/self/status", &["process.peakResidentMemory", "process.swappedMemory"]),
        ("proc/self/limits", &["process.maxFileDescriptors"]),
        ("proc/self/io", &["process.readBytes", "process.writtenBytes"]),
        ("proc/stat", HOST_CPU),
        ("proc/loadavg", &["System.CPU.Load1min", "System.CPU.Load15min"]),
        ("proc/meminfo", MEMORY),
        ("proc/self/net/dev", &["System.Network.interfaces"]),
        ("sys/fs/cgroup/outer/inner/memory.current", &["cgroup.memoryUsed"]),
        ("sys/fs/cgroup/outer/inner/memory.max", &["cgroup.memoryLimit"]),
        ("sys/fs/cgroup/outer/inner/cpu.max", &["cgroup.cpuLimit"]),
        ("sys/fs/cgroup/outer/inner/cpu.stat", CPU_STAT),
    ];
    let all = |measured: &Measured| -> BTreeSet<String> {
        measured.capture.last().into_iter().map(|(name, _)| name).collect()
    };
    for (path, missing) in files {
        let text = FILES.iter().find(|(known, _)| known == path).unwrap().1;
        let half = &text[..text.len() / 8];
        for odd in [None, Some(""), Some("\n\n\n"), Some("\u{fffd} -1 18446744073709551616 ) ("), Some(half)]
        {
            let tree = Tree::new();
            // The others are there, and what is missing returns.
            let measured = Measured::new(&tree.options());
            tree.idle();
            measured.report_after(10);
            measured.report_after(10);
            let before = all(&measured);
            match odd {
                Some(odd) => tree.write(path, odd),
                None => tree.remove(path),
            }
            measured.report_after(10);
            measured.report_after(3600);
            measured.report_after(3600);
            // What is cut may be less, or what kernels of old have.
            if odd != Some(half) {
                measured.assert_missing(missing);
            }
            let gone: BTreeSet<_> = before.difference(&all(&measured)).cloned().collect();
            for name in gone {
                let is_of_it = missing.iter().any(|known| {
                    let known = known.split('{').next().unwrap();
                    let (group, _) = known.rsplit_once('.').unwrap();
                    name.starts_with(&format!("taskmanager.{group}."))
                });
                assert!(is_of_it, "{name} went with {path}");
            }
            tree.write(path, text);
            measured.report_after(10);
            if *path == "proc/stat" {
                tree.idle();
            }
            measured.report_after(10);
            measured.report_after(10);
            assert_eq!(before.difference(&all(&measured)).collect::<Vec<_>>(), [""; 0], "{path}");
        }
    }
}

#[test]
fn what_was_missing_from_the_beginning_may_come() {
    let tree = Tree::new();
    tree.remove("proc");
    tree.remove("sys");
    let measured = Measured::new(&tree.options());
    measured.report_after(0);
    assert!(measured.capture.last().iter().all(|(name, _)| name.contains("ContextSwitches")));
    FILES.iter().for_each(|(path, text)| tree.write(path, text));
    measured.report_after(10);
    measured.report_after(10);
    measured.assert(&[("process.cpuTime", ticks(40)), ("System.Network.interfaces", 2.0)]);
    measured.assert(&[("System.Network.interface.receivedBytes{interface=eth0}", 50_000.0)]);
}

#[test]
fn the_control_group_is_found_where_it_is_mounted() {
    let expect = |own: &str, mounts: &str, found: Option<f64>| {
        let tree = Tree::new();
        tree.write("sys/fs/cgroup/memory.current", "1\n");
        tree.write("sys/fs/other/memory.current", "3\n");
        tree.write("sys/fs/cgroup/unified/outer/inner/memory.current", "2\n");
        tree.write("proc/self/cgroup", own);
        tree.write("proc/self/mountinfo", mounts.replace("TREE", tree.path("").to_str().unwrap()));
        let measured = Measured::new(&tree.options());
        measured.report_after(0);
        assert_eq!(measured.value("cgroup.memoryUsed"), found, "{own}{mounts}");
    };
    let at = |root: &str, point: &str| format!("32 31 0:29 {root} {point} rw - cgroup2 cgroup2 rw\n");
    let whole = at("/", "/sys/fs/cgroup");
    expect("0::/outer/inner\n", &whole, Some(4_194_304.0));
    expect("0::/\n", &whole, Some(1.0));
    // Without a namespace of its own a container sees its part of the hierarchy mounted, and all of its path.
    expect("0::/docker/abc\n", &at("/docker/abc", "/sys/fs/cgroup"), Some(1.0));
    expect("0::/docker/abc/outer/inner\n", &at("/docker/abc", "/sys/fs/cgroup"), Some(4_194_304.0));
    expect("0::/elsewhere\n", &at("/docker/abc", "/sys/fs/cgroup"), None);
    expect("0::/gone\n", &whole, None);
    // Outside of the namespace.
    expect("0::/../other\n", &whole, None);
    // Both versions at once, and another place altogether.
    expect("3:cpu:/x\n0::/outer/inner\n", &at("/", "/sys/fs/cgroup/unified"), Some(2.0));
    expect("0::/inner\n", &at("/", "TREEsys/fs/cgroup/outer"), Some(4_194_304.0));
    expect("0::/outer/inner\n", "40 1 0:1 / /cgroup2 rw - tmpfs cgroup2 rw\n", None);
    expect("0::/outer/inner\n", "", None);
    expect("4:memory:/x\n", &whole, None);
    expect("", &whole, None);
}

#[test]
fn limits_that_are_not_set_are_missing() {
    let tree = Tree::new();
    tree.write("sys/fs/cgroup/outer/memory.max", "max\n");
    tree.write("sys/fs/cgroup/outer/cpu.max", "50000 100000\n");
    let measured = Measured::new(&tree.options());
    measured.report_after(0);
    measured.assert(&[("cgroup.memoryLimit", 8_388_608.0), ("cgroup.cpuLimit", 0.5)]);
    tree.write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
    tree.write("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
    measured.report_after(10);
    measured.assert_missing(&["cgroup.memoryLimit"]);
    measured.assert(&[("cgroup.cpuLimit", 0.5), ("cgroup.memoryUsed", 4_194_304.0)]);
    tree.write("sys/fs/cgroup/outer/cpu.max", "max 100000\n");
    measured.report_after(10);
    measured.assert_missing(&["cgroup.cpuLimit"]);
    tree.write("sys/fs/cgroup/outer/inner/memory.max", "4096\n");
    measured.report_after(10);
    measured.assert(&[("cgroup.memoryLimit", 4096.0)]);
    // A group without a limit of its own has nothing of periods.
    tree.write("sys/fs/cgroup/outer/inner/cpu.stat", "usage_usec 9000\nuser_usec 9000\n");
    measured.report_after(10);
    measured.assert(&[("cgroup.cpuTime", 9_000_000.0)]);
    measured.assert_missing(&["cgroup.periods", "cgroup.throttledTime"]);
}

#[test]
fn flinks_names_are_exact() {
    let tree = Tree::new();
    let options = tree.options().with_flink_groups(true);
    let measured = Measured::with(Capture::flink(), &options);
    measured.report_after(0);
    let cpus = "proc/stat";
    tree.change(cpus, "cpu  100 10 50 1000", "cpu  130 10 50 1010");
    tree.change(cpus, "cpu0 60 5 25 500", "cpu0 90 5 25 510");
    tree.change("proc/self/net/dev", "eth0:   50000", "eth0:   50100");
    measured.report_after(10);
    measured.assert(&[
        ("Status.JVM.CPU.Load", 0.0),
        ("Status.JVM.CPU.Time", ticks(40)),
        ("Status.JVM.Threads.Count", 3.0),
        ("Status.JVM.FileDescriptor.Open", 3.0),
        ("Status.JVM.FileDescriptor.Max", 1024.0),
        ("System.CPU.UsageCPU0", 75.0),
        ("System.CPU.UsageCPU1", 0.0),
        ("System.Network.eth0.ReceiveRate", 10.0),
        ("System.Network.eth0.SendRate", 0.0),
    ]);
    let flinks = ["Usage", "Idle", "Sys", "User", "IOWait", "Irq", "SoftIrq", "Nice", "Steal"];
    let loads = ["Load1min", "Load5min", "Load15min"];
    for name in flinks.into_iter().chain(loads) {
        assert!(measured.value(&format!("System.CPU.{name}")).is_some(), "{name}");
    }
    for name in ["Memory.Available", "Memory.Total", "Swap.Used", "Swap.Total"] {
        assert!(measured.value(&format!("System.{name}")).is_some(), "{name}");
    }
    // In place of variables, not beside them.
    assert!(
        !measured.capture.last().iter().any(|(name, _)| name.contains("interface=") || name.contains("cpu="))
    );
    tree.change(cpus, "cpu1 40 5 25 500 10 1 2 2 0 0\n", "");
    measured.report_after(10);
    measured.report_after(3600);
    measured.report_after(10);
    measured.assert_missing(&["System.CPU.UsageCPU1"]);
    measured.assert(&[("System.CPU.UsageCPU0", 75.0)]);
}

#[test]
fn the_catalogue_has_what_is_registered() {
    for flink_groups in [false, true] {
        let tree = Tree::new();
        let measured = Measured::new(&tree.options().with_flink_groups(flink_groups));
        tree.idle();
        measured.report_after(1);
        let lines = measured.capture.last();
        let registered: BTreeSet<_> = lines
            .iter()
            .map(|(name, _)| name.split('{').next().unwrap())
            .map(|name| name.replace(".eth0.", ".<interface>.").replace(".lo.", ".<interface>."))
            .map(|name| name.replace("CPU0", "CPU<cpu>").replace("CPU1", "CPU<cpu>"))
            .collect();
        let of_others = |by: &str| by.contains("allocator") || by.contains("runtime");
        let entries = CATALOGUE.iter().filter(|entry| !of_others(entry.registered_by));
        let families = entries.flat_map(|entry| entry.families(ScopeKind::TaskManager));
        let named = |name: &str| {
            let in_flink = name.contains('<');
            in_flink == flink_groups || !(in_flink || name.contains(".cpu.") || name.contains(".interface."))
        };
        let known: BTreeSet<_> = families
            .map(|family| format!("{}.{}", family.logical_scope(), family.name()))
            .filter(|name| named(name))
            .collect();
        assert_eq!(registered, known);
    }
    for entry in CATALOGUE {
        for descriptor in entry.descriptors {
            let metric = descriptor.metric();
            assert!(metric.description().ends_with('.'), "{} has no description", metric.name());
        }
    }
}

#[test]
fn each_part_can_be_left_out() {
    let tree = Tree::new();
    let none = tree.options().with_process(false).with_threads(false).with_cgroup(false).with_host(false);
    let groups = |options: &SystemOptions| {
        let measured = Measured::new(options);
        measured.report_after(0);
        ["process.cpu", "process.thread.", "cgroup.", "System."].map(|group| measured.count(group) > 0)
    };
    assert_eq!(groups(&none.clone()), [false; 4]);
    assert_eq!(groups(&none.clone().with_process(true)), [true, false, false, false]);
    assert_eq!(groups(&none.clone().with_threads(true)), [false, true, false, false]);
    assert_eq!(groups(&none.clone().with_cgroup(true)), [false, false, true, false]);
    assert_eq!(groups(&none.with_host(true)), [false, false, false, true]);
}

#[test]
fn this_very_process_is_measured() {
    let measured = Measured::new(&SystemOptions::default());
    // What a real /proc has is there, whatever the machine.
    measured.report_after(10);
    for name in ["cpuTime", "residentMemory", "threads", "openFileDescriptors", "startTime"] {
        let value = measured.value(&format!("process.{name}"));
        assert!(value.is_some_and(|value| value > 0.0), "{name} is {value:?}");
    }
}
