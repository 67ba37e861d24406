//! What the flat identifiers of system groups are made of.

use crate::ScopeKind;
use crate::variables::Key;

/// The templates of flat identifiers, one for each kind of system group, in the form of Flink's `metrics.scope.*` keys.
///
/// A format is a list of components with dots between them, whatever the delimiter of the identifiers is. A component is
/// a variable in angle brackets, which stands for its value, or a text without brackets, which stands for itself; a first
/// component `*` stands for the format of the group above. Formats decide about identifiers, never about variables. The
/// defaults are Flink's.
///
/// ```
/// use flowmeter_core::{Registry, RegistryOptions, ScopeFormats, ScopeKind};
///
/// let formats = ScopeFormats::default()
///     .with(ScopeKind::TaskManager, "<tm_id>")?
///     .with(ScopeKind::TaskManagerJob, "*.<job_name>")?;
/// let registry = Registry::with_options(RegistryOptions::default().with_scope_formats(formats));
/// let task_manager = registry.task_manager("host-1", "tm-1");
/// assert_eq!(task_manager.job("a3f0", "wordcount").view().identifier(), "tm-1.wordcount");
/// # Ok::<(), flowmeter_core::ParseScopeFormatError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeFormats([Format; KINDS]);

const KINDS: usize = ScopeKind::KINDS.len();

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Format {
    /// Begins with the format of the group above.
    inherits: bool,
    components: Vec<Component>,
}

/// A part of an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Component {
    Text(Box<str>),
    Variable(Key),
}

/// What is wrong with a scope format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseScopeFormatError {
    /// A variable that such a group does not have.
    #[error("`<{variable}>` in scope format `{format}` is no variable of such a group: it has {known}")]
    UnknownVariable {
        /// The variable.
        variable: String,
        /// The format that has it.
        format: String,
        /// The variables that it could have.
        known: String,
    },

    /// A component that is neither a variable nor a text: its variables would be written as they stand.
    #[error(
        "`{component}` in scope format `{format}` is neither a variable such as `<host>` nor a text: put dots between \
         variables and texts"
    )]
    MixedComponent {
        /// The component.
        component: String,
        /// The format that has it.
        format: String,
    },

    /// Nothing between two dots.
    #[error("scope format `{format}` has an empty component: give a text or a variable such as `<host>`")]
    EmptyComponent {
        /// The format.
        format: String,
    },

    /// A star that is not the first component, or has nothing above.
    #[error(
        "`*` in scope format `{format}` stands for nothing: it can be the first component, below another group"
    )]
    NothingToInherit {
        /// The format.
        format: String,
    },
}

impl ScopeFormats {
    /// Sets the format of a kind of group. Groups outside of any JobManager or TaskManager have none: theirs can be texts.
    ///
    /// # Errors
    ///
    /// When it is no format for such a group.
    pub fn with(mut self, kind: ScopeKind, format: &str) -> Result<Self, ParseScopeFormatError> {
        self.0[kind as usize] = Format::parse(kind, format)?;
        Ok(self)
    }

    /// The components of identifiers of groups of a kind.
    pub(crate) fn components(&self, kind: ScopeKind) -> Vec<&Component> {
        let format = &self.0[kind as usize];
        let mut components = match above(kind) {
            Some(above) if format.inherits => self.components(above),
            _ => Vec::with_capacity(8),
        };
        components.extend(&format.components);
        components
    }
}

impl Format {
    fn parse(kind: ScopeKind, format: &str) -> Result<Self, ParseScopeFormatError> {
        let mut parsed = Self::default();
        for (position, component) in format.split('.').enumerate() {
            let variable = component.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
            match (component, variable) {
                ("*", _) if position == 0 && above(kind).is_some() => parsed.inherits = true,
                ("*", _) => {
                    return Err(ParseScopeFormatError::NothingToInherit { format: format.to_owned() });
                }
                ("", _) => return Err(ParseScopeFormatError::EmptyComponent { format: format.to_owned() }),
                (_, Some(variable)) => {
                    let key = variables_of(kind).iter().find(|key| key.name() == variable);
                    let key = key.ok_or_else(|| unknown_variable(variable, kind, format))?;
                    parsed.components.push(Component::Variable(*key));
                }
                (text, None) if text.contains(['<', '>']) => {
                    let (component, format) = (text.to_owned(), format.to_owned());
                    return Err(ParseScopeFormatError::MixedComponent { component, format });
                }
                (text, None) => parsed.components.push(Component::Text(text.into())),
            }
        }
        Ok(parsed)
    }
}

/// Flink's formats.
const DEFAULTS: [(ScopeKind, &str); KINDS - 1] = [
    (ScopeKind::JobManager, "<host>.jobmanager"),
    (ScopeKind::JobManagerJob, "<host>.jobmanager.<job_name>"),
    (ScopeKind::JobManagerOperator, "<host>.jobmanager.<job_name>.<operator_name>"),
    (ScopeKind::TaskManager, "<host>.taskmanager.<tm_id>"),
    (ScopeKind::TaskManagerJob, "<host>.taskmanager.<tm_id>.<job_name>"),
    (ScopeKind::Task, "<host>.taskmanager.<tm_id>.<job_name>.<task_name>.<subtask_index>"),
    (ScopeKind::Operator, "<host>.taskmanager.<tm_id>.<job_name>.<operator_name>.<subtask_index>"),
];

impl Default for ScopeFormats {
    /// Flink's.
    fn default() -> Self {
        let mut formats = Self(Default::default());
        for (kind, format) in DEFAULTS {
            // All of them are formats, which a test makes sure of.
            formats.0[kind as usize] = Format::parse(kind, format).unwrap_or_default();
        }
        formats
    }
}

/// The kind of the group above, whose format `*` stands for.
fn above(kind: ScopeKind) -> Option<ScopeKind> {
    match kind {
        ScopeKind::Root | ScopeKind::JobManager | ScopeKind::TaskManager => None,
        ScopeKind::JobManagerJob => Some(ScopeKind::JobManager),
        ScopeKind::JobManagerOperator => Some(ScopeKind::JobManagerJob),
        ScopeKind::TaskManagerJob => Some(ScopeKind::TaskManager),
        ScopeKind::Task => Some(ScopeKind::TaskManagerJob),
        ScopeKind::Operator => Some(ScopeKind::Task),
    }
}

/// The variables of a group and of those above it.
fn variables_of(kind: ScopeKind) -> &'static [Key] {
    use Key::{
        Host, JobId, JobName, OperatorId, OperatorName, SubtaskIndex, TaskAttemptId, TaskAttemptNum, TaskId,
        TaskName, TmId,
    };
    match kind {
        ScopeKind::Root => &[],
        ScopeKind::JobManager => &[Host],
        ScopeKind::JobManagerJob => &[Host, JobId, JobName],
        ScopeKind::JobManagerOperator => &[Host, JobId, JobName, TaskId, TaskName, OperatorId, OperatorName],
        ScopeKind::TaskManager => &[Host, TmId],
        ScopeKind::TaskManagerJob => &[Host, TmId, JobId, JobName],
        ScopeKind::Task => {
            &[Host, TmId, JobId, JobName, TaskId, TaskName, TaskAttemptId, TaskAttemptNum, SubtaskIndex]
        }
        ScopeKind::Operator => &Key::ALL,
    }
}

fn unknown_variable(variable: &str, kind: ScopeKind, format: &str) -> ParseScopeFormatError {
    let known: Vec<_> = variables_of(kind).iter().map(|key| format!("`<{}>`", key.name())).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    ParseScopeFormatError::UnknownVariable { variable: variable.to_owned(), format: format.to_owned(), known }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_format_says_why() {
        use ScopeKind::{JobManager, Operator, Root, TaskManager};
        for (kind, format, expected) in [
            (
                TaskManager,
                "<host>.<tm>",
                "`<tm>` in scope format `<host>.<tm>` is no variable of such a group: it has `<host>`, `<tm_id>`",
            ),
            (
                JobManager,
                "<Host>",
                "`<Host>` in scope format `<Host>` is no variable of such a group: it has `<host>`",
            ),
            (Root, "<host>", "`<host>` in scope format `<host>` is no variable of such a group: it has none"),
            (
                TaskManager,
                "tm.<host>-<tm_id>s",
                "`<host>-<tm_id>s` in scope format `tm.<host>-<tm_id>s` is neither a variable such as `<host>` nor a text: \
                 put dots between variables and texts",
            ),
            (
                Operator,
                "a..b",
                "scope format `a..b` has an empty component: give a text or a variable such as `<host>`",
            ),
            (
                Operator,
                "",
                "scope format `` has an empty component: give a text or a variable such as `<host>`",
            ),
            (
                TaskManager,
                "*.a",
                "`*` in scope format `*.a` stands for nothing: it can be the first component, below another group",
            ),
            (
                Operator,
                "a.*",
                "`*` in scope format `a.*` stands for nothing: it can be the first component, below another group",
            ),
        ] {
            assert_eq!(ScopeFormats::default().with(kind, format).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn the_defaults_are_formats() {
        for (kind, format) in DEFAULTS {
            let parts = format.split('.').count();
            assert_eq!(Format::parse(kind, format).unwrap().components.len(), parts, "{format}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_format_or_an_error(format in "[<>a-z_.*]{0,20}") {
            if let Ok(formats) = ScopeFormats::default().with(ScopeKind::Operator, &format) {
                prop_assert!(format == "*" || !formats.components(ScopeKind::Operator).is_empty());
            }
        }
    }
}
