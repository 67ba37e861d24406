//! Writes streams of serialized objects, as Java's `ObjectOutputStream` does for RMI.

use std::borrow::Cow;
use std::collections::HashMap;

use super::class::Class;
use super::classes::EMPTY_LIST;
use super::text;

/// The first handle of a stream.
pub(crate) const FIRST_HANDLE: u32 = 0x7e_0000;

/// A stream that is written: what begins an object is called, then what its fields are, from the topmost class down.
pub(crate) struct Writer {
    out: Vec<u8>,
    next: u32,
    texts: HashMap<Cow<'static, str>, u32>,
    classes: HashMap<&'static str, u32>,
    empty_list: Option<u32>,
}

impl Writer {
    /// A stream behind bytes of whatever it is part of.
    pub(crate) fn behind(bytes: &[u8]) -> Self {
        let mut out = bytes.to_vec();
        out.extend([0xac, 0xed, 0, 5]);
        Self { out, next: FIRST_HANDLE, texts: HashMap::new(), classes: HashMap::new(), empty_list: None }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    pub(crate) fn null(&mut self) {
        self.out.push(0x70);
    }

    /// An object that is in the stream already.
    pub(crate) fn reference(&mut self, handle: u32) {
        self.out.push(0x71);
        self.raw(&handle.to_be_bytes());
    }

    /// Begins an object. Returns its handle.
    pub(crate) fn begin(&mut self, class: &'static Class) -> u32 {
        self.out.push(0x73);
        self.class(Some(class));
        self.handle()
    }

    /// Begins an array of so many elements, which are to follow.
    pub(crate) fn begin_array(&mut self, class: &'static Class, length: usize) {
        self.out.push(0x75);
        self.class(Some(class));
        self.handle();
        self.int(i32::try_from(length).unwrap_or(i32::MAX));
    }

    /// Ends what a class has behind its fields.
    pub(crate) fn end_annotation(&mut self) {
        self.out.push(0x78);
    }

    /// Primitive values that are no field's.
    pub(crate) fn block(&mut self, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(length) => self.out.extend([0x77, length]),
            Err(_) => {
                self.out.push(0x7a);
                self.int(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
            }
        }
        self.raw(bytes);
    }

    /// A text that Java would have as one object, however often it is there.
    pub(crate) fn shared_text(&mut self, text: &str) {
        if let Some(handle) = self.texts.get(text) {
            return self.reference(*handle);
        }
        self.texts.insert(Cow::Owned(text.to_owned()), self.next);
        self.text(text);
    }

    /// A text by itself.
    pub(crate) fn text(&mut self, text: &str) {
        self.handle();
        let length = text::length(text);
        match u16::try_from(length) {
            Ok(length) => {
                self.out.push(0x74);
                self.raw(&length.to_be_bytes());
            }
            Err(_) => {
                self.out.push(0x7c);
                self.raw(&(length as u64).to_be_bytes());
            }
        }
        text::write(text, &mut self.out);
    }

    /// Java's only empty list.
    pub(crate) fn empty_list(&mut self) {
        match self.empty_list {
            Some(handle) => self.reference(handle),
            None => self.empty_list = Some(self.begin(&EMPTY_LIST)),
        }
    }

    pub(crate) fn byte(&mut self, value: u8) {
        self.out.push(value);
    }

    pub(crate) fn short(&mut self, value: i16) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn int(&mut self, value: i32) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn long(&mut self, value: i64) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn double(&mut self, value: f64) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn handle(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    /// A short text that is no object.
    fn utf(&mut self, text: &'static str) {
        self.raw(&(text.len() as u16).to_be_bytes());
        self.raw(text.as_bytes());
    }

    fn class(&mut self, class: Option<&'static Class>) {
        let Some(class) = class else { return self.null() };
        if let Some(handle) = self.classes.get(class.name) {
            return self.reference(*handle);
        }
        self.out.push(0x72);
        self.utf(class.name);
        self.raw(&class.uid.to_be_bytes());
        let handle = self.handle();
        self.classes.insert(class.name, handle);
        self.out.push(class.flags());
        self.raw(&(class.fields.len() as u16).to_be_bytes());
        for field in class.fields {
            self.out.push(field.code);
            self.utf(field.name);
            if !field.signature.is_empty() {
                match self.texts.get(field.signature) {
                    Some(handle) => self.reference(*handle),
                    None => {
                        self.texts.insert(Cow::Borrowed(field.signature), self.next);
                        self.text(field.signature);
                    }
                }
            }
        }
        // RMI says where a class can be loaded from: nowhere.
        self.null();
        self.end_annotation();
        self.class(class.parent);
    }
}
