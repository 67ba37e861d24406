//! Exceptions, as clients get them.

use super::class::Class;
use super::classes::STACK_TRACE_ELEMENT_ARRAY;
use super::exception_classes as e;
use super::writer::Writer;

/// An exception without a stack, since there is none of Java.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    class: &'static str,
    message: String,
    /// What is within a `ReflectionException`.
    inner: Option<Box<Self>>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $class:ident,)*) => {
        impl Exception {
            $($(#[$doc])* pub(crate) fn $name(message: impl Into<String>) -> Self {
                Self { class: e::$class.name, message: message.into(), inner: None }
            })*

            fn class(&self) -> &'static Class {
                [$(&e::$class),*].into_iter().find(|class| class.name == self.class).unwrap_or(&e::EXCEPTION)
            }
        }
    };
}

kinds! {
    /// There is no such bean.
    instance_not_found: INSTANCE_NOT_FOUND_EXCEPTION,
    /// A bean has no such attribute, or not for that.
    attribute_not_found: ATTRIBUTE_NOT_FOUND_EXCEPTION,
    /// There is no such listener.
    listener_not_found: LISTENER_NOT_FOUND_EXCEPTION,
    /// Nobody may do that, or this one.
    security: SECURITY_EXCEPTION,
    /// An argument is not what it has to be.
    illegal_argument: ILLEGAL_ARGUMENT_EXCEPTION,
    /// It cannot be done now.
    io: IO_EXCEPTION,
    /// A call cannot be read.
    unmarshal: UNMARSHAL_EXCEPTION,
    /// The remote object is not there.
    no_such_object: NO_SUCH_OBJECT_EXCEPTION,
    /// The registry does not know a name.
    not_bound: NOT_BOUND_EXCEPTION,
    /// The registry does not let others change it.
    access: ACCESS_EXCEPTION,
    /// A bean cannot do something.
    reflection: REFLECTION_EXCEPTION,
    /// A bean has no such operation.
    no_such_method: NO_SUCH_METHOD_EXCEPTION,
}

impl Exception {
    /// What the JDK says where a client that may only read asks for something else.
    pub(crate) fn read_only() -> Self {
        Self::security("Access denied! Invalid access level for requested MBeanServer operation.")
    }

    pub(crate) fn with_inner(mut self, inner: Self) -> Self {
        self.inner = Some(Box::new(inner));
        self
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        let class = self.class();
        let handle = writer.begin(class);
        // An exception that is its own cause has none; remote ones say so otherwise.
        let is_remote = class.is_a(&e::REMOTE_EXCEPTION);
        if is_remote {
            writer.null();
        } else {
            writer.reference(handle);
        }
        writer.text(&self.message);
        writer.begin_array(&STACK_TRACE_ELEMENT_ARRAY, 0);
        writer.empty_list();
        writer.end_annotation();
        if is_remote {
            writer.null();
        }
        if class.is_a(&e::REFLECTION_EXCEPTION) {
            match &self.inner {
                Some(inner) => inner.write(writer),
                None => writer.null(),
            }
        }
    }
}
