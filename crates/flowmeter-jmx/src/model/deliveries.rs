//! Which report clients have read in full.

use std::collections::BTreeMap;

use flowmeter_core::ReportNumber;

use super::{MBean, MBeans};

/// Clients of these protocols ask for one bean after another, and for those that they like, so no single answer delivers a report. It
/// is delivered when of each of its beans that is still there a value was sent, of this report or of a later one: whatever had closed by then
/// has been read.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    /// By the sequence of reports: how many beans were read in it last. Only those that have some, and the latest one.
    read: BTreeMap<u64, Read>,
    /// The last report that was told to be delivered.
    told: Option<ReportNumber>,
}

#[derive(Clone, Copy, Debug)]
struct Read {
    report: ReportNumber,
    beans: usize,
}

impl Deliveries {
    /// Notes a new report, behind another one. Returns a report that is delivered now: beans that nobody has read may have gone.
    pub(super) fn publish(&mut self, beans: &MBeans, before: &MBeans) -> Option<ReportNumber> {
        let latest = beans.sequence();
        if !beans.has_beans_of(before) {
            for gone in
                before.iter().filter(|bean| beans.get(bean.name()).is_none_or(|now| !now.is_same(bean)))
            {
                self.leave(gone, before.sequence());
            }
            // New ones are in no earlier report, so those are no worse for not having been read of them.
            let new = beans.iter().filter(|bean| bean.is_metric() && bean.read_in().is_none());
            let new = new.inspect(|bean| bean.set_read_in(latest - 1)).count();
            if new > 0 {
                let before = Read { report: before.number(), beans: 0 };
                self.read.entry(latest - 1).or_insert(before).beans += new;
            }
        }
        self.read.retain(|_, read| read.beans > 0);
        self.read.insert(latest, Read { report: beans.number(), beans: 0 });
        self.tell()
    }

    /// Notes that a value of a bean of a report was sent. Returns the report that is delivered now, if that was the last bean of it.
    pub(super) fn sent(&mut self, beans: &MBeans, bean: &MBean) -> Option<ReportNumber> {
        let last = bean.read_in().filter(|last| *last < beans.sequence())?;
        let latest = *self.read.last_key_value()?.0;
        self.take(last, latest);
        bean.set_read_in(beans.sequence());
        let now = Read { report: beans.number(), beans: 0 };
        self.read.entry(beans.sequence()).or_insert(now).beans += 1;
        self.tell()
    }

    fn leave(&mut self, bean: &MBean, latest: u64) {
        if let Some(last) = bean.read_in() {
            self.take(last, latest);
            bean.set_gone();
        }
    }

    /// Takes a bean off a report.
    fn take(&mut self, sequence: u64, latest: u64) {
        if let Some(read) = self.read.get_mut(&sequence) {
            read.beans = read.beans.saturating_sub(1);
            if read.beans == 0 && sequence != latest {
                self.read.remove(&sequence);
            }
        }
    }

    fn tell(&mut self) -> Option<ReportNumber> {
        let report = self.read.first_key_value()?.1.report;
        (self.told.replace(report) < Some(report)).then_some(report)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{AttributeInfo, MBeanClass, MBeanValue};
    use flowmeter_core::{Registry, Report, ReportError, Reporter};
    use flowmeter_testkit::{PATIENCE, on_request, quiet_registry};
    use std::sync::mpsc::{Receiver, Sender, channel};

    struct Numbers(Sender<ReportNumber>);

    impl Reporter for Numbers {
        fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
            Ok(self.0.send(report.number())?)
        }
    }

    /// The numbers of reports, which only reports have.
    fn numbers() -> (Registry, impl FnMut() -> ReportNumber) {
        let registry = quiet_registry();
        let (send, receive): (_, Receiver<ReportNumber>) = channel();
        let handle = registry.add_reporter("numbers", Box::new(Numbers(send)), on_request()).unwrap();
        (registry, move || {
            handle.report_now(PATIENCE).unwrap();
            receive.recv().unwrap()
        })
    }

    fn bean(name: &str) -> MBean {
        let class = MBeanClass::standard("C", "I", vec![AttributeInfo::new("Count", "long")]);
        MBean::metric(name.parse().unwrap(), Arc::new(class), Box::new([MBeanValue::Long(1)]))
    }

    #[test]
    fn a_report_is_delivered_when_all_of_its_beans_were_read() {
        let (_registry, mut number) = numbers();
        let (a, b) = (bean("d:n=a"), bean("d:n=b"));
        let mut deliveries = Deliveries::default();
        let empty = MBeans::default();
        let one = MBeans::after(&empty, vec![a.clone(), b.clone()], number());
        deliveries.publish(&one, &empty);
        assert_eq!(deliveries.sent(&one, &a), None);
        assert_eq!(deliveries.sent(&one, &a), None, "again");
        assert_eq!(deliveries.sent(&one, &b), Some(one.number()));
        // A client that takes its time reads each bean of another report: what it has read in full is the first of them.
        let two = MBeans::after(&one, vec![a.clone(), b.clone()], number());
        assert_eq!(deliveries.publish(&two, &one), None);
        assert_eq!(deliveries.sent(&two, &a), None);
        let three = MBeans::after(&two, vec![a.clone(), b.clone()], number());
        assert_eq!(deliveries.publish(&three, &two), None);
        assert_eq!(deliveries.sent(&three, &b), Some(two.number()));
        assert_eq!(deliveries.sent(&two, &b), None, "an answer that was late");
        assert_eq!(deliveries.sent(&three, &a), Some(three.number()));
        assert!(deliveries.read.len() <= 2);
    }

    #[test]
    fn what_comes_later_is_not_waited_for_and_what_goes_neither() {
        let (_registry, mut number) = numbers();
        let (a, b, c) = (bean("d:n=a"), bean("d:n=b"), bean("d:n=c"));
        let mut deliveries = Deliveries::default();
        let empty = MBeans::default();
        let one = MBeans::after(&empty, vec![a.clone(), b.clone()], number());
        deliveries.publish(&one, &empty);
        let two = MBeans::after(&one, vec![a.clone(), b.clone(), c.clone()], number());
        assert_eq!(deliveries.publish(&two, &one), None);
        assert_eq!(deliveries.sent(&two, &a), None);
        assert_eq!(deliveries.sent(&two, &b), Some(one.number()), "c was not in it");
        let three = MBeans::after(&two, vec![a.clone(), b.clone()], number());
        assert_eq!(deliveries.publish(&three, &two), Some(two.number()), "c has gone");
        assert_eq!(deliveries.sent(&two, &c), None);
        let four = MBeans::after(&three, Vec::new(), number());
        assert_eq!(deliveries.publish(&four, &three), Some(four.number()), "there is nothing to read");
    }
}
