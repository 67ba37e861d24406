//! What the compiler says to whoever shares or clones a handle that has one writer.

use std::cell::UnsafeCell;
use std::marker::PhantomData;

/// Only its name matters: the compiler shows it in the message that a handle "cannot be shared between threads safely",
/// which is then also one that says what to do instead.
pub(crate) enum UseSharedHandleOrNewWriter {}

/// In a handle, keeps it from being `Sync`, and leaves it `Send`.
pub(crate) type OneWriter = PhantomData<UnsafeCell<UseSharedHandleOrNewWriter>>;

/// A handle that there can be several of. No handle with one writer is: a method that does not exist has a message of the
/// compiler's, but one whose conditions are not met has this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is the only writer of its series and cannot be cloned",
    note = "clone a shared handle such as `SharedCounter`, or get each thread a writer of its own from its `new_writer`"
)]
pub trait SharedHandle<'a>: Sized {
    #[doc(hidden)]
    fn another(&'a self) -> Self;
}

/// Makes cloning a mistake with a message. The lifetime keeps the compiler from seeing already here that nothing meets the
/// condition.
macro_rules! one_writer {
    ($($handle:ident $(<$value:ident: $bound:ident>)?),*) => {$(
        #[doc(hidden)]
        impl $(<$value: $bound>)? Clone for $handle $(<$value>)? where for<'a> Self: $crate::one_writer::SharedHandle<'a> {
            fn clone(&self) -> Self {
                $crate::one_writer::SharedHandle::another(self)
            }
        }
    )*};
}
pub(crate) use one_writer;
