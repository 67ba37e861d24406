//! Gauges of text.

use std::fmt;
use std::sync::Arc;

use crate::block::{Keep, Object};
use crate::sample::Text;
use crate::set::{Attach, MetricHandle, Slot, Storage};
use crate::{MetricKind, ValueType};

/// A text that says what is the case, such as a version or a state, and that any thread may set through clones of the
/// handle. The last one set wins; until the first, the text is empty.
///
/// Setting allocates, and waits for nobody. Reporters show texts as their backend can: Prometheus as a label of a series
/// that is 1.
#[derive(Clone)]
#[must_use = "a gauge that is dropped keeps its value, but nobody can set it"]
pub struct TextGauge {
    text: Arc<Text>,
    _keep: Keep,
}

impl TextGauge {
    /// Sets the text.
    pub fn set(&self, text: impl Into<String>) {
        self.text.set(text.into());
    }

    /// The text that was set last.
    #[must_use]
    pub fn get(&self) -> String {
        self.text.get().as_ref().map(|text| String::clone(text)).unwrap_or_default()
    }
}

impl Attach for TextGauge {
    const STORAGE: Storage = Storage::Shared;

    fn attach(slot: Slot) -> Option<Self> {
        let Some(Object::Text(text)) = slot.object() else { return None };
        Some(Self { text: Arc::clone(text), _keep: slot.into_keep() })
    }
}

impl MetricHandle for TextGauge {
    const KIND: MetricKind = MetricKind::Gauge;
    const VALUE_TYPE: ValueType = ValueType::Text;
}

impl fmt::Debug for TextGauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TextGauge").field(&self.get()).finish()
    }
}
