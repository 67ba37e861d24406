//! How packets reach a daemon.
//!
//! A transport never waits beyond a deadline. It says how many packets were taken; those are not sent again. What was taken and
//! may be lost all the same, because the peer refused it or the connection broke, it counts as uncertain.

mod datagram;
mod resolve;
mod stream;
mod wait;

use std::io;
use std::time::Instant;

use crate::packets::{Framing, Lot};
use crate::{Address, Dialect, StatsdOptions};
use datagram::Datagrams;
use stream::Stream;

/// What is sent at most in one piece where nothing else is known: what most networks pass, and all daemons
/// read.
const NETWORK_PACKET: usize = 1432;

/// The same where no network is in between: the daemon with the shortest buffer, collectd, reads 4096 bytes, and Linux keeps
/// a datagram of up to some 3,700 bytes in 4 KiB of the receiver's buffer, and a longer one in 8 KiB.
const SMALL_LOCAL_PACKET: usize = 3584;

/// The same where the daemon is one that reads more. Linux keeps a datagram of up to some 7,800 bytes in 8 KiB of the
/// receiver's buffer, and a longer one in 16 KiB.
const LOCAL_PACKET: usize = 7680;

/// What became of packets.
#[derive(Debug)]
pub(crate) struct Sent {
    /// How many were taken, from the first on.
    pub(crate) packets: usize,
    /// Why not all.
    pub(crate) result: io::Result<()>,
}

/// A way to a daemon.
pub(crate) enum Transport {
    Datagrams(Datagrams),
    Stream(Stream),
}

impl Transport {
    pub(crate) fn new(options: &StatsdOptions) -> Self {
        let address = options.address.clone();
        match address {
            Address::Udp(..) | Address::UnixDatagram(_) => {
                Self::Datagrams(Datagrams::new(address, options.resolve_interval))
            }
            Address::Tcp(..) | Address::UnixStream(_) => Self::Stream(Stream::new(address)),
        }
    }

    /// What is around the lines of a packet.
    pub(crate) fn framing(&self, dialect: Dialect) -> Framing {
        match self {
            Self::Datagrams(_) => Framing::Datagram,
            // Datadog's Agent is alone in wanting that.
            Self::Stream(stream) if stream.is_unix() && dialect == Dialect::DogStatsd => Framing::Length,
            Self::Stream(_) => Framing::Lines,
        }
    }

    /// Whether a receiver that is slow loses what is sent too fast.
    pub(crate) fn can_overrun(&self) -> bool {
        matches!(self, Self::Datagrams(datagrams) if datagrams.is_udp())
    }

    /// Begins a report: opens what is not open, and looks what became of the last report. Returns how many bytes a packet should
    /// have at most. With `at_once` it does not keep to the time after which a connection is tried again.
    pub(crate) fn begin(
        &mut self,
        deadline: Instant,
        at_once: bool,
        options: &StatsdOptions,
    ) -> io::Result<usize> {
        match self {
            Self::Datagrams(datagrams) => {
                let is_local = datagrams.begin(deadline, at_once)?;
                let reads_much = !datagrams.is_udp() || options.dialect == Dialect::DogStatsd;
                let size = match (is_local, reads_much) {
                    (false, _) => NETWORK_PACKET,
                    (true, false) => SMALL_LOCAL_PACKET,
                    (true, true) => LOCAL_PACKET,
                };
                Ok(options.packet_size.unwrap_or(size).min(datagrams.longest))
            }
            Self::Stream(stream) => {
                stream.begin(deadline, at_once).map(|()| options.packet_size.unwrap_or(LOCAL_PACKET))
            }
        }
    }

    /// Sends packets until the deadline.
    pub(crate) fn send(&mut self, lot: Lot<'_>, deadline: Instant) -> Sent {
        match self {
            Self::Datagrams(datagrams) => datagrams.send(lot, deadline),
            Self::Stream(stream) => stream.send(lot, deadline),
        }
    }

    /// Ends a report of which all was taken: fails if that is known to be lost.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Datagrams(datagrams) => datagrams.end(),
            Self::Stream(stream) => {
                stream.end();
                Ok(())
            }
        }
    }

    /// How many values were taken and may be lost, since it was asked last.
    pub(crate) fn take_uncertain(&mut self) -> u64 {
        let uncertain = match self {
            Self::Datagrams(datagrams) => &mut datagrams.uncertain,
            Self::Stream(stream) => &mut stream.uncertain,
        };
        std::mem::take(uncertain)
    }

    /// Closes it.
    pub(crate) fn close(&mut self) {
        match self {
            Self::Datagrams(datagrams) => datagrams.close(),
            Self::Stream(stream) => stream.close(),
        }
    }
}

/// How many values packets have.
fn values(lot: Lot<'_>, packets: usize) -> u64 {
    lot.packets().iter().take(packets).map(|packet| packet.values).sum()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};
    use std::time::Duration;

    use super::*;

    fn begun(options: &StatsdOptions) -> (usize, Framing) {
        let mut transport = Transport::new(options);
        let deadline = Instant::now() + Duration::from_secs(20);
        (transport.begin(deadline, true, options).unwrap(), transport.framing(options.dialect))
    }

    #[test]
    fn packets_are_what_each_daemon_reads() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = || "127.0.0.1".to_owned();
        let options = StatsdOptions::default();
        let datagrams = options.clone().with_address(Address::Udp(host(), udp.local_addr().unwrap().port()));
        let lines = options.with_address(Address::Tcp(host(), tcp.local_addr().unwrap().port()));
        for dialect in [Dialect::Plain, Dialect::Graphite, Dialect::Flink] {
            assert_eq!(
                begun(&datagrams.clone().with_dialect(dialect)),
                (SMALL_LOCAL_PACKET, Framing::Datagram)
            );
            assert_eq!(begun(&lines.clone().with_dialect(dialect)), (LOCAL_PACKET, Framing::Lines));
        }
        let datagrams = datagrams.with_dialect(Dialect::DogStatsd);
        assert_eq!(begun(&datagrams), (LOCAL_PACKET, Framing::Datagram));
        assert_eq!(begun(&datagrams.with_packet_size(300)).0, 300);
        assert_eq!(begun(&lines.with_dialect(Dialect::DogStatsd)).1, Framing::Lines);
    }

    #[cfg(unix)]
    #[test]
    fn lengths_are_in_front_for_datadog_alone() {
        use std::os::unix::net::UnixListener;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let _listener = UnixListener::bind(&path).unwrap();
        let options = StatsdOptions::default().with_address(Address::UnixStream(path));
        assert_eq!(begun(&options), (LOCAL_PACKET, Framing::Lines));
        assert_eq!(begun(&options.with_dialect(Dialect::DogStatsd)), (LOCAL_PACKET, Framing::Length));
    }
}
