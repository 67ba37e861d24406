//! MBeans as clients of JMX see them, whatever protocol they come by.
//!
//! | type | what |
//! |---|---|
//! | [`ObjectName`] | the name of a bean, or a pattern of names, with Java's syntax and rules |
//! | [`MBeanClass`] | the attributes of beans of one kind, and what they mean |
//! | [`MBean`] | a name, a class, and the values of the attributes at the time of one report |
//! | [`MBeans`] | all beans at that time, by name and by pattern |
//! | [`MBeanServer`] | the latest of these, made anew when clients ask |
//!
//! A bridge holds a clone of the [`MBeanServer`], asks it [when fresh](MBeanServer::when_fresh) for the beans, answers from those, and
//! says which of them were [sent](MBeanServer::sent).

mod beans;
mod class;
mod deliveries;
mod object_name;
mod parse;
mod quote;
mod registrations;
mod server;
mod value;

pub use beans::{MBean, MBeans};
pub use class::{AttributeInfo, MBeanClass};
pub use object_name::ObjectName;
pub use parse::InvalidNameError;
pub use quote::{quoted, unquoted};
pub use registrations::Registration;
pub use server::MBeanServer;
pub use value::{MBeanValue, MemoryUsage};
