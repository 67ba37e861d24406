//! What a class looks like in a stream of serialized objects.

/// A serializable class. Only what is described by one of these is read or written.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) name: &'static str,
    /// The `serialVersionUID`.
    pub(crate) uid: u64,
    /// Whether objects have data behind their fields, up to an end mark.
    pub(crate) has_annotation: bool,
    /// In the order in which they are written: primitive ones first, each kind by name.
    pub(crate) fields: &'static [Field],
    /// The superclass, if it is serializable.
    pub(crate) parent: Option<&'static Self>,
}

/// A field: its type's code, its name, and for objects and arrays the type.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) code: u8,
    pub(crate) name: &'static str,
    pub(crate) signature: &'static str,
}

impl Class {
    pub(crate) const fn new(name: &'static str, uid: u64) -> Self {
        Self { name, uid, has_annotation: false, fields: &[], parent: None }
    }

    pub(crate) const fn annotated(mut self) -> Self {
        self.has_annotation = true;
        self
    }

    pub(crate) const fn with_fields(mut self, fields: &'static [Field]) -> Self {
        self.fields = fields;
        self
    }

    pub(crate) const fn extends(mut self, parent: &'static Self) -> Self {
        self.parent = Some(parent);
        self
    }

    /// The flags in a stream: `SC_SERIALIZABLE`, and `SC_WRITE_METHOD` where there is an annotation.
    pub(crate) fn flags(&self) -> u8 {
        if self.has_annotation { 0x03 } else { 0x02 }
    }

    /// The class and those above it, from the topmost one down, as their data is written.
    pub(crate) fn down_from_top(&'static self) -> Vec<&'static Self> {
        let mut classes: Vec<_> = std::iter::successors(Some(self), |class| class.parent).collect();
        classes.reverse();
        classes
    }

    /// Whether it is a class, or one below it.
    pub(crate) fn is_a(&'static self, class: &Self) -> bool {
        std::iter::successors(Some(self), |class| class.parent).any(|known| known.name == class.name)
    }
}

/// A primitive field.
pub(crate) const fn primitive(code: u8, name: &'static str) -> Field {
    Field { code, name, signature: "" }
}

/// A field with an object, or with an array if the signature says so.
pub(crate) const fn object(name: &'static str, signature: &'static str) -> Field {
    Field { code: signature.as_bytes()[0], name, signature }
}
