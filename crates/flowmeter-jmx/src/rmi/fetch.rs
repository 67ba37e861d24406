//! Notifications, which clients wait for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::model::Registration;

use super::answer::Answer;
use super::desk::Desk;
use super::exception::Exception;
use super::exports::RmiConnection;
use super::java;
use super::message::Call;
use super::race::{First, first_of};

/// The most that are answered at once, as in the JDK.
const MOST: i32 = 1000;
/// A client that wants to wait for longer asks again.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// How often reports are made for clients that wait, so that they hear of beans that come and go.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

impl Desk {
    /// Answers with the notifications from a number on that a client has listeners for, once there are any, or when the client has
    /// waited for long enough.
    pub(super) async fn fetch(
        &self,
        call: &Call,
        connection: &Arc<RmiConnection>,
    ) -> Result<Answer, Exception> {
        let Asked { sequence, most, wait } = Asked::of(&call.primitives);
        let mut changes = self.beans.registrations();
        let now = *changes.borrow_and_update();
        let Ok(sequence) = u64::try_from(sequence) else {
            // The first time: from now on.
            return Ok(self.result((now, now), Vec::new()));
        };
        let mut sequence = sequence.min(now);
        let deadline = Instant::now() + wait.min(LONGEST_WAIT);
        let mut closed = connection.closed();
        loop {
            changes.borrow_and_update();
            let is_over = Instant::now() >= deadline || *closed.borrow_and_update();
            let (registrations, earliest) = self.beans.registrations_since(sequence, most);
            sequence = registrations.last().map_or(sequence, |last| last.sequence + 1);
            let wanted = wanted(connection, registrations);
            if is_over || !wanted.is_empty() {
                return Ok(self.result((earliest, sequence), wanted));
            }
            // Only reports find what has come and gone, and only whoever listens needs them.
            let look = deadline.min(Instant::now() + LOOK_INTERVAL);
            let change = timeout_at(look, changes.changed());
            if let First::Left(Err(_)) = first_of(change, closed.changed()).await
                && !connection.listeners().is_empty()
            {
                self.beans.when_fresh(drop);
            }
        }
    }

    fn result(&self, numbers: (u64, u64), notifications: Vec<(i32, Registration)>) -> Answer {
        let source = self.delegate.clone();
        Answer::object(move |writer| java::notifications(writer, numbers, &source, &notifications))
    }
}

/// The registrations that a client has listeners for, each for each of them.
fn wanted(connection: &RmiConnection, registrations: Vec<Registration>) -> Vec<(i32, Registration)> {
    let listeners = connection.listeners();
    let mut wanted = Vec::new();
    for registration in registrations {
        let ids = listeners.wanting(java::notification_type(&registration));
        wanted.extend(ids.map(|id| (id, registration.clone())));
    }
    wanted
}

/// What a client asks for.
struct Asked {
    sequence: i64,
    most: usize,
    wait: Duration,
}

impl Asked {
    fn of(primitives: &[u8]) -> Self {
        let number = |from: usize, to: usize| {
            let bytes = primitives.get(from..to).unwrap_or_default();
            bytes.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte))
        };
        let most = (number(8, 12) as i32).clamp(1, MOST);
        let wait = number(12, 20).cast_signed().max(0).cast_unsigned();
        Self { sequence: number(0, 8).cast_signed(), most: most as usize, wait: Duration::from_millis(wait) }
    }
}
