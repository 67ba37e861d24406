//! What flowmeter serves and Flink did not.

/// Families that are not in the capture, and why.
pub(crate) struct Extra {
    pub(crate) origin: Origin,
    /// Their names with dots, with `<>` for any part.
    pub(crate) pattern: &'static str,
    pub(crate) reason: &'static str,
}

/// Who has such families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Flowmeter alone.
    Flowmeter,
    /// Flink too, but not for this job.
    Flink,
}

const fn ours(pattern: &'static str, reason: &'static str) -> Extra {
    Extra { origin: Origin::Flowmeter, pattern, reason }
}

const fn flinks(pattern: &'static str, reason: &'static str) -> Extra {
    Extra { origin: Origin::Flink, pattern, reason }
}

pub(crate) const EXTRAS: &[Extra] = &[
    ours("<>.process.<>", "what Linux knows of a process and a JVM does not say"),
    ours("jobmanager.numStartWorkFailures", "the count of which Flink has the rate"),
    flinks("jobmanager.startWorkFailurePerSecond", "the cluster starts no TaskManagers by itself"),
    flinks("jobmanager.numPendingTaskManagers", "the cluster starts no TaskManagers by itself"),
    ours("jobmanager.job.checkpointDuration", "all checkpoints, of which Flink has the last"),
    ours("jobmanager.job.checkpointSize", "all checkpoints, of which Flink has the last"),
    flinks("taskmanager.Status.Network.<>", "a name of Flink's documentation that 2.3 has no more"),
    flinks("taskmanager.job.task.Network.<>.0.<>", "a name of Flink's documentation that 2.3 has no more"),
    flinks("taskmanager.job.task.buffers.<>", "a name of Flink's documentation that 2.3 has no more"),
    ours("taskmanager.job.task.busyTime", "the sum of which Flink has the rate"),
    ours("taskmanager.job.task.idleTime", "the sum of which Flink has the rate"),
    ours("taskmanager.job.task.softBackPressuredTime", "the sum of which Flink has the rate"),
    ours("taskmanager.job.task.hardBackPressuredTime", "the sum of which Flink has the rate"),
    ours("taskmanager.job.task.numActivations", "the count of which Flink has the rate"),
    ours("taskmanager.job.task.numBuffersIn", "Flink has those of gates"),
    ours("taskmanager.job.task.numPendingTimers", "beside the timers that fired"),
    ours("taskmanager.job.task.operator.busyTime", "operators have times too"),
    ours("taskmanager.job.task.operator.numActivations", "operators have times too"),
    ours("taskmanager.job.task.operator.numBuffersIn", "operators have buffers too"),
    ours("taskmanager.job.task.operator.numBuffersOut", "operators have buffers too"),
    ours("taskmanager.job.task.operator.latency.untrackedLatencyMarkers", "Flink follows all markers"),
    flinks("taskmanager.job.task.operator.currentSendTime", "the sink did not measure it"),
    flinks(
        "taskmanager.job.task.operator.state_name.reducingStateMergeNamespacesLatency",
        "the windows were not merged, and Flink has latencies from the first access on",
    ),
];

/// Whether a name is what Flink's reporter makes of a pattern with dots.
pub(crate) fn is_like(name: &str, pattern: &str) -> bool {
    name.strip_prefix("flink_").is_some_and(|name| is_mangled(name, pattern))
}

fn is_mangled(name: &str, pattern: &str) -> bool {
    let mangled = |part: &str| part.replace(|c: char| !c.is_ascii_alphanumeric() && c != ':', "_");
    let Some((before, after)) = pattern.split_once("<>") else { return name == mangled(pattern) };
    let Some(rest) = name.strip_prefix(&mangled(before)) else { return false };
    // What is open is something.
    (1..=rest.len()).any(|end| rest.get(end..).is_some_and(|rest| is_mangled(rest, after)))
}

#[test]
fn patterns_are_of_whole_names() {
    let pattern = "taskmanager.Status.JVM.GarbageCollector.<>.Time";
    assert!(is_like("flink_taskmanager_Status_JVM_GarbageCollector_G1_Old_Generation_Time", pattern));
    for other in [
        "flink_taskmanager_Status_JVM_GarbageCollector__Time",
        "flink_taskmanager_Status_JVM_GarbageCollector_All_TimeMsPerSecond",
        "flink_jobmanager_Status_JVM_GarbageCollector_All_Time",
        "taskmanager_Status_JVM_GarbageCollector_All_Time",
    ] {
        assert!(!is_like(other, pattern), "{other}");
    }
}
