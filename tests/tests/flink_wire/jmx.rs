//! The same job by JMX: `golden/flink-2.3-jmx.txt` has all beans that Flink's own reporter had for it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use flowmeter::jmx::model::{MBean, MBeanValue, ObjectName};
use flowmeter::jmx::{JmxOptions, JmxReporter, NamingPolicy, PlatformBeans, Ports};
use flowmeter_core::ReporterOptions;
use flowmeter_e2e::reference::flink_names;
use flowmeter_testkit::PATIENCE;

use crate::job::Job;
use crate::known::{EXTRAS, Origin, is_like};

const CAPTURE: &str = include_str!("../../golden/flink-2.3-jmx.txt");
/// What all domains and what all classes begin with.
const DOMAIN: &str = "org.apache.flink.";
const CLASS: &str = "org.apache.flink.metrics.jmx.JMXReporter$Jmx";

/// What is compared of a bean.
#[derive(Debug)]
struct Bean {
    /// Without what all of them begin with.
    class: String,
    /// The values as Java writes them; none where they are not in the capture.
    values: Vec<String>,
}

/// The beans of a domain, by name.
type Domain = BTreeMap<ObjectName, Bean>;

static CAPTURED: LazyLock<BTreeMap<String, Domain>> = LazyLock::new(captured);
static SERVED: LazyLock<Served> = LazyLock::new(serve);

/// The beans of the capture, by domain without what all begin with.
fn captured() -> BTreeMap<String, Domain> {
    let mut domains = BTreeMap::<String, Domain>::new();
    let mut properties = "";
    for line in CAPTURE.lines().filter(|line| !line.starts_with(['#']) && !line.starts_with("class ")) {
        if let Some(these) = line.strip_prefix(':') {
            properties = these;
            continue;
        }
        let mut fields = line.split('\t').map(str::to_owned);
        let (domain, class) = (fields.next().expect("a domain"), fields.next().expect("a class"));
        let name = format!("{DOMAIN}{domain}:{properties}").parse().expect("Flink had a bean of that name");
        let bean = Bean { class, values: fields.collect() };
        let before = domains.entry(domain).or_default().insert(name, bean);
        assert!(before.is_none(), "no two beans have the same name");
    }
    domains
}

/// The attributes of the capture's classes, with their types.
fn classes() -> BTreeMap<&'static str, Vec<(&'static str, &'static str)>> {
    let lines = CAPTURE.lines().filter_map(|line| line.strip_prefix("class ")?.split_once(": "));
    let attributes = |all: &'static str| all.split(", ").filter_map(|one| one.split_once(' ')).collect();
    lines
        .map(|(class, all)| (class.strip_prefix(CLASS).expect("a class of Flink's"), attributes(all)))
        .collect()
}

/// What is served for the job.
struct Served {
    domains: BTreeMap<String, Domain>,
    /// The attributes of classes, with their types.
    classes: BTreeMap<String, Vec<(String, &'static str)>>,
    /// Series that no bean can be called.
    nameless: u64,
}

fn serve() -> Served {
    let job = Job::new();
    let options = JmxOptions::default().with_ports(Ports::any()).with_naming(NamingPolicy::Flink);
    let reporter = JmxReporter::new(options.with_platform(PlatformBeans::None));
    let beans = reporter.beans();
    // Callbacks have all the time that they need, however slow the machine is.
    let options = ReporterOptions::default().with_callback_patience(PATIENCE);
    let handle = job.registry.add_reporter("jmx", Box::new(reporter), options).expect("a port is free");
    handle.report_now(PATIENCE).expect("it reports");
    let mut served = Served { domains: BTreeMap::new(), classes: BTreeMap::new(), nameless: 0 };
    served.nameless = handle.status().dropped_values;
    for bean in beans.latest().iter() {
        let Some(domain) = bean.name().domain().strip_prefix(DOMAIN) else { continue };
        let class = bean.class().name.strip_prefix(CLASS).expect("a class of Flink's").to_owned();
        let attributes = bean.class().attributes.iter();
        let attributes: Vec<_> =
            attributes.map(|info| (info.name.clone().into_owned(), info.java_type)).collect();
        let known = served.classes.entry(class.clone()).or_insert_with(|| attributes.clone());
        assert_eq!(*known, attributes, "{bean:?}");
        let of_domain = served.domains.entry(domain.to_owned()).or_default();
        of_domain.insert(bean.name().clone(), Bean { class, values: values(bean) });
    }
    served
}

fn values(bean: &MBean) -> Vec<String> {
    let value = |value: &MBeanValue| match value {
        MBeanValue::Null => "null".to_owned(),
        MBeanValue::Boolean(value) => value.to_string(),
        MBeanValue::Long(value) => value.to_string(),
        MBeanValue::Double(f64::INFINITY) => "Infinity".to_owned(),
        MBeanValue::Double(value) if value.is_nan() => "NaN".to_owned(),
        // Java's, of numbers that are very small.
        MBeanValue::Double(value) => format!("{value:E}"),
        MBeanValue::Text(text) => text.to_string(),
        other => panic!("{other:?}"),
    };
    bean.values().iter().map(value).collect()
}

/// A domain as Prometheus has it, which is what lists of names are of.
fn mangled(domain: &str) -> String {
    format!("flink_{domain}").replace(|c: char| !c.is_ascii_alphanumeric() && c != ':', "_")
}

/// Domains that have beans of more groups here, and why.
const MORE: [(&str, &str); 2] = [
    ("taskmanager.job.task.checkpointAlignmentTime", "a source has it too, though it aligns nothing"),
    (
        "taskmanager.job.task.operator.state_name.stateClearLatency",
        "Flink has latencies from the first access on, and nothing was cleared",
    ),
];

#[test]
fn beans_of_both_have_the_names_and_classes_of_flinks() {
    let mut both = 0;
    for (domain, flinks) in CAPTURED.iter() {
        let Some(ours) = SERVED.domains.get(domain) else { continue };
        let missing: Vec<_> = flinks.keys().filter(|name| !ours.contains_key(*name)).collect();
        assert!(missing.is_empty(), "{domain} is not served of {missing:#?} but of {ours:#?}");
        let is_known = MORE.iter().any(|(known, _)| known == domain);
        assert_eq!(ours.len() > flinks.len(), is_known, "{domain} {ours:#?}");
        for (name, flinks) in flinks {
            assert_eq!(ours[name].class, flinks.class, "{name}");
        }
        both += flinks.len();
    }
    assert_eq!(both, 589, "beans of both");
}

#[test]
fn attributes_are_flinks_by_name_and_type_and_in_their_order() {
    for (class, flinks) in classes() {
        let ours: Vec<_> = SERVED.classes[class].iter().map(|(name, kind)| (&**name, *kind)).collect();
        assert_eq!(ours, flinks, "{class}");
    }
}

#[test]
fn values_of_the_jobs_own_metrics_are_those_that_flink_had() {
    let mut compared = 0;
    for (domain, flinks) in CAPTURED.iter() {
        // How much there was of them was another time than that of the capture for Prometheus, of which the job here is.
        let grows = ["myCounter", "myMeter", "myHistogram"].iter().any(|name| domain.ends_with(name));
        for (name, flinks) in flinks.iter().filter(|(_, bean)| !bean.values.is_empty() && !grows) {
            // A text that was never set is what is nearest to a null.
            let ours = SERVED.domains[domain][name].values.iter();
            let ours: Vec<_> = ours.map(|value| if value.is_empty() { "null" } else { value }).collect();
            assert_eq!(ours, flinks.values, "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, 18);
}

#[test]
fn what_flink_has_no_bean_for_has_none_here() {
    // A line end in a value, and a `:` in a name, of the counters of both subtasks.
    assert_eq!(SERVED.nameless, 4);
    for odd in ["inKv", "odd name"] {
        let has_it = |domain: &&String| domain.contains(odd);
        assert_eq!(SERVED.domains.keys().find(has_it), None);
        assert_eq!(CAPTURED.keys().find(has_it), None);
    }
}

#[test]
fn what_flink_has_and_flowmeter_has_not_does_not_apply() {
    let names = flink_names();
    for domain in CAPTURED.keys().filter(|domain| !SERVED.domains.contains_key(*domain)) {
        let known: Vec<_> = names.iter().filter(|(pattern, _)| is_like(&mangled(domain), pattern)).collect();
        assert!(!known.is_empty(), "docs/reference/flink-metrics.tsv does not have {domain}");
        assert!(known.iter().all(|(_, reason)| !reason.is_empty()), "{domain} {known:?}");
    }
}

#[test]
fn what_flowmeter_has_and_flink_did_not_is_known() {
    let names = flink_names();
    for domain in SERVED.domains.keys().filter(|domain| !CAPTURED.contains_key(*domain)) {
        let name = mangled(domain);
        let known: Vec<_> = EXTRAS.iter().filter(|extra| is_like(&name, extra.pattern)).collect();
        let [extra] = known[..] else { panic!("{domain} is in the list {} times", known.len()) };
        let is_flinks = names.iter().any(|(pattern, _)| is_like(&name, pattern));
        assert_eq!(is_flinks, extra.origin == Origin::Flink, "{domain} {}", extra.reason);
    }
}
