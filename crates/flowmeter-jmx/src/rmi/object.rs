//! Objects that were read, as data: nothing is ever made into anything that runs.

use std::sync::Arc;

use super::class::Class;

/// An object of one of the classes that are read.
#[derive(Clone, Debug)]
pub(crate) enum Object {
    Null,
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    Array(Arc<Array>),
    Instance(Arc<Instance>),
}

#[derive(Debug)]
pub(crate) struct Array {
    pub(crate) class: &'static Class,
    pub(crate) items: Vec<Object>,
    height: usize,
}

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) class: &'static Class,
    /// Those of the topmost class first, in the order of each class.
    pub(crate) fields: Vec<FieldValue>,
    /// What is behind the fields of all of its classes.
    pub(crate) annotation: Vec<Object>,
    height: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum FieldValue {
    Number(i64),
    Object(Object),
}

impl Array {
    pub(crate) fn new(class: &'static Class, items: Vec<Object>) -> Self {
        let height = 1 + height_of(&items);
        Self { class, items, height }
    }
}

/// The height of the highest.
fn height_of<'a>(objects: impl IntoIterator<Item = &'a Object>) -> usize {
    objects.into_iter().map(Object::height).max().unwrap_or(0)
}

impl Object {
    /// How many objects are within each other in it.
    pub(crate) fn height(&self) -> usize {
        match self {
            Self::Array(array) => array.height,
            Self::Instance(instance) => instance.height,
            _ => 0,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The elements, if it is an array of a class.
    pub(crate) fn array(&self, class: &Class) -> Option<&[Self]> {
        match self {
            Self::Array(array) if array.class.name == class.name => Some(&array.items),
            _ => None,
        }
    }

    /// The object, if it is one of a class.
    pub(crate) fn instance(&self, class: &Class) -> Option<&Instance> {
        match self {
            Self::Instance(instance) if instance.class.name == class.name => Some(instance),
            _ => None,
        }
    }
}

impl Instance {
    pub(crate) fn new(class: &'static Class, fields: Vec<FieldValue>, annotation: Vec<Object>) -> Self {
        let objects = fields.iter().filter_map(|field| match field {
            FieldValue::Object(object) => Some(object),
            FieldValue::Number(_) => None,
        });
        let height = 1 + height_of(objects.chain(&annotation));
        Self { class, fields, annotation, height }
    }

    pub(crate) fn number(&self, field: usize) -> Option<i64> {
        if let Some(FieldValue::Number(number)) = self.fields.get(field) { Some(*number) } else { None }
    }

    pub(crate) fn object(&self, field: usize) -> Option<&Object> {
        if let Some(FieldValue::Object(object)) = self.fields.get(field) { Some(object) } else { None }
    }
}
