//! The latest MBeans, and reports when clients ask.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flowmeter_core::{ReportNumber, ReporterContext};
use tokio::sync::watch;

use super::deliveries::Deliveries;
use super::registrations::{Registration, Registrations};
use super::{MBean, MBeans};

/// At most this part of the time is spent on reports, however often clients ask: one in ten.
const REST: u32 = 10;

/// The MBeans of a reporter, for whatever serves them to clients.
///
/// A report is made when a client asks and the latest is too old, and then serves all that clients ask for until it is too old as
/// well. So the price of reading one attribute is a look at a table, and all attributes that are read in one go are from one moment.
///
/// ```
/// use std::sync::mpsc;
/// use flowmeter_jmx::model::{MBean, MBeanServer, MBeans};
///
/// # fn example(server: &MBeanServer) {
/// let asked = server.clone();
/// server.when_fresh(move |beans| {
///     for bean in beans.query(&"org.apache.flink.*:*".parse().expect("it is a pattern")) {
///         println!("{} = {:?}", bean.name(), bean.values());
///         // Once they are on their way.
///         asked.sent(&beans, bean);
///     }
/// });
/// # }
/// ```
#[derive(Clone)]
pub struct MBeanServer(Arc<Shared>);

struct Shared {
    freshness: Duration,
    state: Mutex<State>,
    /// The number of the next registration.
    registered: watch::Sender<u64>,
}

type Then = Box<dyn FnOnce(Arc<MBeans>) + Send>;

/// Those who wait for a report.
#[derive(Default)]
pub(crate) struct Waiting(Vec<Then>);

#[derive(Default)]
struct State {
    context: Option<ReporterContext>,
    beans: Arc<MBeans>,
    /// When the report of the beans began, and how long it took. Nothing before the first.
    taken: Option<(Instant, Duration)>,
    waiting: Waiting,
    deliveries: Deliveries,
    registrations: Registrations,
}

impl State {
    fn is_fresh(&self, now: Instant, freshness: Duration) -> bool {
        self.taken.is_some_and(|(began, took)| {
            // Without any freshness each request is to see what is true after it was made.
            !freshness.is_zero() && now.saturating_duration_since(began) < freshness.max(took * REST)
        })
    }
}

impl MBeanServer {
    /// A server whose beans may be so old when a client gets them.
    pub(crate) fn new(freshness: Duration) -> Self {
        let registered = watch::Sender::new(1);
        Self(Arc::new(Shared { freshness, state: Mutex::default(), registered }))
    }

    /// A server of beans that stay as they are, without a reporter.
    #[must_use]
    pub fn of(mut beans: MBeans) -> Self {
        let server = Self::new(Duration::ZERO);
        beans.set_changed(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        server.lock().beans = Arc::new(beans);
        server
    }

    /// Has something done with beans that are fresh: at once, on this thread, if the latest are, or on the reporter's thread after a
    /// report. It is dropped undone when the reporter stops or its report fails, which is how whoever waits hears of that.
    pub fn when_fresh(&self, then: impl FnOnce(Arc<MBeans>) + Send + 'static) {
        let mut state = self.lock();
        let Some(context) = state.context.clone() else {
            let beans = Arc::clone(&state.beans);
            drop(state);
            return then(beans);
        };
        if state.is_fresh(Instant::now(), self.0.freshness) {
            let beans = Arc::clone(&state.beans);
            drop(state);
            return then(beans);
        }
        state.waiting.0.push(Box::new(then));
        drop(state);
        context.request_report();
    }

    /// The latest beans, however old.
    #[must_use]
    pub fn latest(&self) -> Arc<MBeans> {
        Arc::clone(&self.lock().beans)
    }

    /// Notes that a value of one of these beans was sent to a client. When those of all beans were, what has closed may leave.
    pub fn sent(&self, beans: &MBeans, bean: &MBean) {
        let mut state = self.lock();
        let read = state.deliveries.sent(beans, bean);
        tell_delivered(state, read);
    }

    /// Counts bytes that were sent to clients.
    pub fn count_bytes(&self, bytes: u64) {
        if let Some(context) = &self.lock().context {
            context.count_bytes(bytes);
        }
    }

    /// The number of the next registration, as it changes. Whoever waits for one is to ask for [fresh beans](Self::when_fresh)
    /// now and then, since it is reports that find registrations.
    #[must_use]
    pub fn registrations(&self) -> watch::Receiver<u64> {
        self.0.registered.subscribe()
    }

    /// The beans that came and went from a number on, as far as they are kept, and the number of the earliest that is kept or of the
    /// next one. The latest 1000 are.
    #[must_use]
    pub fn registrations_since(&self, sequence: u64, most: usize) -> (Vec<Registration>, u64) {
        let state = self.lock();
        let since = state.registrations.since(sequence).take(most).cloned().collect();
        (since, state.registrations.earliest())
    }

    /// How old beans may be.
    #[must_use]
    pub fn freshness(&self) -> Duration {
        self.0.freshness
    }

    /// Lets it ask for reports.
    pub(crate) fn attach(&self, context: &ReporterContext) {
        self.lock().context = Some(context.clone());
    }

    /// Those who wait for a report that begins now.
    pub(crate) fn take_waiting(&self) -> Waiting {
        mem::take(&mut self.lock().waiting)
    }

    /// Serves the beans of a report that began at a time, to those who wait for it first.
    pub(crate) fn publish(&self, mut beans: MBeans, began: Instant, unix_time: Duration, waiting: Waiting) {
        let mut state = self.lock();
        let is_changed = !beans.has_beans_of(&state.beans);
        if is_changed {
            beans.set_changed(unix_time);
        }
        let beans = Arc::new(beans);
        let before = mem::replace(&mut state.beans, Arc::clone(&beans));
        if is_changed && state.taken.is_some() {
            note_changes(&mut state.registrations, &before, &beans, unix_time);
        }
        state.taken = Some((began, began.elapsed()));
        let read = state.deliveries.publish(&beans, &before);
        let next = state.registrations.next();
        tell_delivered(state, read);
        self.0.registered.send_if_modified(|known| mem::replace(known, next) != next);
        for then in waiting.0 {
            then(Arc::clone(&beans));
        }
    }

    /// Lets go of those who wait: there will be no report for them.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.context = None;
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell_delivered(state: MutexGuard<'_, State>, read: Option<ReportNumber>) {
    if let Some(report) = read
        && let Some(context) = state.context.clone()
    {
        drop(state);
        context.delivered(report);
    }
}

fn note_changes(registrations: &mut Registrations, before: &MBeans, after: &MBeans, time: Duration) {
    for bean in before.iter().filter(|bean| after.get(bean.name()).is_none()) {
        registrations.push(bean.name(), false, time);
    }
    for bean in after.iter().filter(|bean| before.get(bean.name()).is_none()) {
        registrations.push(bean.name(), true, time);
    }
}

impl fmt::Debug for MBeanServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MBeanServer").field("beans", &self.latest().len()).finish_non_exhaustive()
    }
}
