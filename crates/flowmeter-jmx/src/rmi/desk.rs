//! Answers calls.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::JmxOptions;
use crate::model::{MBean, MBeanServer, MBeans, ObjectName};

use super::answer::{Answer, Reply};
use super::arguments::{attribute_name, integers, lessee, names, remote_objects};
use super::auth::authenticate;
use super::exception::Exception;
use super::exports::{Exports, RmiConnection};
use super::identity::{ObjId, Uid};
use super::java;
use super::listeners::{Filter, marshalled};
use super::message::Call;
use super::method::Method;
use super::stub::{Stub, stub};
use super::writer::Writer;

/// The name in the registry.
const BOUND: &str = "jmxrmi";

/// What the answers to all clients are made of.
pub(crate) struct Desk {
    pub(crate) beans: MBeanServer,
    pub(crate) exports: Exports,
    pub(crate) options: JmxOptions,
    /// The bean that sends notifications.
    pub(crate) delegate: ObjectName,
    /// The bytes of answers that clients have not taken yet.
    under_way: AtomicUsize,
}

/// How many bytes of answers there can be that clients have not taken yet, but for one that is more by itself.
const MOST_UNDER_WAY: usize = 256 << 20;

/// The bytes of an answer that is under way.
pub(crate) struct UnderWay<'a> {
    all: &'a AtomicUsize,
    bytes: usize,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Relaxed);
    }
}

/// Both ends of a socket.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) client: IpAddr,
    pub(crate) server: SocketAddr,
}

impl Desk {
    pub(crate) fn new(beans: MBeanServer, options: JmxOptions) -> Self {
        let delegate = "JMImplementation:type=MBeanServerDelegate".parse();
        let delegate = delegate.expect("it is an object name");
        Self { beans, exports: Exports::new(), options, delegate, under_way: AtomicUsize::new(0) }
    }

    /// Counts an answer as under way. It becomes an exception if clients are too slow to take those before it.
    pub(crate) fn send<'a>(&'a self, reply: &mut Reply) -> UnderWay<'a> {
        let before = self.under_way.load(Relaxed);
        if before > 0 && before.saturating_add(reply.bytes.len()) > MOST_UNDER_WAY {
            let busy = Exception::io("other clients are slow to take their answers; come back");
            *reply = Reply::new(self.exports.uid(), Err(busy), reply.is_last);
        }
        let bytes = reply.bytes.len();
        self.under_way.fetch_add(bytes, Relaxed);
        UnderWay { all: &self.under_way, bytes }
    }

    /// Answers a call.
    pub(crate) async fn answer(&self, call: &Call, ends: Ends) -> Reply {
        let answer = self.outcome(call, ends).await;
        Reply::new(self.exports.uid(), answer, call.is_last)
    }

    /// Answers a call that cannot be read. The connection ends then.
    pub(crate) fn refuse(&self, why: &str) -> Reply {
        let why = format!("error unmarshalling call: {why}");
        Reply::new(self.exports.uid(), Err(Exception::unmarshal(why)), true)
    }

    async fn outcome(&self, call: &Call, ends: Ends) -> Result<Answer, Exception> {
        let no_such_object = || Exception::no_such_object("no such object in table");
        match call.method {
            Method::List | Method::Lookup | Method::Unbind | Method::Bind => {
                if call.target != ObjId::REGISTRY {
                    return Err(no_such_object());
                }
                self.registry(call, ends)
            }
            Method::Clean | Method::Dirty => {
                if call.target != ObjId::DGC {
                    return Err(no_such_object());
                }
                self.collector(call)
            }
            Method::GetVersion | Method::NewClient => {
                if call.target != self.exports.server() {
                    return Err(no_such_object());
                }
                self.server(call, ends)
            }
            _ => {
                let connection = self.exports.connection(call.target, Instant::now());
                self.connection(call, &connection.ok_or_else(no_such_object)?).await
            }
        }
    }

    fn registry(&self, call: &Call, ends: Ends) -> Result<Answer, Exception> {
        match call.method {
            Method::List => Ok(Answer::object(|writer| java::texts(writer, [BOUND].into_iter()))),
            Method::Lookup => match call.text(0)? {
                BOUND => Ok(self.stub(Stub::Server, self.exports.server(), ends)),
                name => Err(Exception::not_bound(name)),
            },
            _ => Err(Exception::access("the registry is to be read only")),
        }
    }

    fn collector(&self, call: &Call) -> Result<Answer, Exception> {
        let wrong = || Exception::unmarshal("an argument is not what a lease has");
        let objects = remote_objects(call.argument(0)).ok_or_else(wrong)?;
        if call.method == Method::Clean {
            // Nobody has them any more.
            objects.into_iter().for_each(|object| self.exports.close(object));
            return Ok(Answer::Void);
        }
        let now = Instant::now();
        objects.into_iter().for_each(|object| drop(self.exports.connection(object, now)));
        let (address, uid) = lessee(call.argument(1)).ok_or_else(wrong)?;
        let (address, lease) = (address.to_vec(), self.lease());
        Ok(Answer::object(move |writer| write_lease(writer, lease, &address, uid)))
    }

    /// How long leases last.
    pub(crate) fn lease(&self) -> Duration {
        self.options.lease.clamp(crate::factory::SHORTEST_LEASE, crate::factory::LONGEST_LEASE)
    }

    fn server(&self, call: &Call, ends: Ends) -> Result<Answer, Exception> {
        if call.method == Method::GetVersion {
            return Ok(Answer::text("1.0 flowmeter"));
        }
        let user = authenticate(&self.options.server.auth, call.argument(0))?;
        let connection = self.exports.open(ends.client, &user, Instant::now());
        Ok(self.stub(Stub::Connection, connection.object, ends))
    }

    fn stub(&self, kind: Stub, object: ObjId, ends: Ends) -> Answer {
        let host = self.options.host.clone().unwrap_or_else(|| ends.server.ip().to_string());
        let port = self.options.host_port.unwrap_or(ends.server.port());
        let is_encrypted = self.options.server.is_encrypted();
        Answer::object(move |writer| stub(writer, kind, (&host, port), object, is_encrypted))
    }

    async fn connection(&self, call: &Call, connection: &Arc<RmiConnection>) -> Result<Answer, Exception> {
        match call.method {
            Method::GetConnectionId => Ok(Answer::text(&connection.id)),
            Method::Close => {
                self.exports.close(connection.object);
                Ok(Answer::Void)
            }
            Method::GetDefaultDomain => Ok(Answer::text("DefaultDomain")),
            Method::FetchNotifications => self.fetch(call, connection).await,
            Method::CreateMBean | Method::UnregisterMBean | Method::AddNotificationListener => {
                Err(Exception::read_only())
            }
            // There are none that could be removed that way, since none can be added.
            Method::RemoveNotificationListener => Err(Exception::listener_not_found("Listener not found")),
            Method::SetAttribute | Method::SetAttributes | Method::Invoke => self.change(call).await,
            _ => self.read(call, connection, &self.fresh().await?),
        }
    }

    /// The beans, of a report that is new enough.
    pub(super) async fn fresh(&self) -> Result<Arc<MBeans>, Exception> {
        let (then, fresh) = oneshot::channel();
        self.beans.when_fresh(move |beans| drop(then.send(beans)));
        match timeout(self.options.server.answer_patience, fresh).await {
            Ok(Ok(beans)) => Ok(beans),
            Ok(Err(_)) => Err(Exception::io("the report that this would be from has failed")),
            Err(_) => Err(Exception::io("the report that this would be from was not made in time")),
        }
    }

    fn read(
        &self,
        call: &Call,
        connection: &RmiConnection,
        beans: &Arc<MBeans>,
    ) -> Result<Answer, Exception> {
        let bean = || find(beans, &call.name(0)?).cloned();
        match call.method {
            Method::GetDomains => {
                let domains: Vec<_> = beans.domains().into_iter().map(str::to_owned).collect();
                Ok(Answer::object(move |writer| java::texts(writer, domains.iter().map(String::as_str))))
            }
            Method::GetMBeanCount => {
                let count = i32::try_from(beans.len()).unwrap_or(i32::MAX);
                Ok(Answer::object(move |writer| java::integer(writer, count)))
            }
            Method::QueryNames => query(call, beans, |writer, bean| java::object_name(writer, bean.name())),
            Method::QueryMBeans => query(call, beans, java::object_instance),
            Method::IsRegistered => Ok(Answer::Boolean(beans.get(&call.name(0)?).is_some())),
            Method::IsInstanceOf => Ok(Answer::Boolean(bean()?.class().is_instance_of(call.text(1)?))),
            Method::GetObjectInstance => {
                let bean = bean()?;
                Ok(Answer::object(move |writer| java::object_instance(writer, &bean)))
            }
            Method::GetMBeanInfo => {
                let bean = bean()?;
                Ok(Answer::object(move |writer| java::info(writer, bean.class())))
            }
            Method::GetAttribute => {
                let (bean, attribute) = (bean()?, call.text(1)?);
                let Some(value) = bean.value(attribute).cloned() else {
                    return Err(no_such_attribute(attribute));
                };
                Ok(Answer::value_of(beans, bean, move |writer, _| java::value(writer, &value)))
            }
            Method::GetAttributes => {
                let (bean, wanted) = (bean()?, call.texts(1)?);
                let wanted: Vec<_> = wanted.into_iter().map(str::to_owned).collect();
                Ok(Answer::value_of(beans, bean, move |writer, bean| {
                    // Those that it does not have are left out.
                    let values = wanted.iter().filter_map(|name| Some((name.as_str(), bean.value(name)?)));
                    java::attribute_list(writer, &values.collect::<Vec<_>>());
                }))
            }
            Method::AddNotificationListeners => self.add_listeners(call, connection, beans),
            Method::RemoveNotificationListeners => {
                let (bean, ids) = (bean()?, integers(call.argument(1))?);
                let mut listeners = connection.listeners();
                let removed = ids.iter().filter(|id| listeners.remove(**id)).count();
                if *bean.name() != self.delegate || removed < ids.len() {
                    return Err(Exception::listener_not_found("Listener not found"));
                }
                Ok(Answer::Void)
            }
            _ => Err(Exception::read_only()),
        }
    }

    fn add_listeners(
        &self,
        call: &Call,
        connection: &RmiConnection,
        beans: &MBeans,
    ) -> Result<Answer, Exception> {
        let names = names(call.argument(0))?;
        let filters = call.argument(1).array(&super::classes::MARSHALLED_OBJECT_ARRAY).unwrap_or_default();
        if filters.len() != names.len() {
            return Err(Exception::illegal_argument("there are not as many filters as names"));
        }
        let mut added = Vec::with_capacity(names.len());
        for (name, filter) in names.iter().zip(filters) {
            let bean = find(beans, name)?;
            if *bean.name() != self.delegate {
                return Err(Exception::illegal_argument(format!(
                    "The specified MBean [{name}] is not a NotificationBroadcaster object."
                )));
            }
            added.push(marshalled(filter)?.map_or(Ok(Filter::All), Filter::read)?);
        }
        let ids = connection.listeners().add(added)?;
        Ok(Answer::object(move |writer| {
            writer.begin_array(&super::classes::INTEGER_ARRAY, ids.len());
            ids.into_iter().for_each(|id| java::integer(writer, id));
        }))
    }

    /// Refuses to change anything, in the words of the JDK: where it knows users, those may only read, and elsewhere the beans are of
    /// a kind that cannot be changed.
    async fn change(&self, call: &Call) -> Result<Answer, Exception> {
        if self.options.server.auth.basic.is_some() {
            return Err(Exception::read_only());
        }
        let beans = self.fresh().await?;
        let bean = find(&beans, &call.name(0)?)?;
        match call.method {
            Method::SetAttribute => {
                let bytes = marshalled(call.argument(1))?.unwrap_or_default();
                let attribute = attribute_name(bytes);
                let attribute =
                    attribute.ok_or_else(|| Exception::illegal_argument("Attribute cannot be null"))?;
                Err(match bean.value(&attribute) {
                    Some(_) => Exception::attribute_not_found(format!("Read-only attribute: {attribute}")),
                    None => no_such_attribute(&attribute),
                })
            }
            // Those that cannot be set are left out of what was set.
            Method::SetAttributes => Ok(Answer::object(|writer| java::attribute_list(writer, &[]))),
            _ => {
                let operation = call.text(1)?;
                let signature = call.texts(3).unwrap_or_default().join(", ");
                let inner = Exception::no_such_method(format!("{operation}({signature})"));
                Err(Exception::reflection(format!("No such operation: {operation}")).with_inner(inner))
            }
        }
    }
}

fn find<'a>(beans: &'a MBeans, name: &ObjectName) -> Result<&'a MBean, Exception> {
    beans.get(name).ok_or_else(|| Exception::instance_not_found(name.to_string()))
}

fn no_such_attribute(attribute: &str) -> Exception {
    Exception::attribute_not_found(format!("No such attribute: {attribute}"))
}

fn query(
    call: &Call,
    beans: &Arc<MBeans>,
    write: impl Fn(&mut Writer, &MBean) + Send + 'static,
) -> Result<Answer, Exception> {
    let pattern = call.pattern(0)?;
    if marshalled(call.argument(1))?.is_some() {
        return Err(Exception::illegal_argument("there are no queries with expressions here"));
    }
    let beans = Arc::clone(beans);
    Ok(Answer::object(move |writer| {
        let found: Vec<_> = match &pattern {
            Some(pattern) => beans.query(pattern).collect(),
            None => beans.iter().collect(),
        };
        java::set(writer, &found, write);
    }))
}

fn write_lease(writer: &mut Writer, lease: Duration, address: &[u8], uid: Uid) {
    use super::classes as c;
    writer.begin(&c::LEASE);
    writer.long(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX));
    writer.begin(&c::VMID);
    writer.begin_array(&c::BYTES, address.len());
    writer.raw(address);
    writer.begin(&c::UID);
    writer.short(uid.count);
    writer.long(uid.time);
    writer.int(uid.unique);
}
