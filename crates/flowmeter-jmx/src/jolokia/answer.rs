//! From requests to answers.

use std::time::Duration;

use super::json::{self, Limits, Style};
use super::list::{list, name};
use super::node::{Members, Node};
use super::parameters::Parameters;
use super::problem::Problem;
use super::read::{Values, read};
use super::request::{Request, Wanted};
use crate::model::{MBean, MBeans, ObjectName};

/// The version of the protocol: the last one of Jolokia 1.
const PROTOCOL: &str = "7.2";
/// The most bytes of an answer after which there may be one more to another request of the same body, so that a small body does
/// not ask for the same beans a thousand times.
pub(super) const MOST_ANSWER: usize = 32 << 20;

/// What answers are made from.
pub(super) struct Desk<'a> {
    pub(super) beans: &'a MBeans,
    /// When the request came, since the Unix epoch: what changes behind these beans is found later than that.
    pub(super) now: Duration,
    /// Whether clients are known by name, and may not even ask for changes.
    pub(super) has_policy: bool,
}

impl<'a> Desk<'a> {
    /// Appends the answer to a request. Returns the beans whose values are in it.
    pub(super) fn answer(&self, request: &Request, out: &mut Vec<u8>) -> Vec<&'a MBean> {
        if out.len() > MOST_ANSWER {
            let problem = "The answer is too large: ask for less, or with fewer requests at a time";
            write_problem(&Problem::illegal_argument(problem), Some(request), &request.parameters, out);
            return Vec::new();
        }
        if self.is_known(request) {
            self.write_known(request, out);
            return Vec::new();
        }
        match self.outcome(request) {
            Ok(outcome) => {
                self.write(request, &outcome, out);
                outcome.of
            }
            Err(problem) => {
                write_problem(&problem, Some(request), &request.parameters, out);
                Vec::new()
            }
        }
    }

    /// Whether the client knows the answer, by what it says: which beans there are has not changed since it asked.
    fn is_known(&self, request: &Request) -> bool {
        let is_about_names = matches!(request.wanted, Wanted::List { .. } | Wanted::Search(_));
        let Parameters { modified_since, problem, .. } = &request.parameters;
        is_about_names && problem.is_none() && self.beans.changed().as_secs() < *modified_since
    }

    fn write_known(&self, request: &Request, out: &mut Vec<u8>) {
        out.push(b'{');
        write_request(request, &request.parameters, out);
        out.extend_from_slice(format!("\"timestamp\":{},\"status\":304}}", self.now.as_secs()).as_bytes());
    }

    fn outcome<'b>(&self, request: &'b Request) -> Result<Outcome<'b, 'a>, Problem>
    where
        'a: 'b,
    {
        let parameters = &request.parameters;
        if let Some(problem) = &parameters.problem {
            return Err(problem.clone());
        }
        let node = match &request.wanted {
            Wanted::Version => version(),
            Wanted::Search(pattern) => {
                let names = self.beans.query(pattern).map(|bean| Node::Text(name(bean.name(), parameters)));
                Node::List(names.collect())
            }
            Wanted::List { path } => list(self.beans, path, parameters)?,
            Wanted::Read { name, attributes, path } => {
                let Values { node, of } = read(self.beans, name, attributes, parameters)?;
                // Whoever takes a part of the values has not read the beans.
                let is_all = path.is_empty() && has_room(parameters.limits, of.len());
                let node = node.at(path).unwrap_or(Node::Null);
                return Ok(Outcome { node, of: if is_all { of } else { Vec::new() } });
            }
            Wanted::Write { name, attribute } => return Err(self.refuse_write(name, attribute)),
            Wanted::Exec { name, operation } => return Err(self.refuse_exec(name, operation)),
        };
        Ok(Outcome { node, of: Vec::new() })
    }

    /// Where clients are known they may only read, and elsewhere it is the beans that cannot be changed.
    fn refuse_write(&self, wanted: &ObjectName, attribute: &str) -> Problem {
        if self.has_policy {
            return Problem::security(format!("Writing attribute {attribute} forbidden for MBean {wanted}"));
        }
        match self.beans.get(wanted) {
            None => Problem::instance_not_found(wanted.to_string()),
            Some(bean) if bean.value(attribute).is_none() => {
                Problem::attribute_not_found(format!("No attribute {attribute} found for MBean {wanted}"))
            }
            Some(_) => Problem::attribute_not_found(format!("Read-only attribute: {attribute}")),
        }
    }

    fn refuse_exec(&self, wanted: &ObjectName, operation: &str) -> Problem {
        if self.has_policy {
            return Problem::security(format!("Operation {operation} forbidden for MBean {wanted}"));
        }
        match self.beans.get(wanted) {
            None => Problem::instance_not_found(wanted.to_string()),
            Some(_) => Problem::illegal_argument(format!("No operation {operation} found on MBean {wanted}")),
        }
    }

    fn write(&self, request: &Request, outcome: &Outcome<'_, '_>, out: &mut Vec<u8>) {
        let Parameters { limits, longs_as_texts, .. } = request.parameters;
        let hides_deep_objects = matches!(request.wanted, Wanted::List { .. });
        let style = Style { limits, longs_as_texts, hides_deep_objects };
        out.push(b'{');
        write_request(request, &request.parameters, out);
        out.extend_from_slice(b"\"value\":");
        json::write(out, &outcome.node, style);
        out.extend_from_slice(format!(",\"timestamp\":{},\"status\":200}}", self.now.as_secs()).as_bytes());
    }
}

/// The value of an answer, and the beans that it has all values of that were asked for.
struct Outcome<'b, 'a> {
    node: Node<'b>,
    of: Vec<&'a MBean>,
}

/// Whether values of so many beans are all there within the limits.
fn has_room(limits: Limits, beans: usize) -> bool {
    limits.objects == 0
        && (limits.collection == 0 || limits.collection >= beans)
        && (limits.depth == 0 || limits.depth > 2)
}

/// Appends an error, with the request if it could be read.
pub(super) fn write_problem(
    problem: &Problem,
    request: Option<&Request>,
    parameters: &Parameters,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    if let Some(request) = request {
        write_request(request, parameters, out);
    }
    let mut members = Vec::new();
    json::write(&mut members, &Node::Object(problem.members(parameters)), Style::default());
    out.extend_from_slice(&members[1..]);
}

/// Appends the request as the first member of its answer, if the client wants it.
fn write_request(request: &Request, parameters: &Parameters, out: &mut Vec<u8>) {
    if parameters.include_request {
        out.extend_from_slice(b"\"request\":");
        let members = request.echo.iter().map(|(name, value)| (name.into(), Node::Sent(value)));
        json::write(out, &Node::Object(members.collect()), Style::default());
        out.push(b',');
    }
}

fn version() -> Node<'static> {
    let text = |name: &'static str, value: &'static str| (name.into(), Node::text(value));
    let version = env!("CARGO_PKG_VERSION");
    let config: Members<'_> = vec![
        text("agentContext", "/jolokia"),
        text("agentId", "flowmeter"),
        text("canonicalNaming", "true"),
        text("discoveryEnabled", "false"),
        text("includeStackTrace", "true"),
        text("mimeType", "application/json"),
        text("serializeException", "false"),
    ];
    let info: Members<'_> = vec![text("product", "flowmeter"), text("version", version)];
    Node::Object(vec![
        text("agent", version),
        text("protocol", PROTOCOL),
        ("config".into(), Node::Object(config)),
        ("info".into(), Node::Object(info)),
    ])
}
