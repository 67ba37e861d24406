//! What clients send that mean no good: requests that are changed in any way, and some that were made to hurt.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::ReportNumber;
use serde_json::Value as Json;

use super::answer::{Desk, write_problem};
use super::parameters::Parameters;
use super::request::Requests;
use crate::model::{AttributeInfo, MBean, MBeanClass, MBeanValue, MBeans, MemoryUsage};

/// How many changed requests are tried, unless the environment wants more.
const TRIES: u64 = 20_000;
const TRIES_VARIABLE: &str = "FLOWMETER_JOLOKIA_FUZZ";

const PATHS: [&str; 9] = [
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
const BODIES: [&str; 5] = [
    r#"{"type":"read","mbean":"a:type=x","attribute":["Value","Memory"],"path":"Memory/*","config":{"maxDepth":2,"ignoreErrors":"true"}}"#,
    r#"[{"type":"read","mbean":"*:*","config":{"maxCollectionSize":"1","maxObjects":3,"serializeLong":"string"}},{"type":"version"}]"#,
    r#"[{"type":"list","path":"a/type=x","config":{"listKeys":true,"maxDepth":1}},{"type":"search","mbean":"b:*","config":{"canonicalNaming":false}}]"#,
    r#"{"type":"write","mbean":"a:type=x","attribute":"Value","value":{"x":[1e3,null,"\u00e9\ud83d\ude00"]}}"#,
    r#"{"type":"exec","mbean":"a:type=x","operation":"gc","arguments":[[[]]],"config":{"includeStackTrace":"runtime","serializeException":true}}"#,
];

fn beans() -> MBeans {
    let attributes = ["Value", "Memory", "Count"].map(|name| AttributeInfo::new(name, "java.lang.Object"));
    let class = Arc::new(MBeanClass::standard("C", "I", attributes.into()));
    let memory = MBeanValue::Memory(MemoryUsage::new(1, None, None));
    let bean = |name: &str| {
        let values = [MBeanValue::Double(f64::NAN), memory.clone(), MBeanValue::BigInteger(u64::MAX)];
        MBean::metric(name.parse().unwrap(), Arc::clone(&class), values.into())
    };
    let names = ["a:type=x", "a:type=y,name=\"q,\\*\"", "b:z=\"\\\"/!\\n\",type=x", ":é=\u{1f600}"];
    MBeans::new(names.map(bean).into(), ReportNumber::default())
}

/// Answers, as the server does, in JSON whatever comes.
fn answer(
    requests: impl FnOnce(&Parameters) -> Result<Requests, super::problem::Problem>,
    query: &[(&str, &str)],
) {
    let mut parameters = Parameters::default();
    query.iter().for_each(|(name, value)| parameters.set(name, value));
    let beans = beans();
    let desk = Desk { beans: &beans, now: Duration::from_secs(1), has_policy: query.len() % 2 == 1 };
    let answers: Vec<Vec<u8>> = match requests(&parameters) {
        Ok(Requests::One(request)) => vec![answered(&desk, &request)],
        Ok(Requests::Several(requests)) => requests.iter().map(|request| answered(&desk, request)).collect(),
        Err(problem) => {
            let mut out = Vec::new();
            write_problem(&problem, None, &parameters, &mut out);
            vec![out]
        }
    };
    for answer in answers {
        let json: Json = serde_json::from_slice(&answer)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&answer)));
        let status = json["status"].as_u64().unwrap();
        assert_eq!(json.get("value").is_some(), status == 200, "{json}");
        assert_eq!(json.get("error_type").is_some(), !matches!(status, 200 | 304), "{json}");
    }
}

fn answered(desk: &Desk<'_>, request: &super::request::Request) -> Vec<u8> {
    let mut out = Vec::new();
    let read = desk.answer(request, &mut out);
    assert!(read.len() <= desk.beans.len());
    out
}

/// The same each time.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.next(of.len())]
    }

    /// Changes some bytes, takes some out, puts some in twice, and puts in what has a meaning.
    fn change(&mut self, bytes: &mut Vec<u8>) {
        const TELLING: [&str; 20] = [
            "/",
            "!",
            "*",
            "?",
            "\"",
            ":",
            ",",
            "=",
            "[",
            "]",
            "{",
            "}",
            "null",
            "-1",
            "1e999",
            "\\",
            "\\ud800",
            "type",
            "99999999999",
            "\u{e9}",
        ];
        for _ in 0..=self.next(4) {
            let at = self.next(bytes.len());
            match self.next(4) {
                0 if !bytes.is_empty() => bytes[at] = self.next(256) as u8,
                1 => drop(bytes.splice(at..at, self.one(&TELLING).bytes())),
                2 => drop(bytes.drain(at..(at + self.next(8)).min(bytes.len()))),
                _ => {
                    let end = (at + self.next(40)).min(bytes.len());
                    bytes.extend_from_within(at..end);
                }
            }
        }
    }
}

#[test]
fn whatever_is_sent_has_an_answer() {
    const QUERIES: [(&str, &str); 8] = [
        ("maxDepth", "1"),
        ("maxCollectionSize", "1"),
        ("maxObjects", "-1"),
        ("ignoreErrors", "true"),
        ("includeRequest", "false"),
        ("canonicalNaming", "false"),
        ("listKeys", "true"),
        ("ifModifiedSince", "x"),
    ];
    let tries = env::var(TRIES_VARIABLE).ok().and_then(|tries| tries.parse().ok()).unwrap_or(TRIES);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for number in 0..tries {
        let query: Vec<_> = (0..random.next(3)).map(|_| QUERIES[random.next(QUERIES.len())]).collect();
        let is_body = number % 2 == 0;
        let of = if is_body { random.one(&BODIES) } else { random.one(&PATHS) };
        let mut bytes = of.as_bytes().to_vec();
        random.change(&mut bytes);
        if is_body {
            answer(|parameters| Requests::of_body(&bytes, parameters), &query);
        } else {
            answer(|parameters| Requests::of_path(&String::from_utf8_lossy(&bytes), parameters), &query);
        }
    }
}

#[test]
fn what_is_cut_anywhere_has_an_answer() {
    for body in BODIES {
        (0..=body.len())
            .for_each(|end| answer(|parameters| Requests::of_body(&body.as_bytes()[..end], parameters), &[]));
    }
    for path in PATHS {
        (0..=path.len())
            .for_each(|end| answer(|parameters| Requests::of_path(&path[..end], parameters), &[]));
    }
}

#[test]
fn a_small_body_does_not_ask_for_everything_a_thousand_times() {
    let value = MBeanValue::Text("x".repeat(1 << 20).into());
    let class = MBeanClass::standard("C", "I", vec![AttributeInfo::new("Value", "java.lang.String")]);
    let bean = MBean::metric("a:b=c".parse().unwrap(), Arc::new(class), [value].into());
    let beans = MBeans::new(vec![bean], ReportNumber::default());
    let desk = Desk { beans: &beans, now: Duration::ZERO, has_policy: false };
    let all = vec![r#"{"type":"read","mbean":"*:*"}"#; 1_000].join(",");
    let requests = Requests::of_body(format!("[{all}]").as_bytes(), &Parameters::default()).unwrap();
    let Requests::Several(requests) = requests else { panic!("it is a list") };
    let mut out = Vec::new();
    let read = requests.iter().filter(|request| !desk.answer(request, &mut out).is_empty()).count();
    assert_eq!(read, super::answer::MOST_ANSWER >> 20);
    assert!(out.len() < super::answer::MOST_ANSWER * 5 / 4, "{}", out.len());
}
