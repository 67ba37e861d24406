//! All MBeans at the time of one report.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use flowmeter_core::ReportNumber;

use super::{MBeanClass, MBeanValue, ObjectName};

/// One MBean, with its values at the time of the report.
#[derive(Clone)]
pub struct MBean {
    about: Arc<About>,
    values: Box<[MBeanValue]>,
}

/// What of a bean is the same in each report.
struct About {
    name: ObjectName,
    class: Arc<MBeanClass>,
    /// Whether it stands for a series, which is to be read before it may leave.
    is_metric: bool,
    /// The sequence of the latest report of which a client has read it; see `Deliveries`.
    read_in: AtomicU64,
}

/// In no report yet, and in none any more.
const NEW: u64 = u64::MAX;
const GONE: u64 = u64::MAX - 1;

impl MBean {
    /// A bean that stands for a series.
    #[must_use]
    pub fn metric(name: ObjectName, class: Arc<MBeanClass>, values: Box<[MBeanValue]>) -> Self {
        Self { about: Arc::new(About { name, class, is_metric: true, read_in: AtomicU64::new(NEW) }), values }
    }

    /// A bean that is there whatever is measured.
    #[must_use]
    pub fn fixed(name: ObjectName, class: Arc<MBeanClass>, values: Box<[MBeanValue]>) -> Self {
        Self {
            about: Arc::new(About { name, class, is_metric: false, read_in: AtomicU64::new(NEW) }),
            values,
        }
    }

    /// The same bean with other values.
    #[must_use]
    pub fn with_values(&self, values: Box<[MBeanValue]>) -> Self {
        Self { about: Arc::clone(&self.about), values }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &ObjectName {
        &self.about.name
    }

    /// What it is.
    #[must_use]
    pub fn class(&self) -> &Arc<MBeanClass> {
        &self.about.class
    }

    /// The values of its attributes, in the order of those.
    #[must_use]
    pub fn values(&self) -> &[MBeanValue] {
        &self.values
    }

    /// The value of an attribute, if it has the attribute.
    #[must_use]
    pub fn value(&self, attribute: &str) -> Option<&MBeanValue> {
        self.values.get(self.class().position(attribute)?)
    }

    pub(super) fn is_metric(&self) -> bool {
        self.about.is_metric
    }

    /// The sequence of the latest report of which a client has read it, if it is in the reports.
    pub(super) fn read_in(&self) -> Option<u64> {
        Some(self.about.read_in.load(Relaxed)).filter(|sequence| ![NEW, GONE].contains(sequence))
    }

    pub(super) fn set_read_in(&self, sequence: u64) {
        self.about.read_in.store(sequence, Relaxed);
    }

    pub(super) fn set_gone(&self) {
        self.set_read_in(GONE);
    }

    /// Whether another bean has the same name and is the same.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.name() == other.name() && self.class() == other.class()
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.about, &other.about)
    }
}

impl fmt::Debug for MBean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MBean").field("name", self.name()).field("values", &self.values).finish()
    }
}

/// All MBeans at the time of one report. It does not change; [`MBeanServer`](super::MBeanServer) has the latest.
#[derive(Debug, Default)]
pub struct MBeans {
    beans: Vec<MBean>,
    /// Where each name is. Shared with the report before, as long as no bean comes or goes.
    places: Arc<HashMap<ObjectName, usize>>,
    number: ReportNumber,
    /// Which of the reports with beans it is.
    sequence: u64,
    /// When it was seen first that there are these beans, since the Unix epoch.
    changed: Duration,
}

impl MBeans {
    /// Beans of which no two have the same name; the first of those that have stays.
    #[must_use]
    pub fn new(beans: Vec<MBean>, number: ReportNumber) -> Self {
        Self::after(&Self::default(), beans, number)
    }

    /// The same, after others.
    #[must_use]
    pub(crate) fn after(before: &Self, mut beans: Vec<MBean>, number: ReportNumber) -> Self {
        let sequence = before.sequence + 1;
        let pairs = || beans.iter().zip(&before.beans);
        if beans.len() == before.beans.len() && pairs().all(|(new, old)| new.is_same(old)) {
            let (places, changed) = (Arc::clone(&before.places), before.changed);
            return Self { beans, places, number, sequence, changed };
        }
        let mut places = HashMap::with_capacity(beans.len());
        beans.retain(|bean| {
            let place = places.len();
            match places.entry(bean.name().clone()) {
                Entry::Occupied(_) => false,
                Entry::Vacant(entry) => {
                    entry.insert(place);
                    true
                }
            }
        });
        Self { beans, places: Arc::new(places), number, sequence, changed: Duration::ZERO }
    }

    /// When it was seen first that there are these beans and no others, since the Unix epoch.
    #[must_use]
    pub fn changed(&self) -> Duration {
        self.changed
    }

    pub(super) fn set_changed(&mut self, time: Duration) {
        self.changed = time;
    }

    /// Which of the reporter's reports it is from.
    #[must_use]
    pub fn number(&self) -> ReportNumber {
        self.number
    }

    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.beans.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.beans.is_empty()
    }

    /// All of them: those that are always there, then those of metrics by domain and registration.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &MBean> {
        self.beans.iter()
    }

    /// The bean of a name.
    #[must_use]
    pub fn get(&self, name: &ObjectName) -> Option<&MBean> {
        self.beans.get(*self.places.get(name)?)
    }

    /// The beans that a name or a pattern stands for. A name costs one look, a pattern one at each bean.
    pub fn query(&self, pattern: &ObjectName) -> impl Iterator<Item = &MBean> {
        let (one, all) = if pattern.is_pattern() {
            (None, self.beans.as_slice())
        } else {
            (self.get(pattern), Default::default())
        };
        one.into_iter().chain(all.iter().filter(move |bean| pattern.matches(bean.name())))
    }

    /// The domains that there are, sorted.
    #[must_use]
    pub fn domains(&self) -> Vec<&str> {
        let mut domains: Vec<_> = self.beans.iter().map(|bean| bean.name().domain()).collect();
        domains.sort_unstable();
        domains.dedup();
        domains
    }

    /// Whether it has the same beans as another one, by what takes no time: the same may look different.
    pub(super) fn has_beans_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.places, &other.places)
    }
}
