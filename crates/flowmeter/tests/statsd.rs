//! The facade with the StatsD reporter.

#![cfg(feature = "statsd")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use flowmeter::statsd::{Address, StatsdFactory, StatsdOptions};
use flowmeter::{ConfigSection, Flowmeter, FlowmeterBuilder};

const PATIENCE: Duration = Duration::from_secs(20);

/// What arrives of a counter that has counted to three.
fn arrives(socket: &UdpSocket, builder: FlowmeterBuilder) -> String {
    let flowmeter = builder.without_self_metrics().start().unwrap();
    let counter = flowmeter.add_group("shop").add_group("front_door").counter("orders");
    counter.inc_by(3);
    drop(flowmeter);
    let mut packet = [0; 1024];
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    loop {
        let length = socket.recv(&mut packet).unwrap();
        let text = String::from_utf8_lossy(&packet[..length]).trim().to_owned();
        // An empty line only asks whether somebody is there.
        if !text.is_empty() {
            return text;
        }
    }
}

#[test]
fn the_end_of_the_program_is_a_report() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let options = StatsdOptions::default().with_address(Address::Udp("127.0.0.1".to_owned(), port));
    let builder = Flowmeter::builder().statsd("statsd", options.clone());
    assert_eq!(arrives(&socket, builder), "shop.front_door.orders:3|c");
    let builder = Flowmeter::builder().statsd("statsd", options.with_delimiter('_'));
    assert_eq!(arrives(&socket, builder), "shop_front-door_orders:3|c");
    let section = ConfigSection::new("reporters.statsd").with("host", "127.0.0.1").with("port", port);
    let section = section.with("scope.delimiter", "-");
    let builder = Flowmeter::builder().configured_reporter("statsd", Arc::new(StatsdFactory), section);
    assert_eq!(arrives(&socket, builder), "shop-front_door-orders:3|c");
}
