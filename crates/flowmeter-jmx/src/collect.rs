//! From a report to beans.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::mem;
use std::sync::Arc;

use flowmeter_core::{FamilyView, Report, ReporterContext};
use tracing::warn;

use crate::PlatformBeans;
use crate::model::{MBean, MBeanClass, MBeans, ObjectName};
use crate::naming::{NamingPolicy, Target};
use crate::platform::Platform;

/// Makes beans of reports, and keeps what is the same in each.
pub(crate) struct Collector {
    naming: NamingPolicy,
    platform: Platform,
    /// By what names of a bean begin and end with.
    kept: HashMap<(String, String), Kept>,
    /// Whether a log line has named a metric that no bean can be called.
    said_nameless: bool,
}

/// The beans of a target.
struct Kept {
    class: Arc<MBeanClass>,
    /// By what is prepared of the group; nothing where that makes no name.
    beans: HashMap<Box<[u8]>, Option<MBean>>,
}

impl Collector {
    pub(crate) fn new(naming: NamingPolicy, platform: PlatformBeans) -> Self {
        Self { naming, platform: Platform::new(platform), kept: HashMap::new(), said_nameless: false }
    }

    /// The beans of a report, after those of the one before.
    pub(crate) fn collect(
        &mut self,
        report: &Report<'_>,
        before: &MBeans,
        context: &ReporterContext,
    ) -> MBeans {
        // A family may have more beans than the one that it was prepared with, whose names could be those of another's.
        let own: HashSet<&[u8]> = report.families().map(|family| family.prepared()).collect();
        let mut last = mem::take(&mut self.kept);
        let mut metrics = Vec::with_capacity(before.len());
        let mut nameless = 0;
        self.platform.begin();
        for family in report.families() {
            self.platform.look(&family);
            for (number, target) in self.naming.targets(family.family()).into_iter().enumerate() {
                let is_free = number == 0 || !own.contains(target.before.as_bytes());
                let key = (target.before.clone(), target.after.clone());
                if !is_free || self.kept.contains_key(&key) {
                    continue;
                }
                let class = target.shape.class(family.family(), self.naming);
                let known = last.remove(&key).filter(|known| *known.class == class);
                let known = known.unwrap_or_else(|| Kept { class: Arc::new(class), beans: HashMap::new() });
                let (kept, without) = collect_target(&family, &target, (known, self.naming), &mut metrics);
                self.kept.insert(key, kept);
                nameless += without;
                if without > 0 && !mem::replace(&mut self.said_nameless, true) {
                    let (reporter, metric) = (context.name(), family.family().name());
                    warn!(
                        reporter,
                        metric, "a metric cannot have an MBean: Flink's name for it is no object name"
                    );
                }
            }
        }
        context.count_dropped(nameless);
        let mut beans = self.platform.beans(report.unix_time());
        beans.append(&mut metrics);
        MBeans::after(before, beans, report.number())
    }
}

/// Collects the beans of one target. Returns them to be kept, and how many series no name can be made for.
fn collect_target(
    family: &FamilyView<'_>,
    target: &Target,
    (mut known, naming): (Kept, NamingPolicy),
    metrics: &mut Vec<MBean>,
) -> (Kept, u64) {
    let mut kept = HashMap::with_capacity(known.beans.len());
    let mut nameless = 0;
    let Ok(()) = family.for_each(|series| {
        let (key, bean) = match known.beans.remove_entry(series.prepared()) {
            Some((key, Some(bean))) => (key, Some(bean.with_values(target.shape.values(series, naming)))),
            Some((key, None)) => (key, None),
            None => {
                let key: Box<[u8]> = series.prepared().into();
                let bean = name_of(target, &key).map(|name| {
                    MBean::metric(name, Arc::clone(&known.class), target.shape.values(series, naming))
                });
                (key, bean)
            }
        };
        match &bean {
            Some(bean) => metrics.push(bean.clone()),
            None => nameless += 1,
        }
        // The values of the next report are others, so only what stays is kept.
        kept.insert(key, bean.map(|bean| bean.with_values(Box::default())));
        Ok::<_, Infallible>(())
    });
    (Kept { class: known.class, beans: kept }, nameless)
}

fn name_of(target: &Target, group: &[u8]) -> Option<ObjectName> {
    let group = std::str::from_utf8(group).ok()?;
    let name: ObjectName = format!("{}{group}{}", target.before, target.after).parse().ok()?;
    // A bean whose name is a pattern would be one that nobody can ask for.
    (!name.is_pattern()).then_some(name)
}
