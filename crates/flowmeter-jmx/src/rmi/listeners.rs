//! Who wants to hear of beans that come and go.

use super::class::Class;
use super::classes as c;
use super::exception::Exception;
use super::object::Object;
use super::reader::{Annotations, Reader};

/// How many listeners a client can have, and how many bytes the types that one of them wants.
const MOST_LISTENERS: usize = 64;
const MOST_FILTER_BYTES: usize = 1024;

/// The classes of a filter.
static KNOWN: [&Class; 3] = [&c::NOTIFICATION_FILTER_SUPPORT, &c::VECTOR, &c::OBJECT_ARRAY];

/// The listeners of a client.
#[derive(Default)]
pub(crate) struct Listeners {
    listeners: Vec<Listener>,
    next: i32,
}

struct Listener {
    id: i32,
    filter: Filter,
}

/// Which notifications a listener wants.
pub(crate) enum Filter {
    All,
    /// Those of types that begin with one of these.
    Types(Vec<String>),
}

impl Listeners {
    /// Adds listeners, all or none. Returns their numbers.
    pub(crate) fn add(&mut self, filters: Vec<Filter>) -> Result<Vec<i32>, Exception> {
        if self.listeners.len() + filters.len() > MOST_LISTENERS {
            return Err(Exception::io(format!("a client can have {MOST_LISTENERS} listeners")));
        }
        let add = |filter| {
            let id = self.next;
            self.next = self.next.wrapping_add(1);
            self.listeners.push(Listener { id, filter });
            id
        };
        Ok(filters.into_iter().map(add).collect())
    }

    /// Removes a listener. Returns whether there was one.
    pub(crate) fn remove(&mut self, id: i32) -> bool {
        let before = self.listeners.len();
        self.listeners.retain(|listener| listener.id != id);
        self.listeners.len() < before
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// The numbers of the listeners that want notifications of a type.
    pub(crate) fn wanting<'a>(&'a self, notification: &'a str) -> impl Iterator<Item = i32> + use<'a> {
        let wants = move |listener: &&Listener| match &listener.filter {
            Filter::All => true,
            Filter::Types(types) => types.iter().any(|wanted| notification.starts_with(&**wanted)),
        };
        self.listeners.iter().filter(wants).map(|listener| listener.id)
    }
}

impl Filter {
    /// Reads a filter from the bytes that it was sent as. Only one kind of them is read: others would have to be run.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Exception> {
        let read = || {
            let mut reader = Reader::new(bytes, &KNOWN, Annotations::Nothing).ok()?;
            let filter = reader.object().ok()?;
            let types = filter.instance(&c::NOTIFICATION_FILTER_SUPPORT)?.object(0)?.instance(&c::VECTOR)?;
            let length = usize::try_from(types.number(1)?).ok()?;
            let types = types.object(2)?.array(&c::OBJECT_ARRAY)?.iter().take(length);
            types.map(|text| text.text().map(str::to_owned)).collect::<Option<Vec<_>>>()
        };
        let types = read().ok_or_else(|| {
            Exception::io(
                "of filters there are only those of class javax.management.NotificationFilterSupport",
            )
        })?;
        if types.iter().map(|wanted| wanted.len() + 1).sum::<usize>() > MOST_FILTER_BYTES {
            return Err(Exception::io("a filter has too many types"));
        }
        Ok(Self::Types(types))
    }
}

/// The bytes within a `MarshalledObject`, none if it is `null`.
pub(crate) fn marshalled(object: &Object) -> Result<Option<&[u8]>, Exception> {
    let wrong = || Exception::unmarshal("an argument is no java.rmi.MarshalledObject");
    if object.is_null() {
        return Ok(None);
    }
    let marshalled = object.instance(&c::MARSHALLED_OBJECT).ok_or_else(wrong)?;
    if !marshalled.object(1).is_some_and(Object::is_null) {
        return Err(Exception::unmarshal("a class would have to be loaded from elsewhere"));
    }
    match marshalled.object(2) {
        Some(Object::Null) => Ok(None),
        Some(Object::Bytes(bytes)) => Ok(Some(bytes)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_added_all_or_none() {
        let mut listeners = Listeners::default();
        let all = |count: usize| (0..count).map(|_| Filter::All).collect();
        assert!(listeners.add(all(MOST_LISTENERS + 1)).is_err());
        assert!(listeners.is_empty());
        let ids = listeners.add(all(MOST_LISTENERS)).unwrap();
        assert!(listeners.add(all(1)).is_err());
        assert!(listeners.remove(ids[3]) && !listeners.remove(ids[3]));
        assert_eq!(listeners.add(all(1)).unwrap(), [MOST_LISTENERS as i32], "no number comes again");
    }
}
