//! The classes of what clients and servers of JMX send each other, as the JDK lays them out.

use super::class::{Class, object, primitive};

pub(crate) static NUMBER: Class = Class::new("java.lang.Number", 0x86ac_951d_0b94_e08b);
pub(crate) static INTEGER: Class = Class::new("java.lang.Integer", 0x12e2_a0a4_f781_8738)
    .with_fields(&[primitive(b'I', "value")])
    .extends(&NUMBER);
pub(crate) static LONG: Class = Class::new("java.lang.Long", 0x3b8b_e490_cc8f_23df)
    .with_fields(&[primitive(b'J', "value")])
    .extends(&NUMBER);
pub(crate) static DOUBLE: Class = Class::new("java.lang.Double", 0x80b3_c24a_296b_fb04)
    .with_fields(&[primitive(b'D', "value")])
    .extends(&NUMBER);
pub(crate) static BOOLEAN: Class =
    Class::new("java.lang.Boolean", 0xcd20_7280_d59c_faee).with_fields(&[primitive(b'Z', "value")]);
pub(crate) static BIG_INTEGER: Class = Class::new("java.math.BigInteger", 0x8cfc_9f1f_a93b_fb1d)
    .annotated()
    .with_fields(&[
        primitive(b'I', "bitCount"),
        primitive(b'I', "bitLength"),
        primitive(b'I', "firstNonzeroByteNum"),
        primitive(b'I', "lowestSetBit"),
        primitive(b'I', "signum"),
        object("magnitude", "[B"),
    ])
    .extends(&NUMBER);
pub(crate) static REMOTE_OBJECT: Class =
    Class::new("java.rmi.server.RemoteObject", 0xd361_b491_0c61_331e).annotated();
pub(crate) static REMOTE_STUB: Class =
    Class::new("java.rmi.server.RemoteStub", 0xe9fe_dcc9_8be1_651a).extends(&REMOTE_OBJECT);
pub(crate) static RMI_SERVER_STUB: Class =
    Class::new("javax.management.remote.rmi.RMIServerImpl_Stub", 0x0000_0000_0000_0002).extends(&REMOTE_STUB);
pub(crate) static RMI_CONNECTION_STUB: Class =
    Class::new("javax.management.remote.rmi.RMIConnectionImpl_Stub", 0x0000_0000_0000_0002)
        .extends(&REMOTE_STUB);
pub(crate) static SSL_RMI_CLIENT_SOCKET_FACTORY: Class =
    Class::new("javax.rmi.ssl.SslRMIClientSocketFactory", 0x8caa_b4bb_8185_250f);
pub(crate) static OBJ_ID: Class = Class::new("java.rmi.server.ObjID", 0xa75e_fa12_8ddc_e55c)
    .with_fields(&[primitive(b'J', "objNum"), object("space", "Ljava/rmi/server/UID;")]);
pub(crate) static UID: Class = Class::new("java.rmi.server.UID", 0x0f12_700d_bf36_4f12).with_fields(&[
    primitive(b'S', "count"),
    primitive(b'J', "time"),
    primitive(b'I', "unique"),
]);
pub(crate) static VMID: Class = Class::new("java.rmi.dgc.VMID", 0xf886_5baf_a4a5_6db6)
    .with_fields(&[object("addr", "[B"), object("uid", "Ljava/rmi/server/UID;")]);
pub(crate) static LEASE: Class = Class::new("java.rmi.dgc.Lease", 0xb0b5_e266_0c4a_dc34)
    .with_fields(&[primitive(b'J', "value"), object("vmid", "Ljava/rmi/dgc/VMID;")]);
pub(crate) static MARSHALLED_OBJECT: Class = Class::new("java.rmi.MarshalledObject", 0x7cbd_1e97_ed63_fc3e)
    .with_fields(&[primitive(b'I', "hash"), object("locBytes", "[B"), object("objBytes", "[B")]);
pub(crate) static HASH_SET: Class = Class::new("java.util.HashSet", 0xba44_8595_96b8_b734).annotated();
pub(crate) static ARRAY_LIST: Class = Class::new("java.util.ArrayList", 0x7881_d21d_99c7_619d)
    .annotated()
    .with_fields(&[primitive(b'I', "size")]);
pub(crate) static VECTOR: Class =
    Class::new("java.util.Vector", 0xd997_7d5b_803b_af01).annotated().with_fields(&[
        primitive(b'I', "capacityIncrement"),
        primitive(b'I', "elementCount"),
        object("elementData", "[Ljava/lang/Object;"),
    ]);
pub(crate) static EMPTY_LIST: Class = Class::new("java.util.Collections$EmptyList", 0x7ab8_17b4_3ca7_9ede);
pub(crate) static OBJECT_NAME: Class =
    Class::new("javax.management.ObjectName", 0x0f03_a71b_eb6d_15cf).annotated();
pub(crate) static OBJECT_INSTANCE: Class =
    Class::new("javax.management.ObjectInstance", 0xc71a_0acf_ad28_7b76).with_fields(&[
        object("className", "Ljava/lang/String;"),
        object("name", "Ljavax/management/ObjectName;"),
    ]);
pub(crate) static ATTRIBUTE: Class = Class::new("javax.management.Attribute", 0x2279_b907_538b_3b0e)
    .with_fields(&[object("name", "Ljava/lang/String;"), object("value", "Ljava/lang/Object;")]);
pub(crate) static ATTRIBUTE_LIST: Class =
    Class::new("javax.management.AttributeList", 0xc76b_4818_1b48_606c).extends(&ARRAY_LIST);
pub(crate) static MBEAN_FEATURE_INFO: Class =
    Class::new("javax.management.MBeanFeatureInfo", 0x36db_75dc_c2c1_5521)
        .annotated()
        .with_fields(&[object("description", "Ljava/lang/String;"), object("name", "Ljava/lang/String;")]);
pub(crate) static MBEAN_INFO: Class =
    Class::new("javax.management.MBeanInfo", 0xa679_5e2f_0856_89c9).annotated().with_fields(&[
        object("attributes", "[Ljavax/management/MBeanAttributeInfo;"),
        object("className", "Ljava/lang/String;"),
        object("constructors", "[Ljavax/management/MBeanConstructorInfo;"),
        object("description", "Ljava/lang/String;"),
        object("notifications", "[Ljavax/management/MBeanNotificationInfo;"),
        object("operations", "[Ljavax/management/MBeanOperationInfo;"),
    ]);
pub(crate) static MBEAN_ATTRIBUTE_INFO: Class =
    Class::new("javax.management.MBeanAttributeInfo", 0x77f8_293b_6a29_44d8)
        .with_fields(&[
            primitive(b'Z', "is"),
            primitive(b'Z', "isRead"),
            primitive(b'Z', "isWrite"),
            object("attributeType", "Ljava/lang/String;"),
        ])
        .extends(&MBEAN_FEATURE_INFO);
pub(crate) static MBEAN_NOTIFICATION_INFO: Class =
    Class::new("javax.management.MBeanNotificationInfo", 0xca09_baa9_dd73_fd48)
        .with_fields(&[object("types", "[Ljava/lang/String;")])
        .extends(&MBEAN_FEATURE_INFO);
pub(crate) static EVENT_OBJECT: Class = Class::new("java.util.EventObject", 0x4c8d_094e_186d_7da8);
pub(crate) static NOTIFICATION: Class = Class::new("javax.management.Notification", 0x97b1_7a19_6c1d_108b)
    .annotated()
    .with_fields(&[
        primitive(b'J', "sequenceNumber"),
        primitive(b'J', "timeStamp"),
        object("message", "Ljava/lang/String;"),
        object("source", "Ljava/lang/Object;"),
        object("type", "Ljava/lang/String;"),
        object("userData", "Ljava/lang/Object;"),
    ])
    .extends(&EVENT_OBJECT);
pub(crate) static MBEAN_SERVER_NOTIFICATION: Class =
    Class::new("javax.management.MBeanServerNotification", 0x27eb_4d0b_e446_108d)
        .with_fields(&[object("objectName", "Ljavax/management/ObjectName;")])
        .extends(&NOTIFICATION);
pub(crate) static NOTIFICATION_FILTER_SUPPORT: Class =
    Class::new("javax.management.NotificationFilterSupport", 0x5b4d_9668_cf98_3659)
        .with_fields(&[object("enabledTypes", "Ljava/util/List;")]);
pub(crate) static TARGETED_NOTIFICATION: Class =
    Class::new("javax.management.remote.TargetedNotification", 0x6a87_1977_3c45_aa3e).with_fields(&[
        object("id", "Ljava/lang/Integer;"),
        object("notif", "Ljavax/management/Notification;"),
    ]);
pub(crate) static NOTIFICATION_RESULT: Class =
    Class::new("javax.management.remote.NotificationResult", 0x108a_1ffe_5c2b_064f).with_fields(&[
        primitive(b'J', "earliestSequenceNumber"),
        primitive(b'J', "nextSequenceNumber"),
        object("targetedNotifications", "[Ljavax/management/remote/TargetedNotification;"),
    ]);
pub(crate) static BYTES: Class = Class::new("[B", 0xacf3_17f8_0608_54e0);
pub(crate) static STRING_ARRAY: Class = Class::new("[Ljava.lang.String;", 0xadd2_56e7_e91d_7b47);
pub(crate) static OBJECT_ARRAY: Class = Class::new("[Ljava.lang.Object;", 0x90ce_589f_1073_296c);
pub(crate) static INTEGER_ARRAY: Class = Class::new("[Ljava.lang.Integer;", 0xfe97_ada0_0183_e21b);
pub(crate) static OBJ_ID_ARRAY: Class = Class::new("[Ljava.rmi.server.ObjID;", 0x8713_00b8_d02c_647e);
pub(crate) static MARSHALLED_OBJECT_ARRAY: Class =
    Class::new("[Ljava.rmi.MarshalledObject;", 0x9e68_3287_739f_6bfe);
pub(crate) static OBJECT_NAME_ARRAY: Class =
    Class::new("[Ljavax.management.ObjectName;", 0x1183_8f54_3538_c9ee);
pub(crate) static SUBJECT_ARRAY: Class = Class::new("[Ljavax.security.auth.Subject;", 0x587f_e429_63dd_ea58);
pub(crate) static MBEAN_ATTRIBUTE_INFO_ARRAY: Class =
    Class::new("[Ljavax.management.MBeanAttributeInfo;", 0x3bf7_58c4_68a6_0141);
pub(crate) static MBEAN_CONSTRUCTOR_INFO_ARRAY: Class =
    Class::new("[Ljavax.management.MBeanConstructorInfo;", 0xb4b8_c18a_1f7b_19f5);
pub(crate) static MBEAN_NOTIFICATION_INFO_ARRAY: Class =
    Class::new("[Ljavax.management.MBeanNotificationInfo;", 0x8586_506f_12b5_d0af);
pub(crate) static MBEAN_OPERATION_INFO_ARRAY: Class =
    Class::new("[Ljavax.management.MBeanOperationInfo;", 0x870f_6ca2_e31f_4f8b);
pub(crate) static TARGETED_NOTIFICATION_ARRAY: Class =
    Class::new("[Ljavax.management.remote.TargetedNotification;", 0x513f_a793_aa31_53de);
pub(crate) static STACK_TRACE_ELEMENT_ARRAY: Class =
    Class::new("[Ljava.lang.StackTraceElement;", 0x0246_2a3c_3cfd_2239);
pub(crate) static TREE_MAP: Class = Class::new("java.util.TreeMap", 0x0cc1_f63e_2d25_6ae6)
    .annotated()
    .with_fields(&[object("comparator", "Ljava/util/Comparator;")]);
pub(crate) static OPEN_TYPE: Class = Class::new("javax.management.openmbean.OpenType", 0x8064_1a91_e9ea_de3c)
    .with_fields(&[
        object("className", "Ljava/lang/String;"),
        object("description", "Ljava/lang/String;"),
        object("typeName", "Ljava/lang/String;"),
    ]);
pub(crate) static SIMPLE_TYPE: Class =
    Class::new("javax.management.openmbean.SimpleType", 0x1ebf_4ff8_dc65_7827).extends(&OPEN_TYPE);
pub(crate) static COMPOSITE_TYPE: Class =
    Class::new("javax.management.openmbean.CompositeType", 0xb587_46eb_5a07_9f42)
        .with_fields(&[
            object("nameToDescription", "Ljava/util/TreeMap;"),
            object("nameToType", "Ljava/util/TreeMap;"),
        ])
        .extends(&OPEN_TYPE);
pub(crate) static COMPOSITE_DATA_SUPPORT: Class =
    Class::new("javax.management.openmbean.CompositeDataSupport", 0x6f12_361a_d228_5a64).with_fields(&[
        object("compositeType", "Ljavax/management/openmbean/CompositeType;"),
        object("contents", "Ljava/util/SortedMap;"),
    ]);
