//! What clients send that mean no good: requests that are cut at every byte, and some that were made to hurt.

use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::ReportNumber;

use super::answer::Desk;
use super::parameters::Parameters;
use super::probe::{BODIES, PATHS, answer_body, answer_path};
use super::request::Requests;
use crate::model::{AttributeInfo, MBean, MBeanClass, MBeanValue, MBeans};

#[test]
fn what_is_cut_anywhere_has_an_answer() {
    for body in BODIES {
        let answered = (0..=body.len()).filter(|end| answer_body(&body.as_bytes()[..*end], &[]));
        assert_eq!(answered.collect::<Vec<_>>(), [body.len()], "{body}");
    }
    for path in PATHS {
        let answered = (0..=path.len()).filter(|end| answer_path(&path[..*end], &[]));
        assert!(answered.collect::<Vec<_>>().contains(&path.len()), "{path}");
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
