//! What MBeans of one kind have in common.

use std::borrow::Cow;

/// The class of MBeans: what they are called in Java, and which attributes they have. All are to be read only, and there are no operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MBeanClass {
    /// The name of the Java class that such a bean would be of.
    pub name: Cow<'static, str>,
    /// Further classes and interfaces that it would be an instance of, beside `java.lang.Object`; the first one is the interface
    /// that says which attributes there are.
    pub interfaces: Vec<Cow<'static, str>>,
    /// What the bean is, for people.
    pub description: Cow<'static, str>,
    /// The attributes; the values of a bean are in their order.
    pub attributes: Vec<AttributeInfo>,
    /// Further facts about the bean as keys and values, sorted by key.
    pub descriptor: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// The types of the notifications that the bean sends.
    pub notifications: &'static [&'static str],
}

/// What there is to know of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeInfo {
    /// Its name.
    pub name: Cow<'static, str>,
    /// The Java type that is declared for it, such as `long` or `java.lang.Object`.
    pub java_type: &'static str,
    /// What it is, for people.
    pub description: Cow<'static, str>,
    /// The unit in UCUM, empty without, which JMX has as the entry `units` of the attribute's descriptor.
    pub units: Cow<'static, str>,
}

/// What the JDK says of an attribute that nobody described.
pub(crate) const ATTRIBUTE_DESCRIPTION: &str = "Attribute exposed for management";
/// What the JDK says of a bean that nobody described.
pub(crate) const BEAN_DESCRIPTION: &str = "Information on the management interface of the MBean";

impl MBeanClass {
    /// A class of standard MBeans: its name, and the interface with its attributes, described as the JDK does.
    #[must_use]
    pub fn standard(
        name: impl Into<Cow<'static, str>>,
        interface: impl Into<Cow<'static, str>>,
        attributes: Vec<AttributeInfo>,
    ) -> Self {
        let interface = interface.into();
        let descriptor = vec![
            ("immutableInfo".into(), "true".into()),
            ("interfaceClassName".into(), interface.clone()),
            ("mxbean".into(), "false".into()),
        ];
        Self {
            name: name.into(),
            interfaces: vec![interface],
            description: BEAN_DESCRIPTION.into(),
            attributes,
            descriptor,
            notifications: &[],
        }
    }

    /// Whether its beans are instances of a Java class or interface.
    #[must_use]
    pub fn is_instance_of(&self, class: &str) -> bool {
        class == "java.lang.Object" || class == self.name || self.interfaces.iter().any(|name| name == class)
    }

    /// Where an attribute is among the attributes.
    #[must_use]
    pub fn position(&self, attribute: &str) -> Option<usize> {
        self.attributes.iter().position(|known| known.name == attribute)
    }
}

impl AttributeInfo {
    /// An attribute that nobody described.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, java_type: &'static str) -> Self {
        Self {
            name: name.into(),
            java_type,
            description: ATTRIBUTE_DESCRIPTION.into(),
            units: Cow::Borrowed(""),
        }
    }

    /// Sets what it is, for people; an empty text changes nothing.
    #[must_use]
    pub fn with_description(mut self, description: &str) -> Self {
        if !description.is_empty() {
            self.description = description.to_owned().into();
        }
        self
    }

    /// Sets the unit, in UCUM.
    #[must_use]
    pub fn with_units(mut self, units: &str) -> Self {
        self.units = units.to_owned().into();
        self
    }
}
