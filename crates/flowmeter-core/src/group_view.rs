//! A group as reporters see it.

use std::borrow::Cow;
use std::fmt;

use crate::ReporterOptions;
use crate::node::Node;
use crate::scope::ScopeKind;
use crate::scope_format::Component;

/// The place of a group and its variables, for a reporter that prepares what it writes for the group's series.
#[derive(Clone, Copy)]
pub struct GroupView<'a> {
    node: &'a Node,
    /// How the reporter wants it, if it is for one.
    options: Option<&'a ReporterOptions>,
}

impl<'a> GroupView<'a> {
    pub(crate) fn new(node: &'a Node) -> Self {
        Self { node, options: None }
    }

    /// For a reporter with these options.
    pub(crate) fn of_reporter(node: &'a Node, options: &'a ReporterOptions) -> Self {
        Self { node, options: Some(options) }
    }

    /// The kind of the group, or for a user group of the system group that it is below.
    #[must_use]
    pub fn scope_kind(&self) -> ScopeKind {
        self.node.kind()
    }

    /// The variable-free path, such as `taskmanager.job.task.operator`.
    #[must_use]
    pub fn logical_scope(&self) -> &'a str {
        self.node.scope().path()
    }

    /// The variables of the group and of those above it, outermost first. A key that a group sets again keeps its
    /// place and takes the inner value. A reporter does not see what is excluded for it, and sees what is added for it.
    pub fn variables(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let mut variables = Vec::with_capacity(12);
        collect_variables(self.node, &mut variables);
        if let Some(options) = self.options {
            variables.retain(|(key, _)| !options.excluded_variables.iter().any(|excluded| excluded == key));
            for (key, value) in &options.additional_variables {
                if variables.iter().all(|(known, _)| known != key) {
                    variables.push((key, value));
                }
            }
        }
        variables.into_iter()
    }

    /// The parts of the flat identifier: those of the [scope format](crate::ScopeFormats), by default for an operator host,
    /// `taskmanager`, TaskManager id, job name, operator name, subtask index; then the user groups.
    #[must_use]
    pub fn components(&self) -> Vec<Cow<'a, str>> {
        let path = self.path();
        let system = path.iter().rposition(|node| !is_user(node));
        let (system, user) = path.split_at(system.map_or(0, |position| position + 1));
        let variable = |key: &str| {
            let own = system.iter().rev().flat_map(|node| node.own().iter());
            own.into_iter().find(|(known, _)| *known == key).map_or("", |(_, value)| value)
        };
        let format = self.node.core().scope_formats.components(self.scope_kind());
        let mut components: Vec<Cow<'a, str>> = format
            .into_iter()
            .map(|component| match component {
                Component::Text(text) => Cow::Borrowed(&**text),
                Component::Variable(key) => Cow::Borrowed(variable(key.name())),
            })
            .collect();
        for node in user {
            match node.own().name() {
                Some(name) => components.push(Cow::Borrowed(name)),
                None => {
                    let pairs = node.own().iter().flat_map(|(key, value)| [key, value]);
                    components.extend(pairs.map(Cow::Borrowed));
                }
            }
        }
        components
    }

    /// The parts of the flat identifier of the system group of a kind, which is this group or one above it: without user groups.
    /// Nothing if there is none.
    #[must_use]
    pub fn system_components(&self, kind: ScopeKind) -> Option<Vec<Cow<'a, str>>> {
        if kind == ScopeKind::Root {
            return Some(Vec::new());
        }
        let mut node = self.node;
        while node.kind() != kind || is_user(node) {
            node = node.parent()?;
        }
        Some(Self { node, options: self.options }.components())
    }

    /// The components joined by the reporter's delimiter, a dot by default. Where a component has it, an underscore is in its
    /// place, or a hyphen if the delimiter is an underscore, so that components stay apart.
    #[must_use]
    pub fn identifier(&self) -> String {
        self.identifier_filtered(|component| Cow::Borrowed(component))
    }

    /// The identifier, with components that went through a filter of characters.
    #[must_use]
    pub fn identifier_filtered(&self, filter: impl Fn(&str) -> Cow<'_, str>) -> String {
        let delimiter = self.options.map_or(DEFAULT_DELIMITER, |options| options.scope_delimiter);
        let mut identifier = String::new();
        for (position, component) in self.components().iter().enumerate() {
            if position > 0 {
                identifier.push(delimiter);
            }
            identifier.push_str(&without_delimiter(&filter(component), delimiter));
        }
        identifier
    }

    /// The groups from the outermost to this one, without the root.
    fn path(&self) -> Vec<&'a Node> {
        let mut path = Vec::with_capacity(8);
        let mut node = self.node;
        while let Some(parent) = node.parent() {
            path.push(node);
            node = parent;
        }
        path.reverse();
        path
    }
}

/// Between the components of an identifier.
pub(crate) const DEFAULT_DELIMITER: char = '.';

/// A text with something else in the place of delimiters.
pub(crate) fn without_delimiter(text: &str, delimiter: char) -> Cow<'_, str> {
    if text.contains(delimiter) {
        Cow::Owned(text.replace(delimiter, if delimiter == '_' { "-" } else { "_" }))
    } else {
        Cow::Borrowed(text)
    }
}

fn collect_variables<'a>(node: &'a Node, variables: &mut Vec<(&'a str, &'a str)>) {
    if let Some(parent) = node.parent() {
        collect_variables(parent, variables);
    }
    for (key, value) in node.own().iter() {
        match variables.iter_mut().find(|(known, _)| *known == key) {
            Some((_, outer)) => *outer = value,
            None => variables.push((key, value)),
        }
    }
}

/// Whether the group was added by a user: it shares its kind with its parent.
fn is_user(node: &Node) -> bool {
    node.parent().is_none_or(|parent| parent.kind() == node.kind())
}

impl fmt::Debug for GroupView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupView")
            .field("logical_scope", &self.logical_scope())
            .field("variables", &self.variables().collect::<Vec<_>>())
            .finish()
    }
}
