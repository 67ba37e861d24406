//! Reads what a server sends, of whatever classes: another reader than the server's own, which is strict and knows a few.

use std::collections::BTreeMap;

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Number(i64),
    Float(f64),
    Text(String),
    Block(Vec<u8>),
    Array(String, Vec<Self>),
    Object {
        class: String,
        fields: BTreeMap<String, Self>,
        annotation: Vec<Self>,
    },
    /// An object that is within itself.
    Cycle,
}

impl Value {
    pub fn class(&self) -> &str {
        match self {
            Self::Object { class, .. } | Self::Array(class, _) => class,
            Self::Text(_) => "java.lang.String",
            other => panic!("{other:?} has no class"),
        }
    }

    pub fn field(&self, name: &str) -> &Self {
        match self {
            Self::Object { fields, .. } => &fields[name],
            other => panic!("{other:?} has no field {name}"),
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            other => panic!("{other:?} is no text"),
        }
    }

    pub fn items(&self) -> &[Self] {
        match self {
            Self::Array(_, items) => items,
            Self::Object { annotation, .. } => annotation,
            other => panic!("{other:?} has no items"),
        }
    }
}

#[derive(Clone)]
struct Class {
    name: String,
    flags: u8,
    fields: Vec<(u8, String)>,
    parent: Option<Box<Self>>,
}

#[derive(Clone)]
enum Handle {
    Class(Class),
    Value(Value),
}

/// A reader of bytes that has all of them.
pub struct Decoder<'a> {
    bytes: &'a [u8],
    pub at: usize,
    handles: Vec<Handle>,
}

/// Classes that write nothing but their annotation.
const WITHOUT_FIELDS: [&str; 2] = ["java.rmi.server.RemoteObject", "javax.management.ObjectName"];

impl<'a> Decoder<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Self { bytes, at: 0, handles: Vec::new() };
        assert_eq!(decoder.take(4), Some(&[0xac, 0xed, 0, 5][..]));
        decoder
    }

    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// A value; nothing if the bytes end before it.
    pub fn value(&mut self) -> Option<Value> {
        Some(match self.byte()? {
            0x70 => Value::Null,
            0x71 => match self.handle()? {
                Handle::Value(value) => value,
                Handle::Class(_) => panic!("a class is in the place of an object"),
            },
            0x74 => {
                let length = self.number(2)? as usize;
                self.text(length)?
            }
            0x7c => {
                let length = self.number(8)? as usize;
                self.text(length)?
            }
            0x77 => {
                let length = self.number(1)? as usize;
                Value::Block(self.take(length)?.to_vec())
            }
            0x7a => {
                let length = self.number(4)? as usize;
                Value::Block(self.take(length)?.to_vec())
            }
            0x75 => {
                let class = self.class()?.expect("arrays have a class");
                let place = self.open();
                let length = self.number(4)? as usize;
                let code = class.name.as_bytes()[1];
                let items = (0..length).map(|_| self.field(code)).collect::<Option<_>>()?;
                self.close(place, Value::Array(class.name, items))
            }
            0x73 => {
                let class = self.class()?.expect("objects have a class");
                let place = self.open();
                let mut classes: Vec<_> =
                    std::iter::successors(Some(&class), |class| class.parent.as_deref()).collect();
                classes.reverse();
                let (mut fields, mut annotation) = (BTreeMap::new(), Vec::new());
                for class in classes {
                    if class.flags == 2 || !WITHOUT_FIELDS.contains(&&*class.name) {
                        for (code, name) in &class.fields {
                            fields.insert(name.clone(), self.field(*code)?);
                        }
                    }
                    if class.flags == 3 {
                        while *self.bytes.get(self.at)? != 0x78 {
                            annotation.push(self.value()?);
                        }
                        self.at += 1;
                    }
                }
                self.close(place, Value::Object { class: class.name.clone(), fields, annotation })
            }
            tag => panic!("there is {tag:#04x} at {}", self.at),
        })
    }

    fn field(&mut self, code: u8) -> Option<Value> {
        Some(match code {
            b'B' | b'Z' => Value::Number(self.number(1)? as i64),
            b'S' => Value::Number((self.number(2)? as i16).into()),
            b'I' => Value::Number((self.number(4)? as i32).into()),
            b'J' => Value::Number(self.number(8)?.cast_signed()),
            b'F' => Value::Float(f32::from_bits(self.number(4)? as u32).into()),
            b'D' => Value::Float(f64::from_bits(self.number(8)?)),
            _ => self.value()?,
        })
    }

    fn class(&mut self) -> Option<Option<Class>> {
        Some(match self.byte()? {
            0x70 => None,
            0x71 => match self.handle()? {
                Handle::Class(class) => Some(class),
                Handle::Value(_) => panic!("an object is in the place of a class"),
            },
            0x72 => {
                let name = self.utf()?;
                self.take(8)?;
                let place = self.open();
                let flags = self.byte()?;
                let length = self.number(2)?;
                let fields = (0..length).map(|_| {
                    let (code, name) = (self.byte()?, self.utf()?);
                    if matches!(code, b'L' | b'[') {
                        self.value()?;
                    }
                    Some((code, name))
                });
                let fields = fields.collect::<Option<_>>()?;
                while *self.bytes.get(self.at)? != 0x78 {
                    self.value()?;
                }
                self.at += 1;
                let parent = self.class()?.map(Box::new);
                let class = Class { name, flags, fields, parent };
                self.handles[place] = Handle::Class(class.clone());
                Some(class)
            }
            tag => panic!("there is {tag:#04x} in the place of a class"),
        })
    }

    fn handle(&mut self) -> Option<Handle> {
        let place = self.number(4)? - 0x7e_0000;
        Some(self.handles[place as usize].clone())
    }

    fn open(&mut self) -> usize {
        self.handles.push(Handle::Value(Value::Cycle));
        self.handles.len() - 1
    }

    fn close(&mut self, place: usize, value: Value) -> Value {
        self.handles[place] = Handle::Value(value.clone());
        value
    }

    fn text(&mut self, length: usize) -> Option<Value> {
        let mut units = Vec::new();
        let mut bytes = self.take(length)?.iter().map(|byte| u16::from(*byte));
        while let Some(first) = bytes.next() {
            let mut more = || bytes.next().unwrap() & 0x3f;
            units.push(match first {
                0..0x80 => first,
                0xc0..0xe0 => (first & 0x1f) << 6 | more(),
                _ => (first & 0x0f) << 12 | more() << 6 | more(),
            });
        }
        let place = self.open();
        Some(self.close(place, Value::Text(String::from_utf16(&units).unwrap())))
    }

    fn utf(&mut self) -> Option<String> {
        let length = self.number(2)? as usize;
        Some(String::from_utf8(self.take(length)?.to_vec()).unwrap())
    }

    fn number(&mut self, bytes: usize) -> Option<u64> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let bytes = self.bytes.get(self.at..self.at + length)?;
        self.at += length;
        Some(bytes)
    }
}
