//! One socket of a client.

use std::io;
use std::time::Duration;

use flowmeter_http::{Connection, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use super::answer::Reply;
use super::desk::{Desk, Ends};
use super::message::{self, Greeting, MOST_BYTES, Message, Unread};
use super::race::{First, first_of};
use super::stub::utf;

/// How many bytes are looked at for one message, that of several looks added up: who sends a long one in tiny pieces would have it
/// read from its beginning for each.
const MOST_LOOKS: usize = 64 * MOST_BYTES;
/// How much of what a client still sends is read when the connection ends, so that it gets the answer before the end.
const FAREWELL_BYTES: usize = 1 << 20;
const FAREWELL: Duration = Duration::from_millis(200);

/// A conversation over one socket.
pub(crate) struct Conversation<'a> {
    pub(crate) desk: &'a Desk,
    pub(crate) stream: Box<dyn Connection>,
    pub(crate) ends: Ends,
    pub(crate) client_port: u16,
    /// Told to whoever is idle when others wait for a socket.
    pub(crate) room: &'a Notify,
    /// Becomes true when the server stops.
    pub(crate) stopped: watch::Receiver<bool>,
    pub(crate) received: Vec<u8>,
}

/// Why a conversation ends.
#[derive(Debug)]
enum End {
    /// The client has gone, or takes or says nothing, or is asked to go.
    Over,
    /// What it says is not understood.
    Refused(String),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Over
    }
}

impl Conversation<'_> {
    /// Holds the conversation to its end.
    pub(crate) async fn hold(mut self) {
        if let Err(End::Refused(why)) = self.talk().await {
            debug!(client = %self.ends.client, why, "a client of JMX is not understood");
        }
        let _ = timeout(FAREWELL, self.part()).await;
    }

    async fn talk(&mut self) -> Result<(), End> {
        let began = Instant::now() + self.options().request_patience;
        let greeting = self.read(message::greeting, Some(began)).await?;
        match greeting {
            Greeting::Stream => {
                let mut acknowledgement = vec![0x4e];
                utf(&self.ends.client.to_string(), &mut acknowledgement);
                acknowledgement.extend(u32::from(self.client_port).to_be_bytes());
                self.write(&acknowledgement).await?;
                self.read(|bytes| Ok(((), message::endpoint(bytes)?)), Some(began)).await?;
                loop {
                    self.exchange(None).await?;
                }
            }
            Greeting::Single => self.exchange(Some(began)).await,
            Greeting::Multiplex => self.write(&[0x4f]).await,
        }
    }

    /// Reads a message and answers it.
    async fn exchange(&mut self, deadline: Option<Instant>) -> Result<(), End> {
        let read = self.read(
            |bytes| match message::message(bytes) {
                // Answered here, since the rest of what was sent cannot be understood.
                Err(Unread::Refused { why, is_call: true }) => Ok((Err(why), bytes.len())),
                read => read.map(|(message, length)| (Ok(message), length)),
            },
            deadline,
        );
        let call = match read.await? {
            Ok(Message::Ping) => return self.write(&[0x53]).await,
            Ok(Message::Acknowledgement) => return Ok(()),
            Ok(Message::Call(call)) => call,
            Err(why) => {
                let reply = self.desk.refuse(&why);
                self.write(&reply.bytes).await?;
                return Err(End::Refused(why));
            }
        };
        let (desk, ends, room, mut stopped) = (self.desk, self.ends, self.room, self.stopped.clone());
        // Whoever only waits makes room for others as well: with what there is by now, after which the client comes again.
        let hurry = async {
            if !call.is_waiting() {
                std::future::pending::<()>().await;
            }
            room.notified().await;
        };
        let answer = async {
            match first_of(desk.answer(&call, ends), hurry).await {
                First::Left(reply) => reply,
                First::Right(()) => Reply { is_last: true, ..desk.answer(&call.at_once(), ends).await },
            }
        };
        let stop = async { drop(stopped.wait_for(|stopped| *stopped).await) };
        let gone = first_of(self.gone(), stop);
        let First::Left(mut reply) = first_of(answer, gone).await else {
            return Err(End::Over);
        };
        let under_way = desk.send(&mut reply);
        self.write(&reply.bytes).await?;
        drop(under_way);
        desk.beans.count_bytes(reply.bytes.len() as u64);
        if let Some((beans, bean)) = &reply.read {
            desk.beans.sent(beans, bean);
        }
        if reply.is_last { Err(End::Over) } else { Ok(()) }
    }

    /// Returns when the client has gone. What it sends meanwhile is kept for later.
    async fn gone(&mut self) {
        while self.received.len() < MOST_BYTES {
            if self.stream.read_buf(&mut self.received).await.unwrap_or(0) == 0 {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Reads what `parse` makes of the bytes at the beginning. Without a deadline that may begin some time, and must end soon then.
    async fn read<T>(
        &mut self,
        parse: impl Fn(&[u8]) -> Result<(T, usize), Unread>,
        mut deadline: Option<Instant>,
    ) -> Result<T, End> {
        let mut looks = 0;
        loop {
            if !self.received.is_empty() {
                looks += self.received.len();
                match parse(&self.received) {
                    Ok((read, length)) => {
                        self.received.drain(..length);
                        return Ok(read);
                    }
                    Err(Unread::Refused { why, .. }) => return Err(End::Refused(why)),
                    Err(Unread::Cut) if self.received.len() >= MOST_BYTES => {
                        return Err(End::Refused(format!("a message has more than {MOST_BYTES} bytes")));
                    }
                    Err(Unread::Cut) if looks > MOST_LOOKS => {
                        return Err(End::Refused("a message comes in too many pieces".to_owned()));
                    }
                    Err(Unread::Cut) => {}
                }
                deadline.get_or_insert_with(|| Instant::now() + self.desk.options.server.request_patience);
            }
            let is_idle = self.received.is_empty() && deadline.is_none();
            let until = deadline.unwrap_or_else(|| Instant::now() + self.options().idle_patience);
            let mut stopped = self.stopped.clone();
            let room = self.room;
            let asked_to_go = async {
                let stop = stopped.wait_for(|stopped| *stopped);
                if is_idle { drop(first_of(stop, room.notified()).await) } else { drop(stop.await) }
            };
            let more = timeout_at(until, self.stream.read_buf(&mut self.received));
            match first_of(more, asked_to_go).await {
                First::Left(Ok(Ok(1..))) => {}
                _ => return Err(End::Over),
            }
        }
    }

    /// Writes all of it, unless the client is slow to take it.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), End> {
        let options = &self.desk.options.server;
        let patience =
            options.client_patience + Duration::from_secs(bytes.len() as u64 / options.least_rate.max(1));
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        timeout(patience, write).await.map_err(|_| End::Over)??;
        Ok(())
    }

    /// Ends the connection so that what was written last arrives.
    async fn part(&mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let mut rest = [0; 4096];
        let mut left = FAREWELL_BYTES;
        while left > 0 {
            match self.stream.read(&mut rest).await {
                Ok(0) | Err(_) => return,
                Ok(length) => left = left.saturating_sub(length),
            }
        }
    }

    fn options(&self) -> &ServerOptions {
        &self.desk.options.server
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::*;
    use crate::JmxOptions;
    use crate::model::{MBeanServer, MBeans};

    /// A client that sends a byte at a time.
    struct Drip(std::vec::IntoIter<u8>);

    impl AsyncRead for Drip {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            buffer.put_slice(self.0.next().as_slice());
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Drip {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// How a conversation ends that begins with these bytes.
    fn end(sent: Vec<u8>) -> End {
        let desk = Desk::new(MBeanServer::of(MBeans::default()), JmxOptions::default());
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut conversation = Conversation {
            desk: &desk,
            stream: Box::new(Drip(sent.into_iter())),
            ends: Ends { client, server: (client, 1).into() },
            client_port: 2,
            room: &Notify::new(),
            stopped: watch::channel(false).1,
            received: Vec::new(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(conversation.talk()).unwrap_err()
    }

    #[test]
    fn a_long_message_in_tiny_pieces_is_refused_and_a_short_one_is_not() {
        let greeting = b"JRMI\0\x02\x4b\0\x09127.0.0.1\0\0\0\0";
        // A lookup of a name of so many bytes.
        let lookup = |length: u16| {
            let mut bytes = greeting.to_vec();
            bytes.extend([0x50, 0xac, 0xed, 0, 5, 0x77, 34]);
            bytes.extend([0; 22]);
            bytes.extend(2_i32.to_be_bytes());
            bytes.extend(crate::rmi::method::REGISTRY_HASH.to_be_bytes());
            bytes.push(0x74);
            bytes.extend(length.to_be_bytes());
            bytes.extend(vec![b'a'; length.into()]);
            bytes
        };
        assert!(matches!(end(lookup(100)), End::Over), "it is answered, and then there is no more");
        let End::Refused(why) = end(lookup(u16::MAX)) else { panic!("it is refused") };
        assert!(why.contains("too many pieces"), "{why}");
    }
}
