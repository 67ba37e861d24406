//! The classes of exceptions, as the JDK lays them out.

use super::class::{Class, object};

pub(crate) static THROWABLE: Class =
    Class::new("java.lang.Throwable", 0xd5c6_3527_3977_b8cb).annotated().with_fields(&[
        object("cause", "Ljava/lang/Throwable;"),
        object("detailMessage", "Ljava/lang/String;"),
        object("stackTrace", "[Ljava/lang/StackTraceElement;"),
        object("suppressedExceptions", "Ljava/util/List;"),
    ]);
pub(crate) static EXCEPTION: Class =
    Class::new("java.lang.Exception", 0xd0fd_1f3e_1a3b_1cc4).extends(&THROWABLE);
pub(crate) static RUNTIME_EXCEPTION: Class =
    Class::new("java.lang.RuntimeException", 0x9e5f_0647_0a34_83e5).extends(&EXCEPTION);
pub(crate) static SECURITY_EXCEPTION: Class =
    Class::new("java.lang.SecurityException", 0x5f74_dc82_6f65_d637).extends(&RUNTIME_EXCEPTION);
pub(crate) static ILLEGAL_ARGUMENT_EXCEPTION: Class =
    Class::new("java.lang.IllegalArgumentException", 0xb589_73d3_7d66_8fbc).extends(&RUNTIME_EXCEPTION);
pub(crate) static REFLECTIVE_OPERATION_EXCEPTION: Class =
    Class::new("java.lang.ReflectiveOperationException", 0x0000_0000_075b_cd15).extends(&EXCEPTION);
pub(crate) static NO_SUCH_METHOD_EXCEPTION: Class =
    Class::new("java.lang.NoSuchMethodException", 0x45dd_bd9e_5ec6_05db)
        .extends(&REFLECTIVE_OPERATION_EXCEPTION);
pub(crate) static IO_EXCEPTION: Class =
    Class::new("java.io.IOException", 0x6c80_7364_6525_f0ab).extends(&EXCEPTION);
pub(crate) static REMOTE_EXCEPTION: Class = Class::new("java.rmi.RemoteException", 0xb88c_9d4e_dee4_7a22)
    .with_fields(&[object("detail", "Ljava/lang/Throwable;")])
    .extends(&IO_EXCEPTION);
pub(crate) static UNMARSHAL_EXCEPTION: Class =
    Class::new("java.rmi.UnmarshalException", 0x083f_aa3a_bfe9_087a).extends(&REMOTE_EXCEPTION);
pub(crate) static NO_SUCH_OBJECT_EXCEPTION: Class =
    Class::new("java.rmi.NoSuchObjectException", 0x5bdc_d18c_0104_5019).extends(&REMOTE_EXCEPTION);
pub(crate) static NOT_BOUND_EXCEPTION: Class =
    Class::new("java.rmi.NotBoundException", 0xe637_f9a7_2d7c_3afb).extends(&EXCEPTION);
pub(crate) static ACCESS_EXCEPTION: Class =
    Class::new("java.rmi.AccessException", 0x57a3_1f09_78c5_d8c8).extends(&REMOTE_EXCEPTION);
pub(crate) static JM_EXCEPTION: Class =
    Class::new("javax.management.JMException", 0x04dd_4cec_939d_7e71).extends(&EXCEPTION);
pub(crate) static OPERATIONS_EXCEPTION: Class =
    Class::new("javax.management.OperationsException", 0xbb0f_8c4e_6856_6a68).extends(&JM_EXCEPTION);
pub(crate) static INSTANCE_NOT_FOUND_EXCEPTION: Class =
    Class::new("javax.management.InstanceNotFoundException", 0xf3c0_72ad_486a_71c7)
        .extends(&OPERATIONS_EXCEPTION);
pub(crate) static ATTRIBUTE_NOT_FOUND_EXCEPTION: Class =
    Class::new("javax.management.AttributeNotFoundException", 0x5a5d_cb5e_38fd_7f6e)
        .extends(&OPERATIONS_EXCEPTION);
pub(crate) static REFLECTION_EXCEPTION: Class =
    Class::new("javax.management.ReflectionException", 0x7f45_427e_1d6d_9161)
        .with_fields(&[object("exception", "Ljava/lang/Exception;")])
        .extends(&JM_EXCEPTION);
pub(crate) static LISTENER_NOT_FOUND_EXCEPTION: Class =
    Class::new("javax.management.ListenerNotFoundException", 0x9b7d_1860_a0c7_b86b)
        .extends(&OPERATIONS_EXCEPTION);
