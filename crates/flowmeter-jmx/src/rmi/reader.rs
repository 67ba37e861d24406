//! Reads streams of serialized objects that anybody may have sent.

use std::sync::Arc;

use super::class::{Class, Field};
use super::object::{Array, FieldValue, Instance, Object};
use super::text;
use super::writer::FIRST_HANDLE;

/// The most that a stream may have.
const MOST_HANDLES: usize = 4096;
const MOST_ITEMS: usize = 4096;
const MOST_DEPTH: usize = 8;

/// Why nothing more was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The bytes end before the stream does.
    Cut,
    /// The stream is not one that is read.
    Refused(String),
}

fn refused<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Refused(why.into()))
}

/// How classes are annotated, with where they could be loaded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Annotations {
    /// As in calls, which say that it is nowhere.
    Null,
    /// As in streams within them, which say nothing.
    Nothing,
}

/// A stream that is read. Only objects of known classes are, whose name, version and fields must be exactly what is known; and there
/// are limits for whatever could grow.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    known: &'static [&'static Class],
    annotations: Annotations,
    handles: Vec<Handle>,
}

enum Handle {
    Class(&'static Class),
    Object(Object),
    /// An object that is not read to its end yet.
    Open,
}

impl<'a> Reader<'a> {
    /// A reader of a stream, from its header on.
    pub(crate) fn new(
        bytes: &'a [u8],
        known: &'static [&'static Class],
        annotations: Annotations,
    ) -> Result<Self, Stop> {
        let mut reader = Self { bytes, at: 0, known, annotations, handles: Vec::new() };
        if reader.take(4)? != [0xac, 0xed, 0, 5] {
            return refused("it is no stream of objects");
        }
        Ok(reader)
    }

    /// How much was read.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Primitive values in a block of at least so many bytes.
    pub(crate) fn block(&mut self, least: usize) -> Result<&'a [u8], Stop> {
        match self.byte()? {
            0x77 => {}
            tag => return refused(format!("there is {tag:#04x} in the place of a block")),
        }
        let length = usize::from(self.byte()?);
        if length < least {
            return refused(format!("a block has {length} bytes, not {least}"));
        }
        self.take(length)
    }

    /// An object, with all that it has.
    pub(crate) fn object(&mut self) -> Result<Object, Stop> {
        self.object_at(0)
    }

    /// The class of the next object, and the object of its first field that is none of the primitive ones. The rest is not read.
    pub(crate) fn first_object_of(&mut self, class: &'static Class) -> Result<Object, Stop> {
        if self.byte()? != 0x73 || self.class()?.name != class.name {
            return refused(format!("it is no {}", class.name));
        }
        self.open()?;
        self.object_at(1)
    }

    fn object_at(&mut self, depth: usize) -> Result<Object, Stop> {
        if depth > MOST_DEPTH {
            return refused("objects are within each other too deeply");
        }
        match self.byte()? {
            0x70 => Ok(Object::Null),
            0x71 => match self.handle()? {
                // As deep as if it were written out here: what nests without end would be dropped without end.
                Handle::Object(object) if depth + object.height() > MOST_DEPTH => {
                    refused("objects are within each other too deeply")
                }
                Handle::Object(object) => Ok(object.clone()),
                Handle::Class(_) => refused("a class is in the place of an object"),
                Handle::Open => refused("an object is within itself"),
            },
            0x74 => {
                let length = u16::from_be_bytes(self.array()?);
                self.text(length.into())
            }
            0x7c => {
                let length = u64::from_be_bytes(self.array()?);
                let Ok(length) = usize::try_from(length) else { return refused("a text is too long") };
                self.text(length)
            }
            0x75 => self.array_at(depth),
            0x73 => self.instance_at(depth),
            tag => refused(format!("there is {tag:#04x} in the place of an object")),
        }
    }

    fn text(&mut self, length: usize) -> Result<Object, Stop> {
        let Some(text) = text::read(self.take(length)?) else {
            return refused("a text is no modified UTF-8");
        };
        let text = Object::Text(text.into());
        let place = self.open()?;
        self.close(place, text.clone());
        Ok(text)
    }

    fn array_at(&mut self, depth: usize) -> Result<Object, Stop> {
        let class = self.class()?;
        if !class.name.starts_with('[') {
            return refused(format!("{} is no array", class.name));
        }
        let place = self.open()?;
        let length = i32::from_be_bytes(self.array()?);
        let Ok(length) = usize::try_from(length) else { return refused("an array has less than nothing") };
        let array = if class.name == "[B" {
            Object::Bytes(self.take(length)?.into())
        } else {
            if length > MOST_ITEMS {
                return refused(format!("an array has {length} elements, more than {MOST_ITEMS}"));
            }
            // Memory is for what has been read, whatever the length says.
            let items = (0..length).map(|_| self.object_at(depth + 1)).collect::<Result<_, _>>()?;
            Object::Array(Arc::new(Array::new(class, items)))
        };
        self.close(place, array.clone());
        Ok(array)
    }

    fn instance_at(&mut self, depth: usize) -> Result<Object, Stop> {
        let class = self.class()?;
        if class.name.starts_with('[') {
            return refused(format!("{} is an array", class.name));
        }
        let place = self.open()?;
        let (mut fields, mut annotation) = (Vec::new(), Vec::new());
        for class in class.down_from_top() {
            for field in class.fields {
                fields.push(self.field(field, depth)?);
            }
            if class.has_annotation {
                while self.peek()? != 0x78 {
                    if annotation.len() >= MOST_ITEMS {
                        return refused("an object has too much behind its fields");
                    }
                    annotation.push(self.object_at(depth + 1)?);
                }
                self.byte()?;
            }
        }
        let instance = Object::Instance(Arc::new(Instance::new(class, fields, annotation)));
        self.close(place, instance.clone());
        Ok(instance)
    }

    fn field(&mut self, field: &Field, depth: usize) -> Result<FieldValue, Stop> {
        Ok(match field.code {
            b'B' | b'Z' => FieldValue::Number(self.byte()?.into()),
            b'S' => FieldValue::Number(i16::from_be_bytes(self.array()?).into()),
            b'I' => FieldValue::Number(i32::from_be_bytes(self.array()?).into()),
            b'J' => FieldValue::Number(i64::from_be_bytes(self.array()?)),
            b'L' | b'[' => FieldValue::Object(self.object_at(depth + 1)?),
            code => return refused(format!("a field has the type {code:#04x}")),
        })
    }

    fn class(&mut self) -> Result<&'static Class, Stop> {
        match self.class_or_none(None)? {
            Some(class) => Ok(class),
            None => refused("an object has no class"),
        }
    }

    /// A class, and those above it. `below` is the class that it must be above of.
    fn class_or_none(&mut self, below: Option<&'static Class>) -> Result<Option<&'static Class>, Stop> {
        let class = match self.byte()? {
            0x70 => None,
            0x71 => match self.handle()? {
                Handle::Class(class) => Some(*class),
                _ => return refused("an object is in the place of a class"),
            },
            0x72 => return self.new_class(below).map(Some),
            tag => return refused(format!("there is {tag:#04x} in the place of a class")),
        };
        check_parent(below, class)?;
        Ok(class)
    }

    fn new_class(&mut self, below: Option<&'static Class>) -> Result<&'static Class, Stop> {
        let name = self.utf()?;
        let Some(class) = self.known.iter().copied().find(|class| class.name.as_bytes() == name) else {
            let name: String = String::from_utf8_lossy(name).chars().take(100).collect();
            return refused(format!("the class {name:?} is not read"));
        };
        // Before what is above it is read, so that this does not go deeper than classes do.
        check_parent(below, Some(class))?;
        if u64::from_be_bytes(self.array()?) != class.uid {
            return refused(format!("{} is of another version", class.name));
        }
        let place = self.open()?;
        let is_same = self.byte()? == class.flags()
            && usize::from(u16::from_be_bytes(self.array()?)) == class.fields.len();
        if !is_same {
            return refused(format!("{} has other fields", class.name));
        }
        for field in class.fields {
            let is_same = self.byte()? == field.code && self.utf()? == field.name.as_bytes();
            if !is_same || !(field.signature.is_empty() || self.is_next(field.signature)?) {
                return refused(format!("{} has no field {}", class.name, field.name));
            }
        }
        if self.annotations == Annotations::Null && self.byte()? != 0x70 {
            return refused("a class would have to be loaded from elsewhere");
        }
        if self.byte()? != 0x78 {
            return refused("a class is annotated");
        }
        self.class_or_none(Some(class))?;
        self.handles[place] = Handle::Class(class);
        Ok(class)
    }

    /// Whether the next object is a text. None but texts are read: others have classes, whose fields have types, which would be read
    /// here again, and so on without end.
    fn is_next(&mut self, expected: &str) -> Result<bool, Stop> {
        match self.byte()? {
            0x71 => Ok(matches!(self.handle()?, Handle::Object(object) if object.text() == Some(expected))),
            0x74 => {
                let length = u16::from_be_bytes(self.array()?);
                Ok(self.text(length.into())?.text() == Some(expected))
            }
            _ => Ok(false),
        }
    }

    fn handle(&mut self) -> Result<&Handle, Stop> {
        let handle = u32::from_be_bytes(self.array()?);
        let place = handle.checked_sub(FIRST_HANDLE).and_then(|place| self.handles.get(place as usize));
        place.map_or_else(|| refused("there is no object of a handle"), Ok)
    }

    fn open(&mut self) -> Result<usize, Stop> {
        if self.handles.len() == MOST_HANDLES {
            return refused(format!("there are more than {MOST_HANDLES} objects"));
        }
        self.handles.push(Handle::Open);
        Ok(self.handles.len() - 1)
    }

    fn close(&mut self, place: usize, object: Object) {
        self.handles[place] = Handle::Object(object);
    }

    fn utf(&mut self) -> Result<&'a [u8], Stop> {
        let length = u16::from_be_bytes(self.array()?);
        self.take(length.into())
    }

    fn peek(&self) -> Result<u8, Stop> {
        self.bytes.get(self.at).copied().ok_or(Stop::Cut)
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| Stop::Cut)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Stop> {
        let end = self.at.checked_add(length).ok_or(Stop::Cut)?;
        let bytes = self.bytes.get(self.at..end).ok_or(Stop::Cut)?;
        self.at = end;
        Ok(bytes)
    }
}

/// Looks whether what is above a class is what is known to be.
fn check_parent(below: Option<&'static Class>, class: Option<&'static Class>) -> Result<(), Stop> {
    let Some(below) = below else { return Ok(()) };
    if below.parent.map(|parent| parent.name) == class.map(|class| class.name) {
        return Ok(());
    }
    refused(format!("{} has another superclass", below.name))
}
