//! The methods of the remote objects.
//!
//! Calls have no length and no end: what is to be read of one is known from its method alone.

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    // Of the registry.
    List,
    Lookup,
    Unbind,
    /// Binds an object that is of any class, so it is not read.
    Bind,
    // Of the distributed garbage collector.
    Clean,
    Dirty,
    // Of RMIServer.
    GetVersion,
    NewClient,
    // Of RMIConnection.
    AddNotificationListener,
    AddNotificationListeners,
    Close,
    CreateMBean,
    FetchNotifications,
    GetAttribute,
    GetAttributes,
    GetConnectionId,
    GetDefaultDomain,
    GetDomains,
    GetMBeanCount,
    GetMBeanInfo,
    GetObjectInstance,
    Invoke,
    IsInstanceOf,
    IsRegistered,
    QueryMBeans,
    QueryNames,
    RemoveNotificationListener,
    RemoveNotificationListeners,
    SetAttribute,
    SetAttributes,
    UnregisterMBean,
}

/// An argument, as far as reading it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    Object,
    /// Primitive values of so many bytes, in a block of their own.
    Block(usize),
}

use Argument::{Block, Object};

/// What is read of calls of a method.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) method: Method,
    /// The bytes of primitive values behind the header of the call.
    pub(crate) primitives: usize,
    pub(crate) arguments: &'static [Argument],
    /// Whether there may be more that is not read, so that the connection cannot go on.
    pub(crate) is_partial: bool,
}

const fn of(method: Method, arguments: &'static [Argument]) -> Signature {
    Signature { method, primitives: 0, arguments, is_partial: false }
}

/// The hash of the registry's interface, and that of the garbage collector's.
pub(crate) const REGISTRY_HASH: u64 = 0x4415_4dc9_d4e6_3bdf;
pub(crate) const DGC_HASH: u64 = 0xf6b6_898d_8bf2_8643;

const ONE: &[Argument] = &[Object];
const TWO: &[Argument] = &[Object; 2];
const THREE: &[Argument] = &[Object; 3];
const FOUR: &[Argument] = &[Object; 4];
const FIVE: &[Argument] = &[Object; 5];
const SIX: &[Argument] = &[Object; 6];

static REGISTRY: [(i32, Signature); 5] = [
    (0, Signature { is_partial: true, ..of(Method::Bind, &[]) }),
    (1, of(Method::List, &[])),
    (2, of(Method::Lookup, ONE)),
    (3, Signature { is_partial: true, ..of(Method::Bind, &[]) }),
    (4, of(Method::Unbind, ONE)),
];

static DGC: [(i32, Signature); 2] = [
    (0, of(Method::Clean, &[Object, Block(8), Object, Block(1)])),
    (1, of(Method::Dirty, &[Object, Block(8), Object])),
];

/// The methods that are known by a hash of their signature.
pub(crate) static REMOTE: [(u64, Signature); 29] = [
    (0x8fda_2350_c701_988d, of(Method::GetVersion, &[])),
    (0xf0e0_74ea_ad0c_aea8, of(Method::NewClient, ONE)),
    (0x88f3_b181_4f68_cceb, of(Method::AddNotificationListener, FIVE)),
    (0xb625_8d6e_656d_6eef, of(Method::AddNotificationListeners, THREE)),
    (0xbe2e_5bc7_809d_0dcc, of(Method::Close, &[])),
    (0x438d_fa6c_ea11_91a2, of(Method::CreateMBean, FIVE)),
    (0xa456_7c41_a637_0b8f, of(Method::CreateMBean, SIX)),
    (0x878c_5407_aefc_625c, of(Method::CreateMBean, FOUR)),
    (0x22d7_fd4a_906a_c8e6, of(Method::CreateMBean, THREE)),
    (0xba17_1f3d_c87c_75e2, Signature { primitives: 20, ..of(Method::FetchNotifications, &[]) }),
    (0xf0e0_500a_394d_7215, of(Method::GetAttribute, THREE)),
    (0x5739_d96a_8b23_5c47, of(Method::GetAttributes, THREE)),
    (0xff0e_bec7_7dc6_5363, of(Method::GetConnectionId, &[])),
    (0x53ed_a2d8_2e1b_dfa8, of(Method::GetDefaultDomain, ONE)),
    (0xa38a_b48d_41d0_f631, of(Method::GetDomains, ONE)),
    (0xe3a8_1287_9dc3_2ea5, of(Method::GetMBeanCount, ONE)),
    (0x993c_d0f9_b981_7af6, of(Method::GetMBeanInfo, TWO)),
    (0x6073_b336_1f37_bdc2, of(Method::GetObjectInstance, TWO)),
    (0x13e7_d694_17e5_da20, of(Method::Invoke, FIVE)),
    (0xe232_7cc9_422d_bcf2, of(Method::IsInstanceOf, THREE)),
    (0x738a_c4e1_ccab_a014, of(Method::IsRegistered, TWO)),
    (0x2877_4a54_3ca1_4dd8, of(Method::QueryMBeans, THREE)),
    (0x7f04_73ac_b736_77da, of(Method::QueryNames, THREE)),
    (0x23c7_0088_fdb9_1189, of(Method::RemoveNotificationListener, FIVE)),
    (0x5ba8_aee8_fa8e_0529, of(Method::RemoveNotificationListener, THREE)),
    (0x2360_4b28_0b8b_be96, of(Method::RemoveNotificationListeners, THREE)),
    (0x5d84_5744_730a_fe0c, of(Method::SetAttribute, THREE)),
    (0xfccd_348c_60ef_0ee4, of(Method::SetAttributes, THREE)),
    (0xfdc9_58e2_c124_14d4, of(Method::UnregisterMBean, TWO)),
];

impl Signature {
    /// The method of a call; nothing if there is none.
    pub(crate) fn find(operation: i32, hash: u64) -> Option<&'static Self> {
        let by_operation = |table: &'static [(i32, Self)]| {
            table.iter().find(|(known, _)| *known == operation).map(|(_, signature)| signature)
        };
        match hash {
            REGISTRY_HASH => by_operation(&REGISTRY),
            DGC_HASH => by_operation(&DGC),
            hash if operation == -1 => {
                REMOTE.iter().find(|(known, _)| *known == hash).map(|(_, signature)| signature)
            }
            _ => None,
        }
    }
}
