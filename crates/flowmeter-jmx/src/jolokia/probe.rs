//! Answers what anybody may have sent, as the server does.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use flowmeter_core::ReportNumber;
use serde_json::Value as Json;

use super::answer::{Desk, write_problem};
use super::parameters::Parameters;
use super::problem::Problem;
use super::request::{Request, Requests};
use crate::model::{AttributeInfo, MBean, MBeanClass, MBeanValue, MBeans, MemoryUsage};

/// Parameters of requests.
pub(crate) const QUERIES: [(&str, &str); 8] = [
    ("maxDepth", "1"),
    ("maxCollectionSize", "1"),
    ("maxObjects", "-1"),
    ("ignoreErrors", "true"),
    ("includeRequest", "false"),
    ("canonicalNaming", "false"),
    ("listKeys", "true"),
    ("ifModifiedSince", "7"),
];

/// Paths of requests.
pub(crate) const PATHS: [&str; 9] = [
    "/read/a:type=x/Value/0/*",
    "/read/a:type=*,*/Value,Count/a!/b!!",
    "/list/a/type=x,name=\"q\\*\"/attr/Value/rw",
    "/list/*/*/class",
    "/search/*:type=x,*",
    "/write/a:type=x/Value/1/path",
    "/exec/a:type=x/gc(int)/1",
    "/version",
    "//",
];

/// Bodies of requests.
pub(crate) const BODIES: [&str; 5] = [
    r#"{"type":"read","mbean":"a:type=x","attribute":["Value","Memory"],"path":"Memory/*","config":{"maxDepth":2,"ignoreErrors":"true"}}"#,
    r#"[{"type":"read","mbean":"*:*","config":{"maxCollectionSize":"1","maxObjects":3,"serializeLong":"string"}},{"type":"version"}]"#,
    r#"[{"type":"list","path":"a/type=x","config":{"listKeys":true,"maxDepth":1}},{"type":"search","mbean":"b:*","config":{"canonicalNaming":false}}]"#,
    r#"{"type":"write","mbean":"a:type=x","attribute":"Value","value":{"x":[1e3,null,"\u00e9\ud83d\ude00"]}}"#,
    r#"{"type":"exec","mbean":"a:type=x","operation":"gc","arguments":[[[]]],"config":{"includeStackTrace":"runtime","serializeException":true}}"#,
];

static BEANS: LazyLock<MBeans> = LazyLock::new(|| {
    let attributes = ["Value", "Memory", "Count"].map(|name| AttributeInfo::new(name, "java.lang.Object"));
    let class = Arc::new(MBeanClass::standard("C", "I", attributes.into()));
    let memory = MBeanValue::Memory(MemoryUsage::new(1, None, None));
    let bean = |name: &str| {
        let values = [MBeanValue::Double(f64::NAN), memory.clone(), MBeanValue::BigInteger(u64::MAX)];
        MBean::metric(name.parse().expect("it is a name"), Arc::clone(&class), values.into())
    };
    let names = ["a:type=x", "a:type=y,name=\"q,\\*\"", "b:z=\"\\\"/!\\n\",type=x", ":é=\u{1f600}"];
    MBeans::new(names.map(bean).into(), ReportNumber::default())
});

/// Answers a path. Returns whether it was a request.
pub(crate) fn answer_path(path: &str, query: &[(&str, &str)]) -> bool {
    answer(|parameters| Requests::of_path(path, parameters), query)
}

/// Answers a body. Returns whether it was one of requests.
pub(crate) fn answer_body(body: &[u8], query: &[(&str, &str)]) -> bool {
    answer(|parameters| Requests::of_body(body, parameters), query)
}

/// Answers in JSON whatever comes.
fn answer(requests: impl FnOnce(&Parameters) -> Result<Requests, Problem>, query: &[(&str, &str)]) -> bool {
    let mut parameters = Parameters::default();
    query.iter().for_each(|(name, value)| parameters.set(name, value));
    let desk = Desk { beans: &BEANS, now: Duration::from_secs(1), has_policy: query.len() % 2 == 1 };
    match requests(&parameters) {
        Ok(Requests::One(request)) => answer_request(&desk, &request),
        Ok(Requests::Several(requests)) => {
            requests.iter().for_each(|request| answer_request(&desk, request));
        }
        Err(problem) => {
            let mut out = Vec::new();
            write_problem(&problem, None, &parameters, &mut out);
            check(&out);
            return false;
        }
    }
    true
}

fn answer_request(desk: &Desk<'_>, request: &Request) {
    let mut out = Vec::new();
    let read = desk.answer(request, &mut out);
    assert!(read.len() <= desk.beans.len(), "no bean is read twice");
    check(&out);
}

fn check(answer: &[u8]) {
    let json: Json = serde_json::from_slice(answer)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(answer)));
    let status = json["status"].as_u64().expect("an answer has a status");
    assert_eq!(json.get("value").is_some(), status == 200, "{json}");
    assert_eq!(json.get("error_type").is_some(), !matches!(status, 200 | 304), "{json}");
}
