//! What tasks and TaskManagers report of input, output, memory, buffers and checkpoints.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::time::Duration;

use common::{Cluster, Table, Values, table};
use flowmeter_core::{Clock, MetricGroup, MetricSet};
use flowmeter_stream::{
    BarrierAlignment, BufferDebloatingMetrics, ChangelogStorageMetrics, ChangelogTimes, FileMergingMetrics,
    FlinkQueues, InitializationMetrics, InputBufferMetrics, MailboxMetrics, ManagedMemoryMetrics,
    NetworkMemory, OutputBufferMetrics, QueueLengthMetrics, TaskBytesMetrics, TaskInputMetrics,
    TaskIoMetrics, TimerMetrics, changelog_storage_group, file_merging_group, flink_queues, input_gate,
    input_group, output_group, output_partition,
};
use flowmeter_testkit::Capture;

const TASK: &str = "taskmanager.job.task";

/// What counts the input, output and work of a task, filled.
fn filled(task: &MetricGroup) -> impl Sized + use<> {
    let (io, bytes) = (TaskIoMetrics::register(task), TaskBytesMetrics::register(task));
    let (timers, beginning) = (TimerMetrics::register(task), InitializationMetrics::register(task));
    io.num_records_in.inc_by(60);
    io.num_records_out.inc_by(120);
    bytes.num_bytes_in.inc_by(180);
    bytes.num_bytes_out.inc_by(240);
    io.num_buffers_in.inc_by(300);
    io.num_buffers_out.inc_by(360);
    io.num_activations.inc_by(420);
    timers.num_fired_timers.inc_by(480);
    timers.num_pending_timers.set(33);
    beginning.initialization_time.inc_by(540);
    (io, bytes, timers, beginning)
}

#[test]
fn a_task_has_input_output_and_work() {
    let cluster = Cluster::new();
    let _filled = filled(&cluster.task);
    let expected = table![
        "taskmanager.job.task.numRecordsIn" => 60_u64,
        "taskmanager.job.task.numRecordsOut" => 120_u64,
        "taskmanager.job.task.numBytesIn" => 180_u64,
        "taskmanager.job.task.numBytesOut" => 240_u64,
        "taskmanager.job.task.numBuffersIn" => 300_u64,
        "taskmanager.job.task.numBuffersOut" => 360_u64,
        "taskmanager.job.task.numActivations" => 420_u64,
        "taskmanager.job.task.numFiredTimers" => 480_u64,
        "taskmanager.job.task.numPendingTimers" => 33_u64,
        "taskmanager.job.task.initializationTime" => 540_u64,
    ];
    assert_eq!(cluster.report_all(), expected);
}

#[test]
fn under_flinks_names_a_task_has_rates_too() {
    let cluster = Cluster::reporting_to(Capture::flink());
    let _filled = filled(&cluster.task);
    cluster.pass(60_000);
    let expected = table![
        "numRecordsIn" => 60_u64,
        "numRecordsInPerSecond" => 1.0,
        "numRecordsOut" => 120_u64,
        "numRecordsOutPerSecond" => 2.0,
        "numBytesIn" => 180_u64,
        "numBytesInPerSecond" => 3.0,
        "numBytesOut" => 240_u64,
        "numBytesOutPerSecond" => 4.0,
        "numBuffersIn" => 300_u64,
        "numBuffersOut" => 360_u64,
        "numBuffersOutPerSecond" => 6.0,
        "numActivations" => 420_u64,
        "mailboxMailsPerSecond" => 7.0,
        "numFiredTimers" => 480_u64,
        "numFiredTimersPerSecond" => 8.0,
        "numPendingTimers" => 33_u64,
        "initializationTime" => 540_u64,
    ];
    assert_eq!(cluster.report(TASK), expected);
}

fn fill_input(input: &TaskInputMetrics) {
    input.num_bytes_in_local.inc_by(60);
    input.num_bytes_in_remote.inc_by(120);
    input.num_buffers_in_local.inc_by(180);
    input.num_buffers_in_remote.inc_by(240);
}

#[test]
fn input_is_local_or_remote() {
    let cluster = Cluster::new();
    let input = TaskInputMetrics::register(&input_group(&cluster.task));
    fill_input(&input);
    let expected = table![
        "taskmanager.job.task.shuffle.input.numBytesInLocal" => 60_u64,
        "taskmanager.job.task.shuffle.input.numBytesInRemote" => 120_u64,
        "taskmanager.job.task.shuffle.input.numBuffersInLocal" => 180_u64,
        "taskmanager.job.task.shuffle.input.numBuffersInRemote" => 240_u64,
    ];
    assert_eq!(cluster.report_all(), expected);
}

#[test]
fn flink_has_local_and_remote_input_twice() {
    let cluster = Cluster::reporting_to(Capture::flink());
    let input = TaskInputMetrics::register(&input_group(&cluster.task));
    fill_input(&input);
    cluster.pass(60_000);
    let expected = table![
        "numBytesInLocal" => 60_u64,
        "numBytesInLocalPerSecond" => 1.0,
        "numBytesInRemote" => 120_u64,
        "numBytesInRemotePerSecond" => 2.0,
        "numBuffersInLocal" => 180_u64,
        "numBuffersInLocalPerSecond" => 3.0,
        "numBuffersInRemote" => 240_u64,
        "numBuffersInRemotePerSecond" => 4.0,
    ];
    assert_eq!(cluster.report(TASK), expected);
    assert_eq!(cluster.report("taskmanager.job.task.Shuffle.Netty.Input"), expected);
    assert_eq!(cluster.report_all().len(), 2 * expected.len());
}

#[test]
fn a_mailbox_has_mails_that_wait() {
    let cluster = Cluster::new();
    let mailbox = MailboxMetrics::register(&cluster.task);
    mailbox.mailbox_latency_ms.record(0.25);
    mailbox.mailbox_latency_ms.record(1.5);
    mailbox.mailbox_queue_size.set(9);
    let expected = table![
        "mailboxLatencyMs" => Values(2, 1.75),
        "mailboxQueueSize" => 9_u64,
    ];
    assert_eq!(cluster.report(TASK), expected);
}

#[test]
fn the_alignment_of_barriers_counts_while_it_lasts() {
    let cluster = Cluster::new();
    let alignment = BarrierAlignment::register(&cluster.task);
    let seen = |time: u64, delay: u64| {
        let expected = table!["checkpointAlignmentTime" => time, "checkpointStartDelayNanos" => delay];
        assert_eq!(cluster.report(TASK), expected);
    };
    seen(0, 0);
    alignment.last_barrier();
    seen(0, 0);

    cluster.pass(60_000);
    let triggered = cluster.clock.unix() - Duration::from_millis(7);
    alignment.first_barrier(triggered);
    seen(0, 7_000_000);
    cluster.pass(30);
    seen(30_000_000, 7_000_000);
    cluster.pass(12);
    alignment.last_barrier();
    cluster.pass(1_000);
    seen(42_000_000, 7_000_000);
    alignment.last_barrier();
    seen(42_000_000, 7_000_000);

    // The JobManager's clock is ahead, and the first of two checkpoints is given up for the second.
    alignment.first_barrier(cluster.clock.unix() + Duration::from_secs(1));
    cluster.pass(5);
    seen(5_000_000, 0);
    alignment.first_barrier(cluster.clock.unix() - Duration::from_millis(3));
    cluster.pass(2);
    seen(2_000_000, 3_000_000);
}

/// What there is of segments, in the order of a pool that has so many in use.
fn network(segments: [u64; 3], bytes: [u64; 3], requested: f64) -> Table {
    table![
        "availableMemorySegments" => segments[0],
        "usedMemorySegments" => segments[1],
        "totalMemorySegments" => segments[2],
        "availableMemory" => bytes[0],
        "usedMemory" => bytes[1],
        "totalMemory" => bytes[2],
        "requestedMemoryUsage" => requested,
    ]
}

#[test]
fn network_memory_is_in_segments_of_one_size() {
    let cluster = Cluster::new();
    let memory = NetworkMemory::register(&cluster.task_manager, 1_000, 20);
    let seen = || cluster.report("taskmanager.shuffle");
    assert_eq!(seen(), network([20, 0, 20], [20_000, 0, 20_000], 0.0));
    memory.set_used(5);
    memory.set_requested(25);
    assert_eq!(seen(), network([15, 5, 20], [15_000, 5_000, 20_000], 125.0));
    // It shrinks below what is in use.
    memory.clone().set_total(4);
    assert_eq!(seen(), network([0, 5, 4], [0, 5_000, 4_000], 625.0));
    memory.set_total(0);
    assert_eq!(seen(), network([0, 5, 0], [0, 5_000, 0], 0.0));
    assert_eq!(cluster.report_all().len(), 7);
}

#[test]
fn flink_names_memory_after_its_library() {
    let cluster = Cluster::reporting_to(Capture::flink());
    let memory = NetworkMemory::register(&cluster.task_manager, 10, 20);
    memory.set_used(5);
    memory.set_requested(2);
    let managed = ManagedMemoryMetrics::register(&cluster.task_manager);
    managed.managed_memory_used.set(77);
    managed.managed_memory_total.set(99);
    let expected = table![
        "taskmanager.Status.Shuffle.Netty.AvailableMemorySegments" => 15_u64,
        "taskmanager.Status.Shuffle.Netty.UsedMemorySegments" => 5_u64,
        "taskmanager.Status.Shuffle.Netty.TotalMemorySegments" => 20_u64,
        "taskmanager.Status.Shuffle.Netty.AvailableMemory" => 150_u64,
        "taskmanager.Status.Shuffle.Netty.UsedMemory" => 50_u64,
        "taskmanager.Status.Shuffle.Netty.TotalMemory" => 200_u64,
        "taskmanager.Status.Shuffle.Netty.RequestedMemoryUsage" => 10.0,
        "taskmanager.Status.Network.AvailableMemorySegments" => 15_u64,
        "taskmanager.Status.Network.TotalMemorySegments" => 20_u64,
        "taskmanager.Status.Flink.Memory.Managed.Used" => 77_u64,
        "taskmanager.Status.Flink.Memory.Managed.Total" => 99_u64,
    ];
    assert_eq!(cluster.report_all(), expected);
}

#[test]
fn managed_memory_is_used_or_free() {
    let cluster = Cluster::new();
    let memory = ManagedMemoryMetrics::register(&cluster.task_manager);
    memory.managed_memory_used.set(3);
    memory.managed_memory_total.set(8);
    let expected = table!["managedMemoryUsed" => 3_u64, "managedMemoryTotal" => 8_u64];
    assert_eq!(cluster.report("taskmanager"), expected);
}

/// Buffers that wait at a task's input and output.
fn buffers(task: &MetricGroup) -> (InputBufferMetrics, OutputBufferMetrics) {
    let input = InputBufferMetrics::register(&input_group(task));
    input.input_queue_length.set(1);
    input.input_queue_size.set(2);
    input.in_pool_usage.set(0.25);
    input.input_floating_buffers_usage.set(0.5);
    input.input_exclusive_buffers_usage.set(0.75);
    let output = OutputBufferMetrics::register(&output_group(task));
    output.output_queue_length.set(3);
    output.output_queue_size.set(4);
    output.out_pool_usage.set(1.25);
    (input, output)
}

#[test]
fn buffers_wait_at_inputs_and_outputs() {
    let cluster = Cluster::new();
    let _buffers = buffers(&cluster.task);
    let expected = table![
        "taskmanager.job.task.shuffle.input.inputQueueLength" => 1_u64,
        "taskmanager.job.task.shuffle.input.inputQueueSize" => 2_u64,
        "taskmanager.job.task.shuffle.input.inPoolUsage" => 0.25,
        "taskmanager.job.task.shuffle.input.inputFloatingBuffersUsage" => 0.5,
        "taskmanager.job.task.shuffle.input.inputExclusiveBuffersUsage" => 0.75,
        "taskmanager.job.task.shuffle.output.outputQueueLength" => 3_u64,
        "taskmanager.job.task.shuffle.output.outputQueueSize" => 4_u64,
        "taskmanager.job.task.shuffle.output.outPoolUsage" => 1.25,
    ];
    assert_eq!(cluster.report_all(), expected);
}

#[test]
fn flink_has_buffers_of_inputs_and_outputs_twice() {
    let cluster = Cluster::reporting_to(Capture::flink());
    let _buffers = buffers(&cluster.task);
    let expected = table![
        "inputQueueLength" => 1_u64,
        "inPoolUsage" => 0.25,
        "inputFloatingBuffersUsage" => 0.5,
        "inputExclusiveBuffersUsage" => 0.75,
        "outputQueueLength" => 3_u64,
        "outPoolUsage" => 1.25,
    ];
    assert_eq!(cluster.report("taskmanager.job.task.buffers"), expected);
    let of = |side: &str, size: &str, bytes: u64| {
        let mut expected: Table =
            expected.clone().into_iter().filter(|(name, _)| name.starts_with(&side[..2])).collect();
        expected.extend(table![size => bytes]);
        expected
    };
    let [input, output] = ["Input", "Output"]
        .map(|side| cluster.report(&format!("taskmanager.job.task.Shuffle.Netty.{side}.Buffers")));
    assert_eq!(input, of("in", "inputQueueSize", 2));
    assert_eq!(output, of("ou", "outputQueueSize", 4));
}

#[test]
fn debloated_buffers_take_a_target_time() {
    let cluster = Cluster::new();
    let debloating = BufferDebloatingMetrics::register(&cluster.task);
    debloating.estimated_time_to_consume_buffers_ms.set(990);
    debloating.debloated_buffer_size.set(4_096);
    let expected = table!["estimatedTimeToConsumeBuffersMs" => 990_u64, "debloatedBufferSize" => 4_096_u64];
    assert_eq!(cluster.report(TASK), expected);
}

#[test]
fn queues_are_as_long_as_they_are_when_asked() {
    let cluster = Cluster::new();
    let (channels, lengths) = std::sync::mpsc::channel::<Vec<u64>>();
    QueueLengthMetrics::observe(&input_gate(&cluster.task, 1), move || lengths.recv().unwrap());
    QueueLengthMetrics::observe(&output_partition(&cluster.task, 2), || [7]);
    let queues = |variable: &str, total: u64, min: u64, max: u64, avg: f64| {
        table![
            format!("totalQueueLen{{{variable}}}") => total,
            format!("minQueueLen{{{variable}}}") => min,
            format!("maxQueueLen{{{variable}}}") => max,
            format!("avgQueueLen{{{variable}}}") => avg,
        ]
    };
    for (lengths, expected) in [
        (vec![3, 1, 8, 2], queues("gate=1", 14, 1, 8, 3.5)),
        (vec![], queues("gate=1", 0, 0, 0, 0.0)),
        (vec![0, 5], queues("gate=1", 5, 0, 5, 2.5)),
    ] {
        channels.send(lengths).unwrap();
        assert_eq!(cluster.report("taskmanager.job.task.shuffle.input.gate"), expected);
    }
    channels.send(vec![]).unwrap();
    let expected = queues("partition=2", 7, 7, 7, 7.0);
    assert_eq!(cluster.report("taskmanager.job.task.shuffle.output.partition"), expected);
}

#[test]
fn flinks_queues_have_their_number_in_the_name() {
    let cluster = Cluster::new();
    for (queues, number, length) in [(FlinkQueues::Input, 0, 4), (FlinkQueues::Output, 1, 6)] {
        for group in flink_queues(&cluster.task, queues, number) {
            QueueLengthMetrics::observe(&group, move || [length, length + 2]);
        }
    }
    let (mut expected, both) = (Table::new(), ["Shuffle.Netty", "Network"]);
    for library in both {
        for (queues, length) in [("Input.0", 4), ("Output.1", 6)] {
            let scope = format!("taskmanager.job.task.{library}.{queues}");
            expected.extend(table![
                format!("{scope}.totalQueueLen") => 2 * length + 2_u64,
                format!("{scope}.minQueueLen") => length,
                format!("{scope}.maxQueueLen") => length + 2,
                format!("{scope}.avgQueueLen") => length as f64 + 1.0,
            ]);
        }
    }
    assert_eq!(cluster.report_all(), expected);
}

#[test]
fn a_task_waits_for_its_changelog() {
    let cluster = Cluster::new();
    let changelog = ChangelogTimes::register(&cluster.task);
    let seen = |busy: f64| {
        let expected = table!["changelogBusyTimeMsPerSecond" => busy];
        assert_eq!(cluster.report(TASK), expected);
    };
    seen(0.0);
    changelog.start();
    cluster.pass(1_000);
    changelog.start();
    cluster.pass(1_000);
    changelog.stop();
    cluster.pass(2_000);
    seen(500.0); // 2 s of 4
    cluster.pass(4_000);
    changelog.stop();
    seen(250.0); // 2 s of 8, and the window is full
    changelog.start();
    cluster.pass(4_000);
    seen(250.0); // the next one is not
    cluster.pass(6_000);
    seen(1_000.0); // it goes on, and counts
    drop(changelog);
    cluster.pass(5_000);
    seen(0.0);
}

#[test]
fn changes_are_uploaded() {
    let cluster = Cluster::new();
    let storage = ChangelogStorageMetrics::register(&changelog_storage_group(&cluster.local_job));
    storage.number_of_upload_requests.inc_by(5);
    storage.number_of_upload_failures.inc_by(2);
    storage.total_attempts_per_upload.record(11);
    storage.upload_queue_size.set(8);
    storage.uploaded(3, 4_096, 2, Duration::from_micros(700));
    storage.uploaded(1, 1_024, 1, Duration::from_micros(50));
    let expected = table![
        "taskmanager.job.ChangelogStorage.numberOfUploadRequests" => 5_u64,
        "taskmanager.job.ChangelogStorage.numberOfUploadFailures" => 2_u64,
        "taskmanager.job.ChangelogStorage.attemptsPerUpload" => Values(2, 3.0),
        "taskmanager.job.ChangelogStorage.totalAttemptsPerUpload" => Values(1, 11.0),
        "taskmanager.job.ChangelogStorage.uploadBatchSizes" => Values(2, 4.0),
        "taskmanager.job.ChangelogStorage.uploadLatenciesNanos" => Values(2, 750_000.0),
        "taskmanager.job.ChangelogStorage.uploadSizes" => Values(2, 5_120.0),
        "taskmanager.job.ChangelogStorage.uploadQueueSize" => 8_u64,
    ];
    assert_eq!(cluster.report_all(), expected);
}

#[test]
fn files_of_checkpoints_are_merged() {
    let cluster = Cluster::new();
    let files = FileMergingMetrics::register(&file_merging_group(&cluster.local_job));
    files.logical_file_count.set(100);
    files.logical_file_size.set(2_000);
    files.physical_file_count.set(3);
    files.physical_file_size.set(2_500);
    let expected = table![
        "taskmanager.job.fileMerging.logicalFileCount" => 100_u64,
        "taskmanager.job.fileMerging.logicalFileSize" => 2_000_u64,
        "taskmanager.job.fileMerging.physicalFileCount" => 3_u64,
        "taskmanager.job.fileMerging.physicalFileSize" => 2_500_u64,
    ];
    assert_eq!(cluster.report_all(), expected);
}
