//! How a reporter is run, from code or from a configuration.

use std::time::Duration;

use crate::config::TYPE;
use crate::group_view::DEFAULT_DELIMITER;
use crate::{ConfigError, ConfigKey, ConfigSection, KeyInfo, MetricFilter, VariableFilter};

/// How a reporter is run. The defaults suit most.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReporterOptions {
    /// The time between reports of a push reporter: 10 s, and a millisecond at least.
    pub interval: Duration,
    /// How long a pull reporter keeps a closed group after its final values were delivered, for other scrapers: 60 s.
    pub keep_delivered: Duration,
    /// How long a reporter keeps a closed group whose final values it could not deliver or nobody fetched: 10 min.
    pub keep_undelivered: Duration,
    /// How many closed groups wait for delivery at most; beyond it the oldest go undelivered, which is counted: 65 536.
    pub keep_groups: usize,
    /// How long a closed group's handles may go on recording before its values are taken for final: 1 s.
    pub grace: Duration,
    /// How long a report waits for callbacks, and up to twice as long if one has only just begun by then: 500 ms.
    pub callback_patience: Duration,
    /// Which metrics the reporter gets: all.
    pub metrics: MetricFilter,
    /// Which groups the reporter gets: all.
    pub groups: VariableFilter,
    /// Variables that the reporter does not see, by key: none. Groups that differ in nothing else then clash.
    pub excluded_variables: Vec<String>,
    /// Variables that the reporter sees in every group, behind the group's own: none. A group's own value comes first.
    pub additional_variables: Vec<(String, String)>,
    /// What is between the components of flat identifiers: a dot.
    pub scope_delimiter: char,
    /// The time over which rates are worked out: 60 s.
    pub rate_window: Duration,
    /// How long a reporter that panicked right after it was restarted waits for the next time: 1 s, and twice as long each time
    /// that it panics again before a report has returned, up to a minute. The first time it is restarted at once.
    pub restart_backoff: Duration,
    /// How many series the reporter takes at most; what comes beyond it is withheld, counted, and its group named: 2,000,000.
    pub series_limit: usize,
    /// How many spans and events wait for the reporter at most, up to 16 MiB of them; beyond it new ones are dropped and counted:
    /// 2,048.
    pub milestone_queue: usize,
}

impl Default for ReporterOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            keep_delivered: Duration::from_secs(60),
            keep_undelivered: Duration::from_secs(600),
            keep_groups: 65_536,
            grace: Duration::from_secs(1),
            callback_patience: Duration::from_millis(500),
            metrics: MetricFilter::default(),
            groups: VariableFilter::default(),
            excluded_variables: Vec::new(),
            additional_variables: Vec::new(),
            scope_delimiter: DEFAULT_DELIMITER,
            rate_window: Duration::from_secs(60),
            restart_backoff: Duration::from_secs(1),
            series_limit: 2_000_000,
            milestone_queue: 2_048,
        }
    }
}

impl ReporterOptions {
    /// Sets the time between reports.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how long a pull reporter keeps closed groups: after delivery, and if nobody fetches them.
    #[must_use]
    pub fn with_retention(mut self, delivered: Duration, undelivered: Duration) -> Self {
        self.keep_delivered = delivered;
        self.keep_undelivered = undelivered;
        self
    }

    /// Sets which metrics the reporter gets.
    #[must_use]
    pub fn with_metrics(mut self, filter: MetricFilter) -> Self {
        self.metrics = filter;
        self
    }

    /// Sets which groups the reporter gets.
    #[must_use]
    pub fn with_groups(mut self, filter: VariableFilter) -> Self {
        self.groups = filter;
        self
    }

    /// Hides a variable from the reporter.
    #[must_use]
    pub fn without_variable(mut self, key: impl Into<String>) -> Self {
        self.excluded_variables.push(key.into());
        self
    }

    /// Adds a variable to every group that the reporter sees.
    #[must_use]
    pub fn with_variable(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.additional_variables.push((key.into(), value.into()));
        self
    }

    /// Sets how long the handles of a closed group may go on recording.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets how many closed groups wait for delivery at most.
    #[must_use]
    pub fn with_kept_groups(mut self, groups: usize) -> Self {
        self.keep_groups = groups;
        self
    }

    /// Sets how long a report waits for callbacks.
    #[must_use]
    pub fn with_callback_patience(mut self, patience: Duration) -> Self {
        self.callback_patience = patience;
        self
    }

    /// Sets what is between the components of flat identifiers.
    #[must_use]
    pub fn with_scope_delimiter(mut self, delimiter: char) -> Self {
        self.scope_delimiter = delimiter;
        self
    }

    /// Sets the time over which rates are worked out.
    #[must_use]
    pub fn with_rate_window(mut self, window: Duration) -> Self {
        self.rate_window = window;
        self
    }

    /// Sets how long a reporter that panicked right after a restart waits for the next.
    #[must_use]
    pub fn with_restart_backoff(mut self, backoff: Duration) -> Self {
        self.restart_backoff = backoff;
        self
    }

    /// Sets how many series the reporter takes at most.
    #[must_use]
    pub fn with_series_limit(mut self, series: usize) -> Self {
        self.series_limit = series;
        self
    }

    /// Sets how many spans and events wait for the reporter at most.
    #[must_use]
    pub fn with_milestone_queue(mut self, milestones: usize) -> Self {
        self.milestone_queue = milestones;
        self
    }

    /// The keys that sections of all reporters have.
    #[must_use]
    pub fn keys() -> &'static [KeyInfo] {
        KEYS
    }

    /// What a section says; the defaults where it says nothing. Keys that it does not know it leaves alone:
    /// [`ConfigSection::check`] finds those.
    ///
    /// # Errors
    ///
    /// When a value is not what its key takes.
    pub fn from_section(section: &ConfigSection) -> Result<Self, ConfigError> {
        let mut metrics = MetricFilter::default();
        for pattern in section.get(&FILTER_INCLUDES)? {
            let invalid =
                |error: crate::ParseFilterError| section.invalid(&FILTER_INCLUDES, error.to_string());
            metrics = metrics.including(&pattern).map_err(invalid)?;
        }
        for pattern in section.get(&FILTER_EXCLUDES)? {
            let invalid =
                |error: crate::ParseFilterError| section.invalid(&FILTER_EXCLUDES, error.to_string());
            metrics = metrics.excluding(&pattern).map_err(invalid)?;
        }
        let mut groups = VariableFilter::default();
        for (key, value) in section.get(&VARIABLES_INCLUDES)? {
            groups = groups.including(key, &value);
        }
        for (key, value) in section.get(&VARIABLES_EXCLUDES)? {
            groups = groups.excluding(key, &value);
        }
        let interval = section.get(&INTERVAL)?;
        if interval < SHORTEST_INTERVAL {
            return Err(section.invalid(&INTERVAL, "which is less than a millisecond"));
        }
        let restart_backoff = section.get(&RESTART_BACKOFF)?;
        if restart_backoff < SHORTEST_INTERVAL {
            return Err(section.invalid(&RESTART_BACKOFF, "which is less than a millisecond"));
        }
        let series_limit = section.get(&SERIES_LIMIT)?;
        if series_limit == 0 {
            return Err(section.invalid(&SERIES_LIMIT, "nothing would be reported"));
        }
        let excluded_variables = section.get(&HIDDEN_VARIABLES)?;
        if excluded_variables.iter().any(|key| key.contains(',')) {
            return Err(section.invalid(&HIDDEN_VARIABLES, "keys have no `,`"));
        }
        Ok(Self {
            interval,
            keep_delivered: section.get(&KEEP_DELIVERED)?,
            keep_undelivered: section.get(&KEEP_UNDELIVERED)?,
            keep_groups: section.get(&KEEP_GROUPS)?,
            grace: section.get(&GRACE)?,
            callback_patience: section.get(&CALLBACK_PATIENCE)?,
            metrics,
            groups,
            excluded_variables,
            additional_variables: section.get(&ADDITIONAL_VARIABLES)?,
            scope_delimiter: section.get(&SCOPE_DELIMITER)?,
            rate_window: section.get(&RATE_WINDOW)?,
            restart_backoff,
            series_limit,
            milestone_queue: section.get(&MILESTONE_QUEUE)?,
        })
    }
}

const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

const INTERVAL: ConfigKey<Duration> =
    ConfigKey::new("interval", "The time between reports of a reporter that pushes.").with_default("10s");
const SCOPE_DELIMITER: ConfigKey<char> =
    ConfigKey::new("scope.delimiter", "What is between the components of flat identifiers.")
        .with_default(".");
const HIDDEN_VARIABLES: ConfigKey<Vec<String>> =
    ConfigKey::new("scope.variables.excludes", "Variables that the reporter does not see, by key.")
        .with_default("");
const ADDITIONAL_VARIABLES: ConfigKey<Vec<(String, String)>> = ConfigKey::new(
    "scope.variables.additional",
    "Variables that the reporter sees in every group, behind the group's own.",
)
.with_default("");
const FILTER_INCLUDES: ConfigKey<Vec<String>> = ConfigKey::new(
    "filter.includes",
    "Which metrics the reporter gets, as `scope:names:types` with `*` for any characters: all if none are given.",
)
.with_default("");
const FILTER_EXCLUDES: ConfigKey<Vec<String>> =
    ConfigKey::new("filter.excludes", "Which metrics the reporter does not get, though they are included.")
        .with_default("");
const VARIABLES_INCLUDES: ConfigKey<Vec<(String, String)>> = ConfigKey::new(
    "filter.variables.includes",
    "Which groups the reporter gets, by a variable and its value, in which `*` is any characters: all if none are given.",
)
.with_default("");
const VARIABLES_EXCLUDES: ConfigKey<Vec<(String, String)>> = ConfigKey::new(
    "filter.variables.excludes",
    "Which groups the reporter does not get, though they are included.",
)
.with_default("");
const KEEP_DELIVERED: ConfigKey<Duration> = ConfigKey::new(
    "closed.keep-delivered",
    "How long a reporter that is asked keeps a closed group after its final values were delivered, for others who ask.",
)
.with_default("60s");
const KEEP_UNDELIVERED: ConfigKey<Duration> = ConfigKey::new(
    "closed.keep-undelivered",
    "How long a reporter keeps a closed group whose final values it could not deliver or nobody fetched.",
)
.with_default("10min");
const KEEP_GROUPS: ConfigKey<usize> = ConfigKey::new(
    "closed.keep-groups",
    "How many closed groups wait for delivery at most; beyond it the oldest go undelivered, which is counted.",
)
.with_default("65536");
const GRACE: ConfigKey<Duration> = ConfigKey::new(
    "closed.grace",
    "How long the handles of a closed group may go on recording before its values are taken for final.",
)
.with_default("1s");
const CALLBACK_PATIENCE: ConfigKey<Duration> =
    ConfigKey::new("callback.patience", "How long a report waits for callbacks.").with_default("500ms");
const RATE_WINDOW: ConfigKey<Duration> =
    ConfigKey::new("rate.window", "The time over which rates are worked out.").with_default("60s");
const RESTART_BACKOFF: ConfigKey<Duration> = ConfigKey::new(
    "restart.backoff",
    "How long a reporter that panics again after a restart waits for the next, doubled each time, up to a minute.",
)
.with_default("1s");
const SERIES_LIMIT: ConfigKey<usize> = ConfigKey::new(
    "series.limit",
    "How many series the reporter takes at most; what comes beyond it is withheld and counted.",
)
.with_default("2000000");
const MILESTONE_QUEUE: ConfigKey<usize> = ConfigKey::new(
    "milestones.queue",
    "How many spans and events wait for the reporter at most; beyond it new ones are dropped and counted.",
)
.with_default("2048");

const KEYS: &[KeyInfo] = &[
    TYPE.info(),
    INTERVAL.info(),
    SCOPE_DELIMITER.info(),
    HIDDEN_VARIABLES.info(),
    ADDITIONAL_VARIABLES.info(),
    FILTER_INCLUDES.info(),
    FILTER_EXCLUDES.info(),
    VARIABLES_INCLUDES.info(),
    VARIABLES_EXCLUDES.info(),
    KEEP_DELIVERED.info(),
    KEEP_UNDELIVERED.info(),
    KEEP_GROUPS.info(),
    GRACE.info(),
    CALLBACK_PATIENCE.info(),
    RATE_WINDOW.info(),
    RESTART_BACKOFF.info(),
    SERIES_LIMIT.info(),
    MILESTONE_QUEUE.info(),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_section_is_the_defaults() {
        let empty = ConfigSection::new("reporters.x");
        let options = ReporterOptions::from_section(&empty).unwrap();
        assert_eq!(format!("{options:?}"), format!("{:?}", ReporterOptions::default()));
    }

    #[test]
    fn every_key_has_its_effect() {
        let section = ConfigSection::new("reporters.x")
            .with("interval", "1s")
            .with("scope.delimiter", "_")
            .with("scope.variables.excludes", "job_id;task_id")
            .with("scope.variables.additional", "region:eu")
            .with("filter.includes", "taskmanager.*:*")
            .with("filter.excludes", "*:*:histogram")
            .with("filter.variables.includes", "tm_id:tm-*")
            .with("filter.variables.excludes", "job_name:test-*")
            .with("closed.keep-delivered", "2s")
            .with("closed.keep-undelivered", "3s")
            .with("closed.keep-groups", 4)
            .with("closed.grace", "5s")
            .with("callback.patience", "6s")
            .with("rate.window", "7s")
            .with("restart.backoff", "8s")
            .with("series.limit", 9)
            .with("milestones.queue", 10);
        section.check(ReporterOptions::keys()).unwrap();
        let expected = ReporterOptions {
            interval: Duration::from_secs(1),
            keep_delivered: Duration::from_secs(2),
            keep_undelivered: Duration::from_secs(3),
            keep_groups: 4,
            grace: Duration::from_secs(5),
            callback_patience: Duration::from_secs(6),
            metrics: MetricFilter::default()
                .including("taskmanager.*:*")
                .unwrap()
                .excluding("*:*:histogram")
                .unwrap(),
            groups: VariableFilter::default().including("tm_id", "tm-*").excluding("job_name", "test-*"),
            excluded_variables: vec!["job_id".to_owned(), "task_id".to_owned()],
            additional_variables: vec![("region".to_owned(), "eu".to_owned())],
            scope_delimiter: '_',
            rate_window: Duration::from_secs(7),
            restart_backoff: Duration::from_secs(8),
            series_limit: 9,
            milestone_queue: 10,
        };
        assert_eq!(
            format!("{:?}", ReporterOptions::from_section(&section).unwrap()),
            format!("{expected:?}")
        );
    }

    #[test]
    fn what_the_types_do_not_know_is_an_error_too() {
        let said = |key: &str, value: &str| {
            let section = ConfigSection::new("reporters.x").with(key, value);
            ReporterOptions::from_section(&section).unwrap_err().to_string()
        };
        assert_eq!(
            said("filter.excludes", "*:*:*; a:b:timer"),
            "`reporters.x.filter.excludes` cannot be `*:*:*; a:b:timer`, `timer` in `a:b:timer` is no type of metrics: give \
             `counter`, `meter`, `gauge`, `histogram` or `*`: give a list, or texts with `;` between them"
        );
        assert_eq!(
            said("scope.variables.excludes", "job_id,task_id"),
            "`reporters.x.scope.variables.excludes` cannot be `job_id,task_id`, keys have no `,`: give a list, or texts with \
             `;` between them"
        );
        for (key, value) in [("restart.backoff", "0s"), ("interval", "1us"), ("series.limit", "0")] {
            assert!(
                said(key, value).starts_with(&format!("`reporters.x.{key}` cannot be `{value}`")),
                "{key}"
            );
        }
        assert_eq!(
            said("interval", "0s"),
            "`reporters.x.interval` cannot be `0s`, which is less than a millisecond: give a duration such as `500ms`, `10s` or \
             `1min 30s`"
        );
    }
}
