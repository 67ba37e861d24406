//! What the arguments of calls say.

use crate::model::ObjectName;

use super::class::Class;
use super::classes as c;
use super::exception::Exception;
use super::identity::{ObjId, Uid};
use super::message::Call;
use super::object::{Instance, Object};
use super::reader::{Annotations, Reader};

impl Call {
    /// An argument; `null` if there are not as many.
    pub(crate) fn argument(&self, number: usize) -> &Object {
        self.arguments.get(number).unwrap_or(&Object::Null)
    }

    /// An argument that must be a name.
    pub(crate) fn name(&self, number: usize) -> Result<ObjectName, Exception> {
        let name = name_of(self.argument(number))?;
        name.ok_or_else(|| Exception::illegal_argument("Object name cannot be null"))
    }

    /// An argument that is a name, or `null` for all names.
    pub(crate) fn pattern(&self, number: usize) -> Result<Option<ObjectName>, Exception> {
        name_of(self.argument(number))
    }

    /// An argument that must be a text.
    pub(crate) fn text(&self, number: usize) -> Result<&str, Exception> {
        self.argument(number).text().ok_or_else(|| Exception::illegal_argument("a text cannot be null"))
    }

    /// An argument that must be an array of texts.
    pub(crate) fn texts(&self, number: usize) -> Result<Vec<&str>, Exception> {
        let array = self.argument(number).array(&c::STRING_ARRAY);
        let texts = array.and_then(|items| items.iter().map(Object::text).collect());
        texts.ok_or_else(|| Exception::illegal_argument("an array of texts, or one of them, cannot be null"))
    }
}

fn name_of(object: &Object) -> Result<Option<ObjectName>, Exception> {
    if object.is_null() {
        return Ok(None);
    }
    let name = object.instance(&c::OBJECT_NAME).and_then(|name| match &*name.annotation {
        [text] => text.text(),
        _ => None,
    });
    let name = name.ok_or_else(|| Exception::unmarshal("an argument is no javax.management.ObjectName"))?;
    ObjectName::asked(name).map(Some).map_err(|error| Exception::unmarshal(format!("{name}: {error}")))
}

/// The names of an array of them.
pub(crate) fn names(object: &Object) -> Result<Vec<ObjectName>, Exception> {
    let wrong = || Exception::illegal_argument("an array of names, or one of them, cannot be null");
    let items = object.array(&c::OBJECT_NAME_ARRAY).ok_or_else(wrong)?;
    items.iter().map(|item| name_of(item)?.ok_or_else(wrong)).collect()
}

/// The numbers of an array of them.
pub(crate) fn integers(object: &Object) -> Result<Vec<i32>, Exception> {
    let number = |item: &Object| i32::try_from(item.instance(&c::INTEGER)?.number(0)?).ok();
    let numbers = object.array(&c::INTEGER_ARRAY).and_then(|items| items.iter().map(number).collect());
    numbers.ok_or_else(|| Exception::illegal_argument("an array of numbers, or one of them, cannot be null"))
}

/// The remote objects of an array of them.
pub(crate) fn remote_objects(object: &Object) -> Option<Vec<ObjId>> {
    let remote_object = |item: &Object| {
        let object = item.instance(&c::OBJ_ID)?;
        Some(ObjId { number: object.number(0)?, space: uid(object.object(1)?)? })
    };
    object.array(&c::OBJ_ID_ARRAY)?.iter().map(remote_object).collect()
}

fn uid(object: &Object) -> Option<Uid> {
    let number = |uid: &Instance, field| uid.number(field);
    let uid = object.instance(&c::UID)?;
    Some(Uid {
        count: i16::try_from(number(uid, 0)?).ok()?,
        time: number(uid, 1)?,
        unique: i32::try_from(number(uid, 2)?).ok()?,
    })
}

/// Whose a lease is: the address and number of a virtual machine.
pub(crate) fn lessee(lease: &Object) -> Option<(&[u8], Uid)> {
    let vmid = lease.instance(&c::LEASE)?.object(1)?.instance(&c::VMID)?;
    match vmid.object(0)? {
        Object::Bytes(address) => Some((address, uid(vmid.object(1)?)?)),
        _ => None,
    }
}

/// The name of an attribute that somebody wants to set. What it would be set to is not read.
pub(crate) fn attribute_name(bytes: &[u8]) -> Option<String> {
    static KNOWN: [&Class; 1] = [&c::ATTRIBUTE];
    let mut reader = Reader::new(bytes, &KNOWN, Annotations::Nothing).ok()?;
    Some(reader.first_object_of(&c::ATTRIBUTE).ok()?.text()?.to_owned())
}
