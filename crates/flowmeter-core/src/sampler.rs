//! Runs callbacks on a thread of their own, so that one that hangs or panics holds up nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use tracing::{info, warn};

use crate::block::Block;
use crate::collected::Outcome;
use crate::core::Core;
use crate::node::Node;
use crate::sample::Output;

/// How many threads may be stuck in callbacks that do not return before no more are started.
const STUCK_LIMIT: usize = 4;

/// How many groups have callbacks before those of closed ones go although no report has had their last values.
const CLOSED_LIMIT: usize = 65_536;

/// The user's function, which leaves what it computes where its output is, or says why it could not.
pub(crate) type Call = Box<dyn FnMut() -> Outcome + Send>;

/// The callbacks of a registry and the thread that runs them, which starts when a report first wants a value.
#[derive(Default)]
pub(crate) struct Sampler {
    state: Mutex<State>,
    /// A pass is wanted, or the registry ends.
    wanted: Condvar,
    /// A pass is complete.
    completed: Condvar,
}

struct State {
    /// By the slot of their group, which they hold, so that no other group gets it.
    groups: HashMap<u32, Arc<Callbacks>>,
    /// The number of groups at which to look for closed ones that no pass has removed.
    purge_at: usize,
    /// Passes asked for and finished, in numbers that only grow.
    wanted: u64,
    completed: u64,
    /// Who has asked for the next pass: the bits of their reporters.
    readers: u32,
    /// Whom the pass that runs is for.
    served: u32,
    /// The thread in charge. One that finds another number here was given up and ends.
    generation: u64,
    running: bool,
    stuck: usize,
    /// What the thread in charge is running.
    current: Option<Arc<Callbacks>>,
    stopped: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            groups: HashMap::new(),
            purge_at: CLOSED_LIMIT,
            wanted: 0,
            completed: 0,
            readers: 0,
            served: 0,
            generation: 0,
            running: false,
            stuck: 0,
            current: None,
            stopped: false,
        }
    }
}

/// The callbacks of one group.
struct Callbacks {
    node: Arc<Node>,
    list: Mutex<List>,
    /// They ran after the group had closed, so what they gave is final.
    ended: AtomicBool,
}

#[derive(Default)]
struct List {
    idle: Vec<Callback>,
    /// The callbacks are with a thread. They come back to `idle` when it is through with them.
    taken: bool,
    /// The one that runs now, and since when.
    running: Option<(Arc<str>, Instant)>,
}

struct Callback {
    /// Whose series it sets, by which it is known.
    block: Arc<Block>,
    name: Arc<str>,
    output: Output,
    call: Call,
    panicked: bool,
    /// It has said that it had nothing to compute from.
    missed: bool,
}

impl Sampler {
    pub(crate) fn add(&self, block: &Arc<Block>, name: &str, output: Output, call: Call) {
        let node = block.node();
        let mut callback = Some(Callback {
            block: Arc::clone(block),
            name: name.into(),
            output,
            call,
            panicked: false,
            missed: false,
        });
        let mut state = self.lock();
        let ended: Vec<_> = if state.groups.len() >= state.purge_at {
            let closed = state.groups.extract_if(|_, group| group.node.lifecycle().is_closed()).collect();
            state.purge_at = (2 * state.groups.len()).max(CLOSED_LIMIT);
            closed
        } else {
            Vec::new()
        };
        let group = state.groups.entry(node.slot()).or_insert_with(|| Arc::new(Callbacks::new(node)));
        let mut list = group.lock();
        // Whoever removes a series says so before looking for its callback here.
        if !block.is_removed() {
            list.idle.extend(callback.take());
        }
        drop(list);
        drop(state);
        // The callbacks are user code, so they go without the lock.
        let unread = ended.iter().map(|(_, group)| group.lock().idle.len()).sum();
        let example = ended.first().map(|(_, group)| group.node.identifier());
        node.core().counts.dropped_unread_series(unread, example.as_deref());
        drop((ended, callback));
    }

    /// Takes out the callback of a series that was removed, for the caller to drop under no lock. One that is with the thread
    /// goes when it comes back.
    pub(crate) fn remove(&self, block: &Arc<Block>) -> Option<impl Sized + use<>> {
        let group = self.lock().groups.get(&block.node().slot()).cloned()?;
        let mut list = group.lock();
        let position = list.idle.iter().position(|callback| Arc::ptr_eq(&callback.block, block));
        position.map(|position| list.idle.remove(position))
    }

    /// Has all callbacks run whose values this reader wants, and waits for them, but not longer than `patience`.
    pub(crate) fn sample(&self, core: &Arc<Core>, reader: u32, patience: Duration) {
        let mut state = self.lock();
        if state.groups.is_empty() || state.stopped {
            return;
        }
        state.wanted += 1;
        state.readers |= reader;
        let ticket = state.wanted;
        if !state.running {
            self.start_thread(&mut state, core);
        }
        self.wanted.notify_one();
        let (generation, began) = (state.generation, Instant::now());
        while state.completed < ticket && state.running && !state.stopped {
            let waited = began.elapsed();
            // The one that runs when the time is over gets the whole of it too, before it is said to hang.
            let age = state.age_of_current();
            let left = match age.filter(|_| waited >= patience && state.generation == generation) {
                None if waited < patience => patience - waited,
                Some(age) if age < patience && waited < patience.saturating_mul(2) => patience - age,
                Some(age) if age >= patience => {
                    let notice = self.give_up(&mut state, core);
                    drop(state);
                    // A log line is the user's code.
                    notice.as_ref().inspect(|notice| notice.log());
                    return;
                }
                _ => return,
            };
            state = self.completed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends the thread, unless it is stuck, and drops all callbacks.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        let groups = std::mem::take(&mut state.groups);
        drop(state);
        self.wanted.notify_all();
        self.completed.notify_all();
        drop(groups);
    }

    /// Leaves the thread in charge to the callback that it is stuck in, and starts another.
    fn give_up(&self, state: &mut State, core: &Arc<Core>) -> Option<Notice> {
        let group = state.current.take()?;
        let callback = group.lock().running.as_ref().map(|(name, _)| Arc::clone(name)).unwrap_or_default();
        core.counts.callback_timeout();
        state.generation += 1;
        // The next thread makes the pass that this one does not end.
        state.readers |= state.served;
        state.stuck += 1;
        state.running = false;
        let last = state.stuck >= STUCK_LIMIT;
        if !last {
            self.start_thread(state, core);
        }
        Some(Notice { group: group.node.identifier(), callback, last })
    }

    fn start_thread(&self, state: &mut State, core: &Arc<Core>) {
        if state.stuck >= STUCK_LIMIT {
            return;
        }
        let (generation, of_thread) = (state.generation, Arc::clone(core));
        let thread = thread::Builder::new().name("flowmeter-sampler".to_owned());
        match thread.spawn(move || run(&of_thread, generation)) {
            Ok(_) => state.running = true,
            // Reports go out without callbacks, and the next one tries again.
            Err(_) => core.counts.callback_timeout(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How long the callback that runs now has been running.
    fn age_of_current(&self) -> Option<Duration> {
        let running = self.current.as_ref()?.lock().running.as_ref().map(|(_, since)| since.elapsed());
        running.or(Some(Duration::ZERO))
    }
}

/// That a callback was given up.
struct Notice {
    group: String,
    callback: Arc<str>,
    last: bool,
}

impl Notice {
    fn log(&self) {
        let (Self { group, last, .. }, callback) = (self, &*self.callback);
        if *last {
            warn!(group, callback, "too many callbacks do not return; none will be called until one does");
        } else {
            warn!(
                group,
                callback, "a callback does not return; its group's callbacks are skipped until it does"
            );
        }
    }
}

impl Callbacks {
    fn new(node: &Arc<Node>) -> Self {
        Self { node: Arc::clone(node), list: Mutex::default(), ended: AtomicBool::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the callbacks that these readers want, none of them under a lock; all of them in a group that has closed, for
    /// what they give now is final.
    fn run(&self, core: &Core, readers: u32, closed: bool) {
        let mut list = self.lock();
        if list.taken {
            return;
        }
        list.taken = true;
        let mut callbacks = std::mem::take(&mut list.idle);
        drop(list);
        let is_due = |callback: &Callback| {
            !callback.block.is_removed() && (closed || callback.block.is_read_by(readers))
        };
        for callback in callbacks.iter_mut().filter(|callback| is_due(callback)) {
            self.lock().running = Some((Arc::clone(&callback.name), Instant::now()));
            match catch_unwind(AssertUnwindSafe(|| (callback.call)())) {
                Ok(Outcome::Present) => callback.output.returned(),
                Ok(Outcome::Missing(reason)) => {
                    // What it gave last is final where it has nothing to give any more.
                    if !closed {
                        callback.output.clear();
                    }
                    if let Some(reason) = reason
                        && !std::mem::replace(&mut callback.missed, true)
                    {
                        let (group, callback) = (self.node.identifier(), &*callback.name);
                        info!(
                            group,
                            callback, reason, "metrics are missing, because what they are read from is"
                        );
                    }
                }
                Err(_) => {
                    callback.output.clear();
                    core.counts.callback_panic();
                    if !std::mem::replace(&mut callback.panicked, true) {
                        let (group, callback) = (self.node.identifier(), &*callback.name);
                        warn!(group, callback, "a callback panicked; its series are missing while it does");
                    }
                }
            }
        }
        if closed && let Some(last) = callbacks.last() {
            // They go before the pass is complete: the values of their group are final once nobody has their handles
            // any more, and then they are so in the report that the pass is for.
            self.lock().running = Some((Arc::clone(&last.name), Instant::now()));
            drop_guarded(std::mem::take(&mut callbacks), core);
        }
        let mut list = self.lock();
        let removed: Vec<_> = callbacks.extract_if(.., |callback| callback.block.is_removed()).collect();
        // Callbacks that were added meanwhile come last.
        callbacks.append(&mut list.idle);
        list.idle = callbacks;
        list.taken = false;
        list.running = None;
        drop(list);
        drop_guarded(removed, core);
    }
}

/// Drops callbacks, which are the user's, and so may panic.
fn drop_guarded(callbacks: Vec<Callback>, core: &Core) {
    if catch_unwind(AssertUnwindSafe(|| drop(callbacks))).is_err() {
        core.counts.callback_panic();
    }
}

/// The thread in charge. It ends when the registry stops the sampler.
fn run(core: &Arc<Core>, generation: u64) {
    let sampler = &core.sampler;
    let mut state = sampler.lock();
    loop {
        while state.wanted == state.completed && !state.stopped {
            state = sampler.wanted.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.stopped {
            return;
        }
        let (ticket, readers) = (state.wanted, std::mem::take(&mut state.readers));
        state.served = readers;
        let groups: Vec<_> = state.groups.values().cloned().collect();
        for group in &groups {
            state.current = Some(Arc::clone(group));
            drop(state);
            let closed = group.node.lifecycle().is_closed();
            group.run(core, readers, closed);
            group.ended.store(closed, Relaxed);
            state = sampler.lock();
            if state.generation != generation {
                // Given up, but the callback returned after all. Another thread has taken over, or can now.
                state.stuck -= 1;
                if !state.running && !state.stopped {
                    sampler.start_thread(&mut state, core);
                }
                return;
            }
        }
        state.current = None;
        state.completed = ticket;
        state.groups.retain(|_, group| !group.ended.load(Relaxed));
        drop(state);
        sampler.completed.notify_all();
        // The callbacks of ended groups go here. What they own is the user's, and so may panic.
        if catch_unwind(AssertUnwindSafe(|| drop(groups))).is_err() {
            core.counts.callback_panic();
        }
        state = sampler.lock();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::sync::mpsc;

    use super::*;
    use crate::Registry;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn one_pass_serves_all_who_asked_while_another_ran() {
        const BUSY: u32 = 1;
        const WAITING: [u32; 2] = [2, 4];
        let registry = Registry::new();
        let group = registry.add_group("g");
        let ((entered, entries), (release, gate)) = (mpsc::channel(), mpsc::channel::<()>());
        let busy = group.add_group("busy");
        busy.gauge_callback("n", move || entered.send(()).is_ok() && gate.recv().is_ok());
        let calls = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let waiting = [0, 1].map(|index| {
            let (group, calls) = (group.add_group(&index.to_string()), Arc::clone(&calls));
            group.gauge_callback("n", move || calls[index].fetch_add(1, Relaxed));
            group
        });
        let core = group.node().core();
        let sampler = &core.sampler;
        for callbacks in sampler.lock().groups.values() {
            let index = waiting.iter().position(|group| Arc::ptr_eq(group.node(), &callbacks.node));
            let reader = index.map_or(BUSY, |index| WAITING[index]);
            callbacks.lock().idle.iter().for_each(|callback| callback.block.add_reader(reader));
        }
        thread::scope(|scope| {
            scope.spawn(|| sampler.sample(core, BUSY, PATIENCE));
            entries.recv_timeout(PATIENCE).unwrap();
            for reader in WAITING {
                scope.spawn(move || sampler.sample(core, reader, PATIENCE));
            }
            let end = Instant::now() + PATIENCE;
            while sampler.lock().wanted < 3 {
                assert!(Instant::now() < end, "they ask");
                thread::yield_now();
            }
            release.send(()).unwrap();
        });
        assert_eq!([0, 1].map(|index| calls[index].load(Relaxed)), [1, 1]);
    }
}
