//! What becomes of datagrams that are refused late, and of what is too long.

use super::*;
use crate::packets::Framing;

/// What tests wait at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// Some packets with one value each.
fn packets(lines: &[&[u8]]) -> Packets {
    let mut packets = Packets::default();
    packets.begin(Framing::Datagram, 100_000);
    for line in lines {
        packets.out().extend_from_slice(line);
        packets.end_unit(None, 1).unwrap();
    }
    packets.end();
    packets
}

/// Sends a report with one value.
fn report(datagrams: &mut Datagrams) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    datagrams.begin(deadline, false)?;
    datagrams.send(packets(&[b"a:1|c\n"]).ready(), deadline).result?;
    datagrams.end()
}

fn to_host(host: &str, peer: &UdpSocket) -> Datagrams {
    let port = peer.local_addr().unwrap().port();
    Datagrams::new(Address::Udp(host.to_owned(), port), Duration::from_secs(3600))
}

/// Has a refusal come in, as it does a round trip after something was sent to another host.
fn refuse_late(datagrams: &Datagrams) {
    let Some(Socket::Udp(socket)) = &datagrams.socket else { panic!("it is open") };
    socket.send(b"\n").unwrap();
}

#[test]
fn what_is_refused_after_the_end_of_its_report_is_uncertain() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port();
    let mut datagrams = to_host("127.0.0.1", &peer);
    datagrams.answers_at_once = |_| false;
    for _ in 0..3 {
        report(&mut datagrams).unwrap();
    }
    drop(peer);
    refuse_late(&datagrams);
    for _ in 0..3 {
        report(&mut datagrams).unwrap_err();
        // The first was confirmed by the beginning of the third.
        assert_eq!((datagrams.uncertain, datagrams.since), (2, 0), "nothing goes out to nobody");
    }
    let peer = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    let error = report(&mut datagrams).unwrap_err().to_string();
    assert!(error.contains("is tried"), "{error}");
    report(&mut datagrams).unwrap();
    assert_eq!((datagrams.uncertain, datagrams.since), (2, 1));
    let mut buffer = [0; 64];
    let received = [(); 2].map(|()| peer.recv(&mut buffer).unwrap());
    assert_eq!(received, [1, 5], "an empty line, and the report");
}

#[test]
fn the_last_report_does_not_wait_for_an_answer() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut datagrams = to_host("127.0.0.1", &peer);
    datagrams.answers_at_once = |_| false;
    datagrams.standing = Standing::Refused;
    let deadline = Instant::now() + PATIENCE;
    datagrams.begin(deadline, true).unwrap();
    datagrams.send(packets(&[b"a:1|c\n"]).ready(), deadline).result.unwrap();
    datagrams.close();
    assert_eq!(datagrams.uncertain, 1);
}

#[test]
fn each_address_is_tried() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port();
    let addresses = ["127.0.0.2", "127.0.0.1"].map(|host| SocketAddr::new(host.parse().unwrap(), port));
    let mut datagrams = to_host("two-addresses.invalid", &peer);
    let Target::Udp(resolver) = &mut datagrams.target else { panic!("it is UDP") };
    resolver.knows(addresses.to_vec());
    report(&mut datagrams).unwrap();
    assert_eq!(datagrams.peer, Some(addresses[1]));
    drop(peer);
    // It is somewhere else.
    let _peer = UdpSocket::bind(addresses[0]).unwrap();
    report(&mut datagrams).unwrap_err();
    let Target::Udp(resolver) = &mut datagrams.target else { panic!("it is UDP") };
    resolver.knows(addresses.to_vec());
    report(&mut datagrams).unwrap();
    assert_eq!(datagrams.peer, Some(addresses[0]));
}

#[test]
fn who_listens_nowhere_is_named_and_looked_for() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = peer.local_addr().unwrap();
    let mut datagrams = to_host("127.0.0.1", &peer);
    drop(peer);
    let error = report(&mut datagrams).unwrap_err().to_string();
    assert!(error.contains(&address.to_string()), "{error}");
    let Target::Udp(resolver) = &datagrams.target else { panic!("it is UDP") };
    assert!(resolver.is_doubted());
}

#[test]
fn packets_are_shorter_after_one_was_too_long() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut datagrams = to_host("127.0.0.1", &peer);
    let deadline = Instant::now() + PATIENCE;
    datagrams.begin(deadline, false).unwrap();
    let long = packets(&[b"a:1|c\n", &[b'x'; 80_001]]);
    let sent = datagrams.send(long.ready(), deadline);
    assert_eq!(sent.packets, 0);
    sent.result.unwrap_err();
    assert_eq!(datagrams.longest, 40_003);
    report(&mut datagrams).unwrap();
}

#[test]
fn what_is_full_is_not_waited_for_past_the_deadline() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let now = Instant::now();
    // The socket has room, which is no reason to go on for ever.
    assert_eq!(wait(socket.as_fd(), now).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(wait_for_device(now).unwrap_err().kind(), ErrorKind::TimedOut);
    wait_for_device(now + PATIENCE).unwrap();
    assert!(now.elapsed() >= DEVICE_PAUSE);
}

#[cfg(unix)]
#[test]
fn a_unix_daemon_that_restarted_gets_the_very_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let daemon = UnixDatagram::bind(&path).unwrap();
    let mut datagrams = Datagrams::new(Address::UnixDatagram(path.clone()), Duration::ZERO);
    report(&mut datagrams).unwrap();
    drop(daemon);
    std::fs::remove_file(&path).unwrap();
    let daemon = UnixDatagram::bind(&path).unwrap();
    report(&mut datagrams).unwrap();
    let mut buffer = [0; 64];
    assert_eq!(daemon.recv(&mut buffer).unwrap(), 5);
    assert_eq!((datagrams.uncertain, datagrams.since), (1, 1));
}
