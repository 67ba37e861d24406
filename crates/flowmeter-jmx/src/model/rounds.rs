//! Which report clients have read in full.

use flowmeter_core::ReportNumber;

use super::{MBean, MBeans};

/// A round is over when a value of each bean of one report, or of that bean in a later report, was sent to a client: what closed by
/// then has been read, so the report counts as delivered. A client of this protocol asks for one bean after another, and for those
/// that it likes, so no single answer says that.
#[derive(Debug)]
pub(super) struct Rounds {
    round: u64,
    report: ReportNumber,
    /// How many beans are still to be read.
    left: usize,
}

/// The round of a bean that was in no report yet.
pub(super) const NEW: u64 = 0;

impl Default for Rounds {
    fn default() -> Self {
        Self { round: NEW + 1, report: ReportNumber::default(), left: 0 }
    }
}

impl Rounds {
    /// Looks at a new report. Returns the one that is read now, if no other bean is left: the rest may have gone.
    pub(super) fn publish(&mut self, beans: &MBeans, is_changed: bool) -> Option<ReportNumber> {
        if self.left == 0 {
            // From now on these are known, and not read.
            for bean in beans.iter().filter(|bean| bean.was_read_in(NEW)) {
                bean.read_in(self.round);
            }
            self.round += 1;
            self.report = beans.number();
            self.left = beans.iter().filter(|bean| bean.is_metric()).count();
            return (self.left == 0).then_some(self.report);
        }
        if !is_changed {
            return None;
        }
        // Those that have come since are not in the report that is being read.
        for bean in beans.iter().filter(|bean| bean.was_read_in(NEW)) {
            bean.read_in(self.round);
        }
        self.left = beans.iter().filter(|bean| bean.is_metric() && !bean.was_read_in(self.round)).count();
        (self.left == 0).then_some(self.report)
    }

    /// Notes that a value was sent. Returns the report that is read now, if that was the last bean of it.
    pub(super) fn sent(&mut self, bean: &MBean) -> Option<ReportNumber> {
        if self.left == 0 || !bean.read_in(self.round) {
            return None;
        }
        self.left -= 1;
        (self.left == 0).then_some(self.report)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{AttributeInfo, MBeanClass, MBeanValue};

    fn bean(name: &str) -> MBean {
        let class = MBeanClass::standard("C", "I", vec![AttributeInfo::new("Count", "long")]);
        MBean::metric(name.parse().unwrap(), Arc::new(class), Box::new([MBeanValue::Long(1)]))
    }

    fn beans(beans: &[&MBean]) -> MBeans {
        MBeans::new(beans.iter().map(|bean| (*bean).clone()).collect(), ReportNumber::default())
    }

    #[test]
    fn a_report_is_read_when_all_of_its_beans_are() {
        let (a, b) = (bean("d:n=a"), bean("d:n=b"));
        let mut rounds = Rounds::default();
        assert!(rounds.publish(&beans(&[&a, &b]), true).is_none());
        assert!(rounds.sent(&a).is_none());
        assert!(rounds.sent(&a).is_none(), "again");
        assert!(rounds.sent(&b).is_some());
        assert!(rounds.sent(&b).is_none(), "the round is over");
        assert!(rounds.publish(&beans(&[&a, &b]), false).is_none());
        assert!(rounds.sent(&a).is_none());
        assert!(rounds.sent(&b).is_some());
    }

    #[test]
    fn what_comes_later_is_not_waited_for_and_what_goes_neither() {
        let (a, b, c) = (bean("d:n=a"), bean("d:n=b"), bean("d:n=c"));
        let mut rounds = Rounds::default();
        assert!(rounds.publish(&beans(&[&a, &b]), true).is_none());
        assert!(rounds.publish(&beans(&[&a, &b, &c]), true).is_none());
        assert!(rounds.sent(&c).is_none());
        assert!(rounds.sent(&a).is_none());
        assert!(rounds.publish(&beans(&[&a, &c]), true).is_some(), "b has gone");
        assert!(rounds.publish(&beans(&[]), true).is_some(), "there is nothing to read");
    }
}
