//! The reporter: MBeans, and a server for them.

use std::fmt;
use std::time::Instant;

use flowmeter_core::{Family, GroupView, Naming, Report, ReportError, ReportMode, Reporter, ReporterContext};
use tracing::info;

use crate::collect::Collector;
use crate::jolokia::JolokiaServer;
use crate::model::MBeanServer;
use crate::options::JmxOptions;
use crate::rmi::RmiServer;

/// Serves metrics as MBeans to jconsole and other clients of JMX.
///
/// The first request in a while wakes the reporter's thread, which reads all series once; then the server's thread answers from what
/// was read.
pub struct JmxReporter {
    options: JmxOptions,
    beans: MBeanServer,
    collector: Collector,
    context: Option<ReporterContext>,
    rmi: Option<RmiServer>,
    jolokia: Option<JolokiaServer>,
}

impl JmxReporter {
    /// A reporter that will listen when it is added to a registry.
    #[must_use]
    pub fn new(options: JmxOptions) -> Self {
        Self {
            beans: MBeanServer::new(options.freshness),
            collector: Collector::new(options.naming, options.platform),
            options,
            context: None,
            rmi: None,
            jolokia: None,
        }
    }

    /// Its beans, for another bridge beside its own.
    #[must_use]
    pub fn beans(&self) -> MBeanServer {
        self.beans.clone()
    }
}

impl Reporter for JmxReporter {
    fn mode(&self) -> ReportMode {
        ReportMode::Pull
    }

    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn rates(&self) -> bool {
        true
    }

    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        let auth = &self.options.server.auth;
        if auth.bearer_token.is_some() && auth.basic.is_none() {
            // Without this a server that was meant to be closed would be open.
            return Err("JMX has no bearer tokens: give a user name and its password".into());
        }
        self.beans.attach(context);
        let rmi = RmiServer::start(context.name(), &self.options, self.beans.clone())?;
        info!(reporter = context.name(), endpoint = rmi.url(), "serves JMX");
        if let Some(options) = &self.options.jolokia {
            let server = JolokiaServer::start(context.name(), options, self.beans.clone())?;
            info!(reporter = context.name(), endpoint = server.url(), "serves Jolokia");
            self.jolokia = Some(server);
        }
        // Not before both serve: what has failed to start keeps no port from its next attempt.
        self.rmi = Some(rmi);
        self.context = Some(context.clone());
        Ok(())
    }

    fn endpoint(&self) -> Option<String> {
        self.rmi.as_ref().map(RmiServer::url)
    }

    fn other_endpoints(&self) -> Vec<(&'static str, String)> {
        self.jolokia.iter().map(|server| ("jolokia", server.url())).collect()
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        self.options.naming.prepare_group(group, out);
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        self.options.naming.prepare_family(family, out);
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let Some(context) = &self.context else { return Ok(()) };
        let began = Instant::now();
        let waiting = self.beans.take_waiting();
        let beans = self.collector.collect(report, &self.beans.latest(), context);
        self.beans.publish(beans, began, report.unix_time(), waiting);
        Ok(())
    }

    fn stop(&mut self) {
        // Whoever waits for a report hears that there will be none, so that the server can end.
        self.beans.abandon();
        self.rmi = None;
        self.jolokia = None;
    }
}

impl fmt::Debug for JmxReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JmxReporter").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}
