//! What flowmeter says of this process and this machine is what other programs say.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio, id};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowmeter_core::{Registry, ReporterHandle, TaskManagerGroup};
use flowmeter_e2e::{Folder, program, wait_for};
use flowmeter_system::SystemOptions;
use flowmeter_testkit::{Capture, MockClock, PATIENCE, driven};
use serde_json::Value;

/// This process and this machine, as flowmeter sees them.
struct Measured {
    capture: Capture,
    clock: Arc<MockClock>,
    reporter: ReporterHandle,
    _task_manager: TaskManagerGroup,
    _registry: Registry,
}

impl Measured {
    fn new() -> Self {
        let capture = Capture::push();
        let (registry, clock, reporter) = driven(&capture);
        let task_manager = registry.task_manager("h", "tm");
        flowmeter_system::register(&task_manager, &SystemOptions::default());
        Self { capture, clock, reporter, _task_manager: task_manager, _registry: registry }
    }

    /// What a new report has of some metrics, each as its name and its own variable.
    fn read(&self, names: &[&str]) -> Vec<f64> {
        self.reporter.report_now(PATIENCE).expect("a report succeeds");
        let all = self.capture.last();
        let value = |name: &&str| {
            let (name, variable) = name.split_once('/').unwrap_or((name, ""));
            let found = all.iter().find(|(line, _)| {
                let rest = line.strip_prefix("taskmanager.").and_then(|line| line.strip_prefix(name));
                rest.is_some_and(|rest| rest.starts_with('{') && rest.contains(variable))
            });
            found.unwrap_or_else(|| panic!("{name} {variable} is missing")).1
        };
        names.iter().map(value).collect()
    }

    /// Waits until what another program says is between what is so just before and just after, give or take a part of it
    /// and so much more: both look at what other threads and programs change.
    fn agrees(&self, names: &[&str], part: f64, more: f64, theirs: impl Fn() -> Vec<f64>) {
        let mut last = String::new();
        let between = |value: f64, (before, after): (f64, f64)| {
            let slack = part * value.abs() + more;
            (before.min(after) - slack..=before.max(after) + slack).contains(&value)
        };
        wait_for(&format!("agreement on {names:?}"), || {
            let (before, theirs, after) = (self.read(names), theirs(), self.read(names));
            assert_eq!(theirs.len(), names.len(), "the other program says {theirs:?}");
            let ours = before.iter().copied().zip(after.iter().copied());
            let agree = theirs.iter().copied().zip(ours).all(|(theirs, ours)| between(theirs, ours));
            let line = format!("{names:?}: they say {theirs:?}, we say {before:?} and {after:?}");
            if !agree && line != last {
                let _ = writeln!(std::io::stderr(), "{line}");
                last = line;
            }
            agree.then_some(())
        });
    }
}

/// The standard output of a program that succeeds.
fn output(path: &Path, arguments: &[&str]) -> String {
    let output = Command::new(path).args(arguments).stderr(Stdio::inherit()).output().expect("it starts");
    assert!(output.status.success(), "{} {arguments:?}: {}", path.display(), output.status);
    String::from_utf8(output.stdout).expect("it prints text")
}

fn numbers(text: &str) -> Vec<f64> {
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn ps_says_the_same_of_this_process() {
    let Some(ps) = program("ps_says_the_same_of_this_process", "ps") else { return };
    let measured = Measured::new();
    // Enough for seconds of CPU time to say something.
    let start = Instant::now();
    let mut memory = Vec::new();
    while measured.read(&["process.cpuTime"])[0] < 1.2e9 {
        assert!(start.elapsed() < PATIENCE, "this process gets no CPU time");
        memory = (0..8_u64 << 20).map(std::hint::black_box).collect::<Vec<_>>();
    }
    let pid = id().to_string();
    let ask = |columns: &str| output(&ps, &["-p", &pid, "-o", columns]);
    let kibibytes = |text: &str| numbers(text).into_iter().map(|number| number * 1024.0).collect();
    measured.agrees(&["process.virtualMemory"], 0.0, 0.0, || kibibytes(&ask("vsz=")));
    // Linux keeps some pages of each thread to itself for a while.
    measured.agrees(&["process.residentMemory"], 0.02, 1e6, || kibibytes(&ask("rss=")));
    measured.agrees(&["process.threads"], 0.0, 0.0, || numbers(&ask("nlwp=")));
    measured.agrees(&["process.minorPageFaults", "process.majorPageFaults"], 0.0, 0.0, || {
        numbers(&ask("min_flt=,maj_flt="))
    });
    // Whole seconds of it.
    measured.agrees(&["process.cpuTime"], 0.0, 1e9, || {
        numbers(&ask("cputimes=")).into_iter().map(|seconds| seconds * 1e9).collect()
    });
    // In seconds too, and both by way of the time since the machine began.
    measured.agrees(&["process.startTime"], 0.0, 2.0, || {
        let age = numbers(&ask("etimes="));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        age.into_iter().map(|age| now.as_ref().map_or(0.0, |now| now.as_secs_f64() - age)).collect()
    });
    drop(memory);
}

#[test]
fn ps_says_the_same_of_the_names_of_threads() {
    let Some(ps) = program("ps_says_the_same_of_the_names_of_threads", "ps") else { return };
    let measured = Measured::new();
    let stop: Vec<_> = (0..3)
        .map(|_| {
            let (stop, stopped) = std::sync::mpsc::channel::<()>();
            let builder = std::thread::Builder::new().name("named-as-this".to_owned());
            let thread = builder.spawn(move || stopped.recv().is_err()).expect("a thread can start");
            (stop, thread)
        })
        .collect();
    let pid = id().to_string();
    let count = || output(&ps, &["-L", "-p", &pid, "-o", "comm="]).matches("named-as-this\n").count();
    // They take their names after they began.
    wait_for("the threads", || (count() == 3).then_some(()));
    // The name is new to the first report and shown by the next.
    measured.read(&["process.threadNames"]);
    measured.agrees(&["process.thread.threads/thread=named-as-this"], 0.0, 0.0, || vec![count() as f64]);
    for (stop, thread) in stop {
        drop(stop);
        assert!(thread.join().expect("it does not panic"));
    }
    measured.agrees(&["process.thread.threads/thread=named-as-this"], 0.0, 0.0, || vec![count() as f64]);
}

#[test]
fn ls_and_the_shell_say_the_same_of_files() {
    let measured = Measured::new();
    let folder = Folder::new("system");
    let result = folder.path().join("result");
    let shell = |script: &str| {
        // Not through a pipe, which would be open here too.
        let script = format!("{script} > {}", result.display());
        let status = Command::new("sh").arg("-c").arg(script).status().expect("there is a shell");
        assert!(status.success());
        numbers(&fs::read_to_string(&result).expect("the shell wrote it"))
    };
    let pid = id();
    let count = || shell(&format!("ls /proc/{pid}/fd | wc -l"));
    measured.agrees(&["process.openFileDescriptors"], 0.0, 0.0, count);
    let before = measured.read(&["process.openFileDescriptors"])[0];
    let open: Vec<_> = (0..500).map(|_| File::open("/dev/null").expect("it can be opened")).collect();
    measured.agrees(&["process.openFileDescriptors"], 0.0, 0.0, count);
    // Other tests of this process open some as well.
    assert!(measured.read(&["process.openFileDescriptors"])[0] > before + 400.0);
    drop(open);
    // A shell has the limits of who starts it.
    measured.agrees(&["process.maxFileDescriptors"], 0.0, 0.0, || shell("ulimit -n"));
}

#[test]
fn free_says_the_same_of_memory() {
    let Some(free) = program("free_says_the_same_of_memory", "free") else { return };
    let measured = Measured::new();
    let line = |name: &str| {
        let text = output(&free, &["-b"]);
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("it has the line").to_owned();
        numbers(&line)
    };
    measured.agrees(&["System.Memory.Total"], 0.0, 0.0, || vec![line("Mem:")[0]]);
    measured.agrees(&["System.Memory.Available"], 0.02, 1e6, || vec![line("Mem:")[5]]);
    measured.agrees(&["System.Swap.Total", "System.Swap.Used"], 0.0, 0.0, || line("Swap:")[..2].to_vec());
}

#[test]
fn ip_says_the_same_of_interfaces() {
    let Some(ip) = program("ip_says_the_same_of_interfaces", "ip") else { return };
    let measured = Measured::new();
    send_over_loopback(1 << 20);
    let links = || -> BTreeMap<String, Vec<f64>> {
        let links: Value = serde_json::from_str(&output(&ip, &["-s", "-j", "link"])).expect("it prints JSON");
        let links = links.as_array().expect("a list of interfaces").clone();
        let count =
            |link: &Value, way: &str, what: &str| link["stats64"][way][what].as_f64().expect("a count");
        let counts = |link: &Value| {
            let ways = ["rx", "tx"].into_iter();
            let kinds = |way| ["bytes", "packets", "errors"].map(|kind| (way, kind));
            ways.flat_map(kinds).map(|(way, kind)| count(link, way, kind)).collect()
        };
        let name = |link: &Value| link["ifname"].as_str().expect("a name").to_owned();
        links.iter().map(|link| (name(link), counts(link))).collect()
    };
    let all = links();
    assert!(all["lo"][0] > f64::from(1 << 20), "{all:?}");
    measured.agrees(&["System.Network.interfaces"], 0.0, 0.0, || vec![links().len() as f64]);
    for interface in all.keys() {
        let metrics =
            ["receivedBytes", "receivedPackets", "receiveErrors", "sentBytes", "sentPackets", "sendErrors"]
                .map(|metric| format!("System.Network.interface.{metric}/interface={interface}"));
        let metrics = metrics.each_ref().map(String::as_str);
        measured.agrees(&metrics, 0.0, 0.0, || links()[interface].clone());
    }
}

/// Has some bytes counted.
fn send_over_loopback(bytes: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let send = std::thread::spawn(move || {
        TcpStream::connect(address).and_then(|mut stream| stream.write_all(&vec![0; bytes]))
    });
    let (mut stream, _) = listener.accept().expect("it connects");
    let read = stream.read_to_end(&mut Vec::new()).expect("it sends");
    assert_eq!(read, bytes);
    send.join().expect("it does not panic").expect("it can send");
}

#[test]
fn awk_says_the_same_of_disks_processors_and_load() {
    let Some(awk) = program("awk_says_the_same_of_disks_processors_and_load", "awk") else { return };
    let measured = Measured::new();
    let say = |script: &str, file: &str| numbers(&output(&awk, &[script, file]));
    measured.agrees(
        &["System.CPU.Load1min", "System.CPU.Load5min", "System.CPU.Load15min"],
        0.0,
        0.0,
        || say("{ print $1, $2, $3 }", "/proc/loadavg"),
    );
    let disks = output(&awk, &["$4 + $8 > 0 && $3 !~ /^(loop|ram|zram|fd)/ { print $3 }", "/proc/diskstats"]);
    let whole = disks.lines().filter(|disk| Path::new("/sys/block").join(disk.replace('/', "!")).exists());
    let whole: Vec<_> = whole.collect();
    if Path::new("/sys/block").is_dir() {
        measured.agrees(&["System.Disk.disks"], 0.0, 0.0, || vec![whole.len() as f64]);
    }
    for disk in whole {
        let metrics = ["readBytes", "writtenBytes", "reads", "writes", "busyTime"]
            .map(|metric| format!("System.Disk.device.{metric}/device={disk}"));
        let metrics = metrics.each_ref().map(String::as_str);
        let script = format!(
            "$3 == \"{disk}\" {{ printf \"%.0f %.0f %.0f %.0f %.0f\\n\", $6 * 512, $10 * 512, $4, $8, $13 * 1e6 }}"
        );
        measured.agrees(&metrics, 0.0, 0.0, || say(&script, "/proc/diskstats"));
    }
    // Each processor has a group, which has something to show when the processor has counted time.
    let processors = say("/^cpu[0-9]/ { count += 1 } END { print count }", "/proc/stat")[0];
    wait_for("time of all processors", || {
        measured.clock.advance(Duration::from_secs(1));
        measured.read(&[]);
        let all = measured.capture.last();
        let of = |group: &str| all.iter().filter(|(name, _)| name.starts_with(group)).count();
        let groups = of("taskmanager.System.CPU.cpu.Usage{");
        (of("taskmanager.System.CPU.Usage{") == 1 && groups as f64 == processors).then_some(())
    });
}
