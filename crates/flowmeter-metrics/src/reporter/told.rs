//! What a recorder was told of: names and keys, made once.

use flowmeter_core::SeriesView;
use hashbrown::HashMap;
use metrics::{Key, Label, SharedString};

use super::names;

/// The names and keys of all series that a report has.
#[derive(Default)]
pub(super) struct Told {
    families: HashMap<Box<[u8]>, Name>,
    /// The number of the report.
    report: u64,
}

/// The name of a family, and its series by what is prepared for their groups.
pub(super) struct Name {
    name: SharedString,
    series: HashMap<Box<[u8]>, Series>,
    report: u64,
}

/// The key of a series.
pub(super) struct Series {
    pub(super) key: Key,
    /// That of the text that a gauge has had last.
    of_text: Option<(Box<str>, Key)>,
    report: u64,
}

impl Told {
    pub(super) fn begin(&mut self) {
        self.report += 1;
    }

    /// The name of a family, which is described when it is new.
    pub(super) fn family(&mut self, prepared: &[u8], describe: impl FnOnce(&SharedString)) -> &mut Name {
        let known = self.families.entry_ref(prepared).or_insert_with(|| {
            let name = SharedString::from(String::from_utf8_lossy(prepared).into_owned());
            describe(&name);
            Name { name, series: HashMap::new(), report: 0 }
        });
        known.report = self.report;
        known
    }

    /// Forgets what was not in the report.
    pub(super) fn end(&mut self) {
        let report = self.report;
        self.families.retain(|_, name| name.report == report);
        for name in self.families.values_mut() {
            name.series.retain(|_, series| series.report == report);
        }
    }
}

impl Name {
    /// What a series is called, made with its first report.
    pub(super) fn series(&mut self, view: &SeriesView<'_>) -> &mut Series {
        let Self { name, series, report } = self;
        let known = series.entry_ref(view.prepared()).or_insert_with(|| Series {
            key: Key::from_parts(name.clone(), names::labels(&view.group())),
            of_text: None,
            report: 0,
        });
        known.report = *report;
        known
    }
}

impl Series {
    /// The key with a text, and the one with the text before if that was another.
    pub(super) fn with_text(&mut self, text: &str) -> (&Key, Option<Key>) {
        let before = self.of_text.take_if(|(known, _)| **known != *text).map(|(_, key)| key);
        let key = &self.key;
        let with = || {
            let label = Label::new(names::TEXT, text.to_owned());
            (text.into(), key.with_extra_labels(Vec::from([label])))
        };
        let (_, of_text) = self.of_text.get_or_insert_with(with);
        (of_text, before)
    }
}
