//! What a configuration says to the engine, beside its reporters.

use std::num::NonZeroU32;
use std::time::Duration;

use flowmeter_core::{ConfigError, ConfigKey, ConfigSection, ConfigValue, FromConfig, KeyInfo, ScopeKind};

/// What an engine is told by the keys that are Flink's, apart from its reporters. flowmeter reads and checks them; to act on
/// them is the engine's part, which registers the metrics.
///
/// ```
/// use flowmeter::Flowmeter;
/// use flowmeter::config::{Config, LatencyGranularity};
///
/// let config = Config::from_toml("metrics.latency = { interval = '500ms', granularity = 'single' }")?;
/// let flowmeter = Flowmeter::builder().with_config(config).start()?;
/// let settings = flowmeter.settings();
/// assert_eq!(settings.latency_granularity, LatencyGranularity::Single);
/// assert!(!settings.system_resource);
/// # Ok::<(), flowmeter::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineSettings {
    /// How often sources send latency markers, if they do: `metrics.latency.interval`.
    pub latency_interval: Option<Duration>,
    /// Which sources are kept apart in latencies: `metrics.latency.granularity`.
    pub latency_granularity: LatencyGranularity,
    /// How many latencies a window has, for an engine whose histograms have one: `metrics.latency.history-size`.
    pub latency_history_size: usize,
    /// Whether metrics of the host are registered: `metrics.system-resource`.
    pub system_resource: bool,
    /// How often they are read: `metrics.system-resource-probing-interval`.
    pub system_resource_probing_interval: Duration,
    /// Which metrics of the states of a job are registered: `metrics.job.status.enable`.
    pub job_status: JobStatusSelection,
    /// How state accesses are timed: `state.latency-track.*`.
    pub state_latency: StateTracking,
    /// How sizes of keys and values in state are measured: `state.size-track.*`.
    pub state_size: StateTracking,
    /// Which spans a checkpoint has: `traces.checkpoint.span-detail-level`.
    pub checkpoint_spans: CheckpointSpanDetail,
}

/// Which sources are kept apart in latencies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LatencyGranularity {
    /// None.
    Single,
    /// Operators.
    #[default]
    Operator,
    /// Their parallel instances.
    Subtask,
}

#[cfg(feature = "stream")]
impl From<LatencyGranularity> for flowmeter_stream::LatencyGranularity {
    fn from(granularity: LatencyGranularity) -> Self {
        match granularity {
            LatencyGranularity::Single => Self::Single,
            LatencyGranularity::Operator => Self::Operator,
            LatencyGranularity::Subtask => Self::Subtask,
        }
    }
}

/// Which metrics of the states of a job are registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobStatusSelection {
    /// Whether the job is in a state.
    pub state: bool,
    /// Since when it is in the state that it is in.
    pub current_time: bool,
    /// How long it has been in a state in all.
    pub total_time: bool,
}

/// How accesses to keyed state are observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateTracking {
    /// Whether they are.
    pub is_enabled: bool,
    /// One of how many accesses is.
    pub sample_interval: NonZeroU32,
    /// How many values a window has, for an engine whose histograms have one.
    pub history_size: usize,
    /// Whether the name of the state is a variable.
    pub state_name_as_variable: bool,
}

/// Which spans a checkpoint has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckpointSpanDetail {
    /// One, with sums and maxima.
    #[default]
    Checkpoint,
    /// One, with lists of the sums of its tasks too.
    CheckpointWithTasks,
    /// One for each task below it.
    Tasks,
    /// One for each task below it, and one for each subtask below that.
    Subtasks,
}

impl EngineSettings {
    pub(super) fn from_section(section: &ConfigSection) -> Result<Self, ConfigError> {
        let Milliseconds(latency) = section.get(&LATENCY_INTERVAL)?;
        let Milliseconds(probing) = section.get(&PROBING_INTERVAL)?;
        if probing.is_zero() {
            return Err(section.invalid(&PROBING_INTERVAL, "no time would pass between two"));
        }
        Ok(Self {
            latency_interval: Some(latency).filter(|interval| !interval.is_zero()),
            latency_granularity: section.get(&LATENCY_GRANULARITY)?,
            latency_history_size: section.get(&LATENCY_HISTORY)?,
            system_resource: section.get(&SYSTEM_RESOURCE)?,
            system_resource_probing_interval: probing,
            job_status: section.get(&JOB_STATUS)?,
            state_latency: LATENCY_TRACKING.read(section)?,
            state_size: SIZE_TRACKING.read(section)?,
            checkpoint_spans: section.get(&CHECKPOINT_SPANS)?,
        })
    }
}

impl Default for EngineSettings {
    /// Flink's defaults.
    fn default() -> Self {
        let tracking = StateTracking {
            is_enabled: false,
            sample_interval: const { NonZeroU32::new(100).unwrap() },
            history_size: 128,
            state_name_as_variable: true,
        };
        Self {
            latency_interval: None,
            latency_granularity: LatencyGranularity::default(),
            latency_history_size: 128,
            system_resource: false,
            system_resource_probing_interval: Duration::from_secs(5),
            job_status: JobStatusSelection { state: false, current_time: true, total_time: false },
            state_latency: tracking,
            state_size: tracking,
            checkpoint_spans: CheckpointSpanDetail::default(),
        }
    }
}

/// The keys of one kind of [`StateTracking`].
struct TrackingKeys {
    enabled: ConfigKey<bool>,
    interval: ConfigKey<Sampling>,
    history: ConfigKey<usize>,
    as_variable: ConfigKey<bool>,
}

impl TrackingKeys {
    fn read(&self, section: &ConfigSection) -> Result<StateTracking, ConfigError> {
        let Sampling(sample_interval) = section.get(&self.interval)?;
        Ok(StateTracking {
            is_enabled: section.get(&self.enabled)?,
            sample_interval,
            history_size: section.get(&self.history)?,
            state_name_as_variable: section.get(&self.as_variable)?,
        })
    }
}

pub(super) const METRICS_REPORTERS: ConfigKey<Option<Names>> = ConfigKey::new(
    "metrics.reporters",
    "Which of the configured reporters start: all if not given. One that is not configured starts if it has the name of a type.",
);
pub(super) const TRACES_REPORTERS: ConfigKey<Option<Names>> =
    ConfigKey::new("traces.reporters", "The same for reporters below `traces.reporter`.");
pub(super) const EVENTS_REPORTERS: ConfigKey<Option<Names>> =
    ConfigKey::new("events.reporters", "The same for reporters below `events.reporter`.");
pub(super) const SCOPE_DELIMITER: ConfigKey<Option<char>> = ConfigKey::new(
    "metrics.scope.delimiter",
    "What is between the components of flat identifiers, for reporters that have no `scope.delimiter`.",
);

macro_rules! scope_formats {
    ($($kind:ident $key:literal $format:literal $of:literal,)*) => {
        /// The keys of scope formats.
        pub(super) const SCOPE_FORMATS: &[(ScopeKind, ConfigKey<Option<String>>)] = &[$((
            ScopeKind::$kind,
            ConfigKey::new(
                $key,
                concat!("What flat identifiers of ", $of, " are made of, until a restart: `", $format, "` if not given."),
            ),
        ),)*];

        /// Flink's formats, which the descriptions have.
        #[cfg(test)]
        const FORMATS_OF_FLINK: &[(ScopeKind, &str)] = &[$((ScopeKind::$kind, $format),)*];
    };
}

scope_formats! {
    JobManager "metrics.scope.jm" "<host>.jobmanager" "a JobManager",
    JobManagerJob "metrics.scope.jm-job" "<host>.jobmanager.<job_name>" "a job on a JobManager",
    JobManagerOperator "metrics.scope.jm-operator" "<host>.jobmanager.<job_name>.<operator_name>" "an operator on a JobManager",
    TaskManager "metrics.scope.tm" "<host>.taskmanager.<tm_id>" "a TaskManager",
    TaskManagerJob "metrics.scope.tm-job" "<host>.taskmanager.<tm_id>.<job_name>" "a job on a TaskManager",
    Task "metrics.scope.task" "<host>.taskmanager.<tm_id>.<job_name>.<task_name>.<subtask_index>" "a task",
    Operator "metrics.scope.operator" "<host>.taskmanager.<tm_id>.<job_name>.<operator_name>.<subtask_index>" "an operator",
}

const LATENCY_INTERVAL: ConfigKey<Milliseconds> =
    ConfigKey::new("metrics.latency.interval", "How often sources send latency markers; 0 for never.")
        .with_default("0");
const LATENCY_GRANULARITY: ConfigKey<LatencyGranularity> = ConfigKey::new(
    "metrics.latency.granularity",
    "Which sources are kept apart in latencies: none, operators, or their parallel instances.",
)
.with_default("operator");
const LATENCY_HISTORY: ConfigKey<usize> = ConfigKey::new(
    "metrics.latency.history-size",
    "How many latencies a window has. flowmeter's own histograms have all.",
)
.with_default("128");
const SYSTEM_RESOURCE: ConfigKey<bool> =
    ConfigKey::new("metrics.system-resource", "Whether metrics of the host are registered.")
        .with_default("false");
const PROBING_INTERVAL: ConfigKey<Milliseconds> =
    ConfigKey::new("metrics.system-resource-probing-interval", "How often metrics of the host are read.")
        .with_default("5s");
const JOB_STATUS: ConfigKey<JobStatusSelection> = ConfigKey::new(
    "metrics.job.status.enable",
    "Which metrics of the states of a job are registered: whether it is in one, since when, and for how long in all.",
)
.with_default("CURRENT_TIME");
const CHECKPOINT_SPANS: ConfigKey<CheckpointSpanDetail> = ConfigKey::new(
    "traces.checkpoint.span-detail-level",
    "Which spans a checkpoint has: one, one that lists its tasks, or further ones for tasks, or for subtasks too.",
)
.with_default("SPAN_PER_CHECKPOINT");
const LATENCY_TRACKING: TrackingKeys = TrackingKeys {
    enabled: ConfigKey::new("state.latency-track.keyed-state-enabled", "Whether state accesses are timed.")
        .with_default("false"),
    interval: ConfigKey::new("state.latency-track.sample-interval", "One of how many accesses is timed.")
        .with_default("100"),
    history: ConfigKey::new(
        "state.latency-track.history-size",
        "How many times a window has. flowmeter's own histograms have all.",
    )
    .with_default("128"),
    as_variable: ConfigKey::new(
        "state.latency-track.state-name-as-variable",
        "Whether the name of the state is a variable.",
    )
    .with_default("true"),
};
const SIZE_TRACKING: TrackingKeys = TrackingKeys {
    enabled: ConfigKey::new(
        "state.size-track.keyed-state-enabled",
        "Whether sizes of keys and values in state are measured.",
    )
    .with_default("false"),
    interval: ConfigKey::new("state.size-track.sample-interval", "One of how many accesses is measured.")
        .with_default("100"),
    history: ConfigKey::new(
        "state.size-track.history-size",
        "How many sizes a window has. flowmeter's own histograms have all.",
    )
    .with_default("128"),
    as_variable: ConfigKey::new(
        "state.size-track.state-name-as-variable",
        "Whether the name of the state is a variable.",
    )
    .with_default("true"),
};

/// Keys that are of no one reporter.
pub(super) fn keys() -> Vec<KeyInfo> {
    let mut keys = vec![
        METRICS_REPORTERS.info(),
        TRACES_REPORTERS.info(),
        EVENTS_REPORTERS.info(),
        SCOPE_DELIMITER.info(),
    ];
    keys.extend(SCOPE_FORMATS.iter().map(|(_, key)| key.info()));
    keys.extend([
        LATENCY_INTERVAL.info(),
        LATENCY_GRANULARITY.info(),
        LATENCY_HISTORY.info(),
        SYSTEM_RESOURCE.info(),
        PROBING_INTERVAL.info(),
        JOB_STATUS.info(),
        CHECKPOINT_SPANS.info(),
    ]);
    for TrackingKeys { enabled, interval, history, as_variable } in [&LATENCY_TRACKING, &SIZE_TRACKING] {
        keys.extend([enabled.info(), interval.info(), history.info(), as_variable.info()]);
    }
    keys
}

/// Keys of Flink's that are about what only Flink has: they are taken, and nothing comes of them.
pub(super) const WITHOUT_EFFECT: &[&str] = &[
    "metrics.fetcher.update-interval",
    "metrics.internal.query-service.port",
    "metrics.internal.query-service.thread-priority",
    "traces.report-events-as-spans",
];

/// Names of reporters.
pub(super) struct Names(pub(super) Vec<String>);

impl FromConfig for Names {
    const EXPECTED: &'static str = "a list, or names with `,` between them";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        let names: Vec<_> = match value {
            ConfigValue::Text(text) => text.split(',').map(str::trim).map(str::to_owned).collect(),
            ConfigValue::List(names) => names.iter().map(|name| name.trim().to_owned()).collect(),
            ConfigValue::Map(_) => return Err("it is a table".to_owned()),
        };
        Ok(Self(names.into_iter().filter(|name| !name.is_empty()).collect()))
    }
}

/// A duration as Flink reads it.
struct Milliseconds(Duration);

impl FromConfig for Milliseconds {
    const EXPECTED: &'static str =
        "a duration such as `500ms` or `10s`; a number alone is one of milliseconds";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        let number = value.text()?.parse::<u32>();
        number.map_or_else(
            |_| Duration::from_config(value).map(Self),
            |number| Ok(Self(Duration::from_millis(number.into()))),
        )
    }
}

/// One of how many.
struct Sampling(NonZeroU32);

impl FromConfig for Sampling {
    const EXPECTED: &'static str = "a whole number from 1 to 4294967295";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        value.text()?.parse().map(Self).map_err(|_| String::new())
    }
}

impl FromConfig for LatencyGranularity {
    const EXPECTED: &'static str = "`single`, `operator` or `subtask`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()?.to_ascii_lowercase().as_str() {
            "single" => Ok(Self::Single),
            "operator" => Ok(Self::Operator),
            "subtask" => Ok(Self::Subtask),
            _ => Err(String::new()),
        }
    }
}

impl FromConfig for JobStatusSelection {
    const EXPECTED: &'static str =
        "a list of `STATE`, `CURRENT_TIME` and `TOTAL_TIME`, or these with `;` between them";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        let mut selection = Self { state: false, current_time: false, total_time: false };
        for word in Vec::<String>::from_config(value)? {
            match word.to_ascii_uppercase().as_str() {
                "STATE" => selection.state = true,
                "CURRENT_TIME" => selection.current_time = true,
                "TOTAL_TIME" => selection.total_time = true,
                _ => return Err(format!("`{word}` is none of them")),
            }
        }
        Ok(selection)
    }
}

impl FromConfig for CheckpointSpanDetail {
    const EXPECTED: &'static str = "`SPAN_PER_CHECKPOINT`, `SPAN_PER_CHECKPOINT_WITH_TASKS`, `CHILDREN_SPANS_PER_TASK` or \
                                    `CHILDREN_SPANS_PER_SUBTASK`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()?.to_ascii_uppercase().as_str() {
            "SPAN_PER_CHECKPOINT" => Ok(Self::Checkpoint),
            "SPAN_PER_CHECKPOINT_WITH_TASKS" => Ok(Self::CheckpointWithTasks),
            "CHILDREN_SPANS_PER_TASK" => Ok(Self::Tasks),
            "CHILDREN_SPANS_PER_SUBTASK" => Ok(Self::Subtasks),
            _ => Err(String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use flowmeter_core::ScopeFormats;

    use super::*;

    #[test]
    fn defaults_are_those_of_the_keys() {
        assert_eq!(EngineSettings::from_section(&ConfigSection::default()), Ok(EngineSettings::default()));
    }

    #[test]
    fn formats_that_descriptions_have_are_those_that_there_are() {
        let mut formats = ScopeFormats::default();
        for (kind, format) in FORMATS_OF_FLINK {
            formats = formats.with(*kind, format).unwrap();
        }
        assert_eq!(formats, ScopeFormats::default());
    }
}
