//! The reporter.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use flowmeter_core::{Clashes, Family, GroupView, Naming, Report, ReportError, Reporter, ReporterContext};

use crate::encode::{Encoding, Native, encode};
use crate::naming;
use crate::options::StatsdOptions;
use crate::pace::Pace;
use crate::packets::{Lot, Packets};
use crate::transport::Transport;
use crate::unsaid::Unsaid;

/// Sends differences and gauges to a StatsD daemon.
///
/// It starts whether the daemon is there or not; reports fail while it is not, and what was counted meanwhile goes into the first
/// that it takes.
pub struct StatsdReporter {
    options: StatsdOptions,
    transport: Transport,
    pace: Pace,
    packets: Packets,
    native: Native,
    unsaid: Unsaid,
    /// The time of the last report that told of everything.
    last_heartbeat: Option<Duration>,
    context: Option<ReporterContext>,
}

impl StatsdReporter {
    /// A reporter that will open its socket for the first report.
    #[must_use]
    pub fn new(options: StatsdOptions) -> Self {
        let options = options.corrected();
        Self {
            transport: Transport::new(&options),
            pace: Pace::new(options.spread),
            packets: Packets::default(),
            native: Native::default(),
            unsaid: Unsaid::default(),
            last_heartbeat: None,
            context: None,
            options,
        }
    }

    /// Whether a report is to tell of what has not grown, too.
    fn is_beat(&self, now: Duration) -> bool {
        match (self.options.heartbeat, self.last_heartbeat) {
            (Some(interval), Some(last)) => now.saturating_sub(last) >= interval,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    fn send(&mut self, report: &Report<'_>, context: &ReporterContext) -> io::Result<()> {
        let begun = Instant::now();
        let is_last = context.pause(Duration::ZERO);
        let deadline = begun + self.options.timeout;
        let packet = self.transport.begin(deadline, is_last, &self.options)?;
        self.packets.begin(self.transport.framing(self.options.dialect), packet);
        self.pace.begin(begun);
        let is_beat = self.is_beat(report.unix_time());
        let mut outgoing =
            Outgoing { transport: &mut self.transport, pace: &mut self.pace, report, context, deadline };
        let encoding = &mut Encoding { options: &self.options, is_beat, unsaid: &mut self.unsaid };
        encode(encoding, &mut self.native, report, &mut self.packets, &mut |packets| outgoing.send(packets))?;
        self.packets.end();
        outgoing.send(&mut self.packets)?;
        self.transport.end()?;
        if is_beat {
            self.last_heartbeat = Some(report.unix_time());
        }
        Ok(())
    }
}

/// The way out of the packets of a report.
struct Outgoing<'a> {
    transport: &'a mut Transport,
    pace: &'a mut Pace,
    report: &'a Report<'a>,
    context: &'a ReporterContext,
    /// When waiting for the daemon ends. The time that the report is spread over comes on top.
    deadline: Instant,
}

impl Outgoing<'_> {
    /// Sends what is ready, and tells the core what was taken.
    fn send(&mut self, packets: &mut Packets) -> io::Result<()> {
        let lot = packets.ready();
        if lot.packets().is_empty() {
            return Ok(());
        }
        self.pause_before(lot);
        let sent = self.transport.send(lot, self.deadline);
        let bytes: u64 = lot.lengths().take(sent.packets).map(|length| length as u64).sum();
        self.context.count_bytes(bytes);
        if let Some(mark) = lot.packets()[..sent.packets].last().and_then(|packet| packet.mark) {
            self.report.acknowledge(mark);
        }
        sent.result?;
        packets.forget_ready();
        Ok(())
    }

    /// Waits until the receiver has room for what is to go out, which is not the time that the daemon has.
    fn pause_before(&mut self, lot: Lot<'_>) {
        if self.transport.can_overrun() {
            let begun = Instant::now();
            let pause = self.pace.pause_before(lot.lengths().map(|length| length as u64).sum(), begun);
            if !pause.is_zero() {
                // At the end of the program it does not wait, and all goes out at once.
                let _is_last = self.context.pause(pause);
                self.deadline += begun.elapsed();
            }
        }
    }
}

impl Reporter for StatsdReporter {
    fn naming(&self) -> Naming {
        if self.options.dialect.has_tags() { Naming::Labeled } else { Naming::Flat }
    }

    fn clashes(&self) -> Clashes {
        // Flink's default identifiers clash by design.
        if self.options.dialect.has_deltas() { Clashes::Withheld } else { Clashes::Sent }
    }

    fn deltas(&self) -> bool {
        self.options.dialect.has_deltas()
    }

    fn rates(&self) -> bool {
        !self.options.dialect.has_deltas()
    }

    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        self.last_heartbeat = None;
        self.context = Some(context.clone());
        Ok(())
    }

    fn endpoint(&self) -> Option<String> {
        self.context.as_ref().map(|_| self.options.address.to_string())
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        naming::prepare_group(&self.options, group, out);
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        naming::prepare_family(&self.options, family, out);
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let Some(context) = self.context.clone() else { return Err("it is not started".into()) };
        let result = self.send(report, &context);
        self.pace.end(result.is_ok());
        context.count_dropped(self.unsaid.take());
        context.count_uncertain(self.transport.take_uncertain());
        result.map_err(|error| format!("{}: {error}", self.options.address).into())
    }

    fn stop(&mut self) {
        self.transport.close();
        if let Some(context) = self.context.take() {
            context.count_uncertain(self.transport.take_uncertain());
        }
    }
}

impl fmt::Debug for StatsdReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatsdReporter").field("options", &self.options).finish_non_exhaustive()
    }
}
