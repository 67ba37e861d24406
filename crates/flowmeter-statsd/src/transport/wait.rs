//! Waiting for a socket, with a deadline.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;

/// Waits until a socket takes something. Returns whether it does before the deadline.
pub(super) fn until_writable(socket: BorrowedFd<'_>, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if is_writable(socket, left)? {
            return Ok(true);
        }
        if left.is_zero() {
            return Ok(false);
        }
    }
}

/// Whether a socket takes something, or has an error to tell of, within a time.
pub(super) fn is_writable(socket: BorrowedFd<'_>, patience: Duration) -> io::Result<bool> {
    // A time that the system has no number for is as good as forever.
    let timeout = Timespec::try_from(patience).ok();
    match poll(&mut [PollFd::new(&socket, PollFlags::OUT)], timeout.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(error) if error == rustix::io::Errno::INTR => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What keeps a report from going on.
pub(super) fn timed_out() -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        "the daemon did not take it in time; the rest goes into the next report",
    )
}
