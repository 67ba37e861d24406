//! The reporter.

use std::fmt;
use std::time::{Duration, Instant};

use flowmeter_core::{
    Clashes, Family, GroupView, Milestone, Milestones, Naming, Report, ReportError, Reporter, ReporterContext,
};

use crate::budget::{MilestoneBudget, ReportWriter, TooLongSeries};
use crate::output::{Target, is_taken, write};
use crate::{LogOptions, NamingPolicy, flink, milestones, native};

/// Writes metrics, spans and events into the program's log.
pub struct LogReporter {
    options: LogOptions,
    too_long: TooLongSeries,
    budget: MilestoneBudget,
    context: Option<ReporterContext>,
}

impl LogReporter {
    /// A reporter that will write to whatever takes the program's `tracing` events.
    #[must_use]
    pub fn new(options: LogOptions) -> Self {
        let budget = MilestoneBudget::new(options.lines, Duration::ZERO);
        Self { options, too_long: TooLongSeries::default(), budget, context: None }
    }
}

impl Reporter for LogReporter {
    fn naming(&self) -> Naming {
        Naming::Flat
    }

    fn clashes(&self) -> Clashes {
        match self.options.naming {
            NamingPolicy::Native => Clashes::Withheld,
            // Flink's default identifiers clash by design.
            NamingPolicy::Flink => Clashes::Sent,
        }
    }

    fn rates(&self) -> bool {
        true
    }

    fn milestones(&self) -> bool {
        self.options.signals.spans || self.options.signals.events
    }

    fn accepts(&self, _: &Family) -> bool {
        self.options.signals.metrics
    }

    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        if self.context.is_none() {
            self.budget = MilestoneBudget::new(self.options.lines, context.interval());
        }
        self.context = Some(context.clone());
        Ok(())
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        match self.options.naming {
            NamingPolicy::Native => native::prepare_group(group, out),
            NamingPolicy::Flink => flink::prepare_group(group, self.options.delimiter, out),
        }
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        match self.options.naming {
            NamingPolicy::Native => native::prepare_family(family, out),
            NamingPolicy::Flink => flink::prepare_family(family, self.options.delimiter, out),
        }
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let Some(context) = &self.context else { return Err("it is not started".into()) };
        let LogOptions { naming, level, lines, delimiter, .. } = self.options;
        if !self.options.signals.metrics || !is_taken(Target::Report, level) {
            return Ok(());
        }
        let mut writer = ReportWriter::new(level, self.options.size(), lines, &mut self.too_long);
        match naming {
            NamingPolicy::Native => native::write_report(report, &mut writer),
            NamingPolicy::Flink => flink::write_report(report, delimiter, &mut writer),
        }
        writer.finish(context);
        Ok(())
    }

    fn report_milestones(&mut self, milestones: &Milestones<'_>) -> Result<(), ReportError> {
        let Some(context) = &self.context else { return Err("it is not started".into()) };
        let LogOptions { naming, level, .. } = self.options;
        let size = self.options.size();
        for (taken, view) in milestones.iter().enumerate() {
            // Should a subscriber panic, those before this one need not come again.
            milestones.acknowledge(taken);
            let is_wanted = match view.milestone() {
                Milestone::Span(_) => self.options.signals.spans,
                Milestone::Event(_) => self.options.signals.events,
            };
            if !is_wanted {
                continue;
            }
            let lines = match naming {
                NamingPolicy::Native => milestones::lines(&view, level, size),
                NamingPolicy::Flink => {
                    Some(vec![flink::line(&view, level)]).filter(|lines| lines[0].text.len() <= size)
                }
            };
            match lines.filter(|lines| self.budget.take(lines.len(), Instant::now())) {
                Some(lines) => {
                    for line in lines {
                        context.count_bytes(line.text.len() as u64);
                        write(line.target, line.level, &line.text);
                    }
                }
                None => context.count_dropped_milestones(1),
            }
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.context = None;
    }
}

impl fmt::Debug for LogReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogReporter").field("options", &self.options).finish_non_exhaustive()
    }
}
