//! The families of an index: what the reporter calls them, and which sets hold them.

use std::sync::Arc;

use tracing::warn;

use super::{FamilyEntry, Index, Named, Part, SPARE, SetIndex, guarded};
use crate::family::{Family, FamilySet};
use crate::reporter::{Naming, Reporter};

impl Index {
    /// The families that have series, with their names. Where a name can be only one family's, the first has it.
    pub(crate) fn families(&self) -> impl Iterator<Item = (&[u8], &FamilyEntry)> {
        let mut last: Option<&[u8]> = None;
        self.families.iter().filter_map(move |((prepared, _), entry)| {
            let empty = entry.parts.iter().all(|part| self.entries(part.set).is_empty());
            if empty || (self.traits.naming == Naming::Labeled && last == Some(prepared)) {
                return None;
            }
            last = Some(prepared);
            Some((&**prepared, entry))
        })
    }

    /// Whether the reporter wants any family of a set; prepares the families of a new one.
    pub(super) fn wants(&mut self, set: &Arc<FamilySet>, reporter: &dyn Reporter) -> bool {
        if self.sets.contains_key(&set.id) {
            return true;
        }
        let mut wanted = false;
        for (number, member) in set.members.iter().enumerate() {
            let family = &member.family;
            let known = self.family_names.get(&family.id()).map(|named| named.name.clone());
            let name = known.unwrap_or_else(|| self.prepare_family(family, reporter));
            let Some(name) = name else { continue };
            wanted = true;
            let entry = self
                .families
                .entry((name, family.id()))
                .or_insert_with(|| FamilyEntry { family: Arc::clone(family), parts: Vec::new() });
            entry.parts.push(Part { set: set.id, member: number, place: member.place });
        }
        if wanted {
            self.sets.insert(set.id, SetIndex { set: Arc::clone(set), entries: Vec::new() });
        }
        wanted
    }

    pub(super) fn family_name(&self, family: u64) -> Option<Arc<[u8]>> {
        self.family_names.get(&family)?.name.clone()
    }

    pub(super) fn prepare_family(
        &mut self,
        family: &Arc<Family>,
        reporter: &dyn Reporter,
    ) -> Option<Arc<[u8]>> {
        let mut name = Vec::new();
        let wanted = guarded(|| {
            let wanted = self.options.metrics.keeps(family) && reporter.accepts(family);
            if wanted {
                reporter.prepare_family(family, &mut name);
            }
            wanted
        });
        let (reporter, scope, metric) = (&**self.control.name(), family.logical_scope(), family.name());
        if wanted.is_none() {
            self.note_panic(
                &format!("panicked preparing metric `{scope}.{metric}`, which is not reported"),
                0,
            );
        }
        let name: Option<Arc<[u8]>> = (wanted == Some(true)).then(|| name.into());
        if let Some(name) = &name
            && self.traits.naming == Naming::Labeled
            && let Some(((taken, _), first)) = self.families.range((Arc::clone(name), 0)..).next()
            && taken == name
        {
            self.core.counts.clash();
            self.names_shared += 1;
            let name = &*String::from_utf8_lossy(name);
            let first = format!("{}.{}", first.family.logical_scope(), first.family.name());
            warn!(
                reporter,
                scope,
                metric,
                first,
                name,
                "two metrics have one name in this reporter; the later one is withheld"
            );
        }
        if self.family_names.len() >= self.purge_names_at {
            // Names may be made at run time, those that nobody wants too.
            self.family_names.retain(|_, named| named.family.strong_count() > 0);
            self.purge_names_at = (2 * self.family_names.len()).max(SPARE);
        }
        let named = Named { name: name.clone(), family: Arc::downgrade(family) };
        self.family_names.insert(family.id(), named);
        name
    }

    /// Whether another family has the name and the right to it.
    pub(super) fn is_withheld_family(&self, name: &Arc<[u8]>, family: u64) -> bool {
        let named =
            || self.families.range((Arc::clone(name), 0)..).take_while(|((other, _), _)| other == name);
        self.traits.naming == Naming::Labeled
            && named().nth(1).is_some()
            && named().map(|((_, first), _)| *first).find(|first| self.has_series(*first, name))
                != Some(family)
    }

    /// Whether families of other sets have the name of one of these.
    pub(super) fn has_shared_name(&self, set: &FamilySet) -> bool {
        set.members.iter().any(|member| {
            self.family_name(member.family.id()).is_some_and(|name| {
                let named = self.families.range((Arc::clone(&name), 0)..);
                named.take_while(|((other, _), _)| *other == name).nth(1).is_some()
            })
        })
    }

    pub(super) fn has_series(&self, family: u64, name: &Arc<[u8]>) -> bool {
        let entry = self.families.get(&(Arc::clone(name), family));
        entry.is_some_and(|entry| entry.parts.iter().any(|part| !self.entries(part.set).is_empty()))
    }

    /// Forgets sets without blocks and their families: they may be of names that were made at run time.
    pub(super) fn forget_empty_sets(&mut self) {
        let Self { sets, families, family_names, clashing, .. } = self;
        for (id, gone) in sets.extract_if(|_, index| index.entries.is_empty()) {
            clashing.remove(&id);
            for member in &gone.set.members {
                let family = member.family.id();
                let name = family_names.get(&family).and_then(|named| named.name.clone());
                let Some(key) = name.map(|name| (name, family)) else { continue };
                if let Some(entry) = families.get_mut(&key) {
                    entry.parts.retain(|part| part.set != gone.set.id);
                    if entry.parts.is_empty() {
                        families.remove(&key);
                        family_names.remove(&family);
                    }
                }
            }
        }
        if self.families.is_empty() {
            self.names_shared = 0;
        }
    }
}
