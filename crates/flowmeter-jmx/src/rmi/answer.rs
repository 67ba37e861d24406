//! What goes back.

use std::sync::Arc;

use crate::model::{MBean, MBeans};

use super::exception::Exception;
use super::identity::Uid;
use super::writer::Writer;

/// The result of a call.
pub(crate) enum Answer {
    Void,
    Boolean(bool),
    Object {
        write: Box<dyn FnOnce(&mut Writer) + Send>,
        /// The bean that values are of, and all beans of that report.
        read: Option<(Arc<MBeans>, MBean)>,
    },
}

impl Answer {
    pub(crate) fn object(write: impl FnOnce(&mut Writer) + Send + 'static) -> Self {
        Self::Object { write: Box::new(write), read: None }
    }

    pub(crate) fn text(text: &str) -> Self {
        let text = text.to_owned();
        Self::object(move |writer| writer.text(&text))
    }

    /// With values of a bean.
    pub(crate) fn value_of(
        beans: &Arc<MBeans>,
        bean: MBean,
        write: impl FnOnce(&mut Writer, &MBean) + Send + 'static,
    ) -> Self {
        let read = Some((Arc::clone(beans), bean.clone()));
        Self::Object { write: Box::new(move |writer| write(writer, &bean)), read }
    }
}

/// The bytes of an answer.
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    /// The bean whose values are in it, and all beans of that report.
    pub(crate) read: Option<(Arc<MBeans>, MBean)>,
    /// Whether the connection ends with it.
    pub(crate) is_last: bool,
}

/// What a result begins with, and what an exception does.
const NORMAL: u8 = 1;
const EXCEPTIONAL: u8 = 2;

impl Reply {
    /// An answer, with an identity that the client acknowledges it by.
    pub(crate) fn new(uid: Uid, answer: Result<Answer, Exception>, is_last: bool) -> Self {
        let mut writer = Writer::behind(&[0x51]);
        let header = |kind: u8| [&[kind][..], &uid.bytes()].concat();
        let mut read = None;
        match answer {
            Ok(Answer::Void) => writer.block(&header(NORMAL)),
            Ok(Answer::Boolean(value)) => {
                writer.block(&[&header(NORMAL)[..], &[value.into()]].concat());
            }
            Ok(Answer::Object { write, read: bean }) => {
                read = bean;
                writer.block(&header(NORMAL));
                write(&mut writer);
            }
            Err(exception) => {
                writer.block(&header(EXCEPTIONAL));
                exception.write(&mut writer);
            }
        }
        Self { bytes: writer.into_bytes(), read, is_last }
    }
}
