//! What users do to end a run before its time.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The signals that ask a process to end.
pub const END_SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Counts interrupts. The first ends the job's sources, a second ends everything at once; once the job has ended, one
/// ends the wait for scrapers.
#[derive(Clone, Debug, Default)]
pub struct Interrupts(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: AtomicUsize,
    job_ended: AtomicBool,
}

impl Interrupts {
    /// Begins to count.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn watch() -> Result<Self, String> {
        let interrupts = Self::default();
        let mut signals =
            Signals::new(END_SIGNALS).map_err(|error| format!("cannot watch for signals: {error}"))?;
        let counted = interrupts.clone();
        thread::spawn(move || {
            for _ in signals.forever() {
                if counted.0.count.fetch_add(1, Relaxed) > 0 && !counted.0.job_ended.load(Relaxed) {
                    // TaskManagers go down with this process.
                    process::exit(130);
                }
            }
        });
        Ok(interrupts)
    }

    /// How many there were.
    #[must_use]
    pub fn so_far(&self) -> usize {
        self.0.count.load(Relaxed)
    }

    /// From now on no interrupt is one too many.
    pub fn job_ended(&self) {
        self.0.job_ended.store(true, Relaxed);
    }
}
