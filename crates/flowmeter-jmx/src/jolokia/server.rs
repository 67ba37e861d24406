//! The server.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowmeter_http::{Error, Handler, Request as HttpRequest, Responder, Response, Server};
use percent_encoding::percent_decode_str;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::answer::{Desk, write_problem};
use super::options::JolokiaOptions;
use super::origin::{Origins, Readers};
use super::parameters::Parameters;
use super::problem::Problem;
use super::request::{Request, Requests};
use crate::model::{MBean, MBeanServer, MBeans};

/// Where it is served.
const CONTEXT: &str = "/jolokia";
/// The most bytes of a body. As JSON in memory it is some ten times as large.
const MOST_BODY: usize = 256 * 1024;
const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// A running server of Jolokia's protocol. Dropping it stops it.
pub struct JolokiaServer(Server);

impl JolokiaServer {
    /// Binds the first free port and starts to answer.
    ///
    /// # Errors
    ///
    /// When no port can be bound, a file of the TLS options cannot be used, or the system has no thread to give.
    pub fn start(name: &str, options: &JolokiaOptions, beans: MBeanServer) -> Result<Self, Error> {
        let auth = &options.server.auth;
        let agent = Agent {
            beans,
            origins: Origins::new(&options.origins, options.server.address),
            has_policy: auth.basic.is_some() || auth.bearer_token.is_some(),
            patience: options.server.clone().within_limits().answer_patience,
        };
        Server::start(&format!("{name}-jolokia"), &options.server, agent).map(Self)
    }

    /// Where it listens, as what clients are given: `http://127.0.0.1:8778/jolokia`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}{CONTEXT}", self.0.url())
    }
}

impl fmt::Debug for JolokiaServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JolokiaServer").field("url", &self.url()).finish_non_exhaustive()
    }
}

struct Agent {
    beans: MBeanServer,
    origins: Origins,
    has_policy: bool,
    /// How long the answer is waited for.
    patience: Duration,
}

impl Handler for Agent {
    fn handle(&self, request: HttpRequest, responder: Responder) {
        let Some(path) = path_of(&request) else { return responder.send(Response::not_found()) };
        let readers = self.origins.check(request.header("origin"), request.host());
        if request.is_options() {
            return responder.send(preflight(&request, readers.as_ref().ok()));
        }
        let head = Head::of(&request, readers.as_ref().ok());
        let parameters = parameters(&request);
        let requests = readers.and_then(|_| requests(&request, &path, &parameters));
        match requests {
            Ok(requests) => self.answer(requests, head, responder),
            Err(problem) => {
                let mut out = Vec::new();
                write_problem(&problem, None, &parameters, &mut out);
                responder.send(head.response(out));
            }
        }
    }

    fn most_body(&self) -> Option<usize> {
        Some(MOST_BODY)
    }
}

impl Agent {
    /// Answers all of a body from one report.
    fn answer(&self, requests: Requests, head: Head, responder: Responder) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (then, fresh) = oneshot::channel();
        if requests.are_about_beans() {
            self.beans.when_fresh(move |beans| drop(then.send(beans)));
        } else {
            drop(then.send(Arc::default()));
        }
        let (served, has_policy, patience) = (self.beans.clone(), self.has_policy, self.patience);
        // The report is made on the reporter's thread, the answer on the server's.
        tokio::spawn(async move {
            let Ok(Ok(beans)) = timeout(patience, fresh).await else { return };
            let Some((out, read)) = written(&requests, &beans, (now, has_policy), &responder).await else {
                return;
            };
            let length = out.len() as u64;
            responder.send(head.response(out).on_sent(move || {
                served.count_bytes(length);
                read.iter().for_each(|bean| served.sent(&beans, bean));
            }));
        });
    }
}

/// The answer, and the beans that it has the values of; nothing if nobody waits for it any more. Others are answered in between.
async fn written(
    requests: &Requests,
    beans: &MBeans,
    (now, has_policy): (Duration, bool),
    responder: &Responder,
) -> Option<(Vec<u8>, Vec<MBean>)> {
    let desk = Desk { beans, now, has_policy };
    let (mut out, mut read) = (Vec::new(), Vec::new());
    let mut answer =
        |request: &Request, out: &mut Vec<u8>| read.extend(desk.answer(request, out).into_iter().cloned());
    match requests {
        Requests::One(request) => answer(request, &mut out),
        Requests::Several(requests) => {
            out.push(b'[');
            for (number, request) in requests.iter().enumerate() {
                if responder.is_gone() {
                    return None;
                }
                if number > 0 {
                    out.push(b',');
                    yield_now().await;
                }
                answer(request, &mut out);
            }
            out.push(b']');
        }
    }
    Some((out, read))
}

/// What stands behind the place where it is served, decoded; nothing if that is elsewhere.
fn path_of(request: &HttpRequest) -> Option<String> {
    let path = request.path().strip_prefix(CONTEXT)?;
    if !path.is_empty() && !path.starts_with('/') {
        return None;
    }
    if let Some(path) = request.query("p").filter(|_| path.bytes().all(|byte| byte == b'/')) {
        return Some(path.into_owned());
    }
    Some(percent_decode_str(path).decode_utf8_lossy().into_owned())
}

fn parameters(request: &HttpRequest) -> Parameters {
    let mut parameters = Parameters::default();
    request.pairs().for_each(|(name, value)| parameters.set(&name, &value));
    parameters
}

fn requests(request: &HttpRequest, path: &str, parameters: &Parameters) -> Result<Requests, Problem> {
    if request.query("callback").is_some() {
        // A script of any page could have read it that way.
        let why = "There is no JSONP here: a page is to ask as CORS has it, from an origin that may";
        return Err(Problem::illegal_argument(why));
    }
    match request.body() {
        Some(body) => Requests::of_body(body, parameters),
        None => Requests::of_path(path, parameters),
    }
}

/// What answers say of themselves.
struct Head {
    content_type: &'static str,
    cors: Option<Cors>,
}

/// The origin that may read an answer.
struct Cors {
    origin: String,
    has_credentials: bool,
}

impl Cors {
    fn of(request: &HttpRequest, readers: Option<&Readers>) -> Option<Self> {
        match readers? {
            Readers::Unnamed => None,
            Readers::Origin => {
                Some(Self { origin: request.header("origin")?.to_owned(), has_credentials: true })
            }
            Readers::Everyone => Some(Self { origin: "*".to_owned(), has_credentials: false }),
        }
    }

    fn on(self, response: Response) -> Response {
        let response = response.with_header("access-control-allow-origin", self.origin);
        if self.has_credentials {
            return response.with_header("access-control-allow-credentials", "true");
        }
        response
    }
}

impl Head {
    fn of(request: &HttpRequest, readers: Option<&Readers>) -> Self {
        // Another type, such as HTML, would have a browser run what names of beans say.
        let is_text = request.query("mimeType").is_some_and(|kind| kind == "text/plain");
        Self { content_type: if is_text { TEXT } else { JSON }, cors: Cors::of(request, readers) }
    }

    fn response(self, body: Vec<u8>) -> Response {
        let response = Response::chunks(self.content_type, vec![body.into()])
            .with_header("cache-control", "no-cache")
            .with_header("vary", "Origin");
        match self.cors {
            Some(cors) => cors.on(response),
            None => response,
        }
    }
}

/// Tells a browser whether a page may ask.
fn preflight(request: &HttpRequest, readers: Option<&Readers>) -> Response {
    let response = Response::chunks(TEXT, Vec::new()).with_header("vary", "Origin");
    let Some(cors) = Cors::of(request, readers) else { return response };
    let wanted = request.header("access-control-request-headers").unwrap_or_default().to_owned();
    cors.on(response)
        .with_header("access-control-allow-headers", wanted)
        .with_header("access-control-allow-methods", "GET, POST")
        .with_header("access-control-max-age", "31536000")
}
