//! Where each process serves its metrics for others to read.

use std::collections::BTreeMap;

use flowmeter::jmx::{JmxOptions, JolokiaOptions};
use flowmeter::prometheus::{Ports, PrometheusOptions};
use flowmeter::{Flowmeter, FlowmeterBuilder, ReporterHandle};
use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;

/// The name of the reporter that the job's end waits for.
const PROMETHEUS: &str = "prometheus";
/// What it is called beside reporters of a file, which may have that name.
const BESIDE_OTHERS: &str = "demo";
/// The name of the reporter of JMX, which serves Jolokia as well.
pub(crate) const JMX: &str = "jmx";
/// What that calls its other endpoint.
const JOLOKIA: &str = "jolokia";

/// Where a process serves, as URLs by what is served there.
pub type Endpoints = BTreeMap<String, String>;

/// The ports that processes may take, as the first and the last of each range.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ServingPorts {
    prometheus: (u16, u16),
    /// Those of JMX and of Jolokia, unless it is for a file to say who reports.
    jmx: Option<[(u16, u16); 2]>,
}

impl ServingPorts {
    /// Those of the command line.
    pub(crate) fn of(arguments: &Arguments) -> Self {
        let range = |ports: Ports| (*ports.iter().start(), *ports.iter().end());
        let jmx =
            arguments.config.is_none().then(|| [arguments.jmx_ports, arguments.jolokia_ports].map(range));
        Self { prometheus: range(arguments.ports), jmx }
    }

    /// Serves on the first of them that are free.
    pub(crate) fn serve(self, builder: FlowmeterBuilder) -> FlowmeterBuilder {
        let ports = |(first, last)| Ports::range(first, last);
        let prometheus = PrometheusOptions::default().with_ports(ports(self.prometheus));
        let Some([jmx, jolokia]) = self.jmx else { return builder.prometheus(BESIDE_OTHERS, prometheus) };
        let jolokia = JolokiaOptions::default().with_ports(ports(jolokia));
        let jmx = JmxOptions::default().with_ports(ports(jmx)).with_jolokia(jolokia);
        builder.prometheus(PROMETHEUS, prometheus).jmx(JMX, jmx)
    }

    /// What is left of them for the next processes, behind those that one has taken. Any free port goes on being any free port; a range ends
    /// where it did, if others have the rest of it.
    ///
    /// # Errors
    ///
    /// When nothing is left of a range, with the option that it is about.
    pub(crate) fn behind(self, taken: &Endpoints) -> Result<Self, String> {
        let behind = |(first, last): (u16, u16), served: Option<&str>, option: &str| {
            let taken = served.and_then(port_of).unwrap_or_default();
            if (first, last) == (0, 0) {
                Ok((first, last))
            } else if taken < last {
                Ok((taken + 1, last))
            } else {
                let ports = Ports::range(first, last);
                Err(format!(
                    "port {taken} was the last free one of {option} {ports}: TaskManagers need ports of their own, give a wider range"
                ))
            }
        };
        let url = |served: &str| taken.get(served).map(String::as_str);
        let jmx = self.jmx.map(|[jmx, jolokia]| -> Result<_, String> {
            let jmx = behind(jmx, url(JMX), "--jmx-ports")?;
            Ok([jmx, behind(jolokia, url(JOLOKIA), "--jolokia-ports")?])
        });
        Ok(Self { prometheus: behind(self.prometheus, prometheus(taken), "--ports")?, jmx: jmx.transpose()? })
    }
}

/// Where a process serves.
pub(crate) fn endpoints(flowmeter: &Flowmeter) -> Endpoints {
    flowmeter.reporters().iter().flat_map(ReporterHandle::endpoints).collect()
}

/// Where it serves Prometheus by itself.
pub(crate) fn prometheus(endpoints: &Endpoints) -> Option<&str> {
    endpoints.get(BESIDE_OTHERS).or_else(|| endpoints.get(PROMETHEUS)).map(String::as_str)
}

/// What else it serves, by name, that has no column of its own.
pub(crate) fn others(endpoints: &Endpoints) -> impl Iterator<Item = (&str, &str)> {
    let has_column = if endpoints.contains_key(BESIDE_OTHERS) {
        &[BESIDE_OTHERS][..]
    } else {
        &[PROMETHEUS, JMX, JOLOKIA]
    };
    let others = endpoints.iter().filter(move |(name, _)| !has_column.contains(&name.as_str()));
    others.map(|(name, url)| (name.as_str(), url.as_str()))
}

/// Whether a reporter is the one that serves Prometheus by itself.
pub(crate) fn is_own(name: &str) -> bool {
    name == PROMETHEUS || name == BESIDE_OTHERS
}

/// The port of JMX, and that of Jolokia.
pub(crate) fn jmx_ports(endpoints: &Endpoints) -> [Option<u16>; 2] {
    [JMX, JOLOKIA].map(|served| port_of(endpoints.get(served)?))
}

/// The reporter whose last scrape processes stay up for.
pub(crate) fn scraped(flowmeter: &Flowmeter) -> Option<ReporterHandle> {
    flowmeter.reporter(BESIDE_OTHERS).or_else(|| flowmeter.reporter(PROMETHEUS))
}

/// The port of a URL with one name behind it.
fn port_of(url: &str) -> Option<u16> {
    url.rsplit('/').nth(1)?.rsplit(':').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn task_managers_take_ports_behind_those_of_the_job_manager() {
        let arguments = ["", "--ports", "0", "--jmx-ports", "9450-9460", "--jolokia-ports", "8778-8779"];
        let ports = ServingPorts::of(&Arguments::try_parse_from(arguments).unwrap());
        let taken = |jolokia: u16| {
            let urls = [
                (PROMETHEUS, "http://127.0.0.1:40000/metrics".to_owned()),
                (JMX, "service:jmx:rmi:///jndi/rmi://127.0.0.1:9452/jmxrmi".to_owned()),
                (JOLOKIA, format!("http://127.0.0.1:{jolokia}/jolokia")),
            ];
            urls.map(|(served, url)| (served.to_owned(), url)).into()
        };
        let left = ports.behind(&taken(8778)).unwrap();
        assert_eq!((left.prometheus, left.jmx), ((0, 0), Some([(9453, 9460), (8779, 8779)])));
        assert_eq!(jmx_ports(&taken(8778)), [Some(9452), Some(8778)]);
        assert_eq!(
            ports.behind(&taken(8779)).unwrap_err(),
            "port 8779 was the last free one of --jolokia-ports 8778-8779: TaskManagers need ports of their own, give a wider range"
        );
    }
}
