//! What clients of JMX get, and what they can do to a server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use client::*;
use flowmeter_core::{Registry, ReporterHandle, ReporterOptions};
use flowmeter_http::{AuthOptions, Ports, Secret, ServerOptions};
use flowmeter_jmx::{JmxOptions, JmxReporter, NamingPolicy, PlatformBeans};
use flowmeter_testkit::{PATIENCE, quiet_registry};

fn serve(registry: &Registry, options: JmxOptions) -> ReporterHandle {
    let reporter = Box::new(JmxReporter::new(options.with_ports(Ports::any())));
    registry.add_reporter("jmx", reporter, ReporterOptions::default()).unwrap()
}

fn message(exception: &Value) -> (&str, &str) {
    (exception.class(), exception.field("detailMessage").text())
}

#[test]
fn a_burst_of_requests_is_answered_from_one_report() {
    let registry = quiet_registry();
    let handle = serve(&registry, JmxOptions::default().with_freshness(Duration::from_secs(3600)));
    let counter = registry.task_manager("h", "t").counter("n");
    counter.inc_by(3);
    let mut client = Client::new(&handle);
    let names = client.names("flowmeter:*");
    assert_eq!(names, ["flowmeter:type=taskmanager,host=h,tm_id=t,name=n"]);
    for _ in 0..100 {
        counter.inc();
        let value = client.attribute(&names[0], "Count").unwrap();
        assert_eq!(value.field("value"), &Value::Number(3), "it is of the moment of the report");
    }
    assert_eq!(handle.status().reports, 1);
}

#[test]
fn values_are_fresh_after_a_while() {
    let registry = quiet_registry();
    let handle = serve(&registry, JmxOptions::default().with_freshness(Duration::ZERO));
    let counter = registry.task_manager("h", "t").counter("n");
    let mut client = Client::new(&handle);
    for expected in 1..=10 {
        counter.inc();
        let value = client.attribute("flowmeter:type=taskmanager,host=h,tm_id=t,name=n", "Count").unwrap();
        assert_eq!(value.field("value"), &Value::Number(expected));
    }
}

#[test]
fn variables_that_would_have_one_key_stay_apart() {
    let registry = quiet_registry();
    let handle = serve(&registry, JmxOptions::default());
    let task_manager = registry.task_manager("h", "t");
    let group = task_manager.add_group_kv("a=b", "1").add_group_kv("a:b", "2,3").add_group_kv("type", "4");
    let counter = group.counter("n");
    let mut client = Client::new(&handle);
    let names = client.names("flowmeter:a_b=1,*");
    assert_eq!(
        names,
        ["flowmeter:type=\"taskmanager.a=b.a:b.type\",host=h,tm_id=t,a_b=1,a_b_=\"2,3\",type_=4,name=n"]
    );
    drop(counter);
}

#[test]
fn flinks_names_are_flinks() {
    let registry = quiet_registry();
    let handle = serve(&registry, JmxOptions::default().with_naming(NamingPolicy::Flink));
    let task_manager = registry.task_manager("h\"ost", "t:1");
    let group = task_manager.add_group("my <group>, so");
    let (counter, odd) = (group.counter("n"), group.counter("odd:name"));
    let mut client = Client::new(&handle);
    assert_eq!(
        client.names("org.apache.flink.*:*"),
        ["org.apache.flink.taskmanager.my_group-_so.n:host=host,tm_id=t-1"],
        "Flink has no bean for the other one"
    );
    assert_eq!(handle.status().dropped_values, 1);
    drop((counter, odd));
}

#[test]
fn beans_of_the_process_say_what_is_true() {
    let registry = quiet_registry();
    let handle = serve(&registry, JmxOptions::default().with_platform(PlatformBeans::All));
    let task_manager = registry.task_manager("h", "t");
    let process = task_manager.add_group("process");
    let (threads, start) = (process.gauge::<u64>("threads"), process.gauge::<f64>("startTime"));
    threads.set(7);
    start.set(1_000.5);
    let heap = task_manager.add_group("allocator").gauge::<u64>("heapUsed");
    heap.set(1_000);
    let mut client = Client::new(&handle);
    let usage = client.attribute("java.lang:type=Memory", "HeapMemoryUsage").unwrap();
    let usage: Vec<_> = usage.field("contents").items()[1..]
        .chunks(2)
        .map(|pair| (pair[0].text().to_owned(), pair[1].field("value").clone()))
        .collect();
    let expected = [("committed", 1_000), ("init", -1), ("max", -1), ("used", 1_000)];
    assert_eq!(usage, expected.map(|(name, bytes)| (name.to_owned(), Value::Number(bytes))));
    let mut value = |bean: &str, attribute: &str| {
        client.attribute(&format!("java.lang:type={bean}"), attribute).map(|value| match value {
            Value::Object { .. } => value.field("value").clone(),
            value => value,
        })
    };
    assert_eq!(value("Threading", "ThreadCount"), Ok(Value::Number(7)));
    assert_eq!(value("Runtime", "StartTime"), Ok(Value::Number(1_000_500)));
    assert_eq!(value("Runtime", "Pid"), Ok(Value::Number(std::process::id().into())));
    assert_eq!(value("Runtime", "Name"), Ok(Value::Text(format!("{}@h", std::process::id()))));
    let missing = value("OperatingSystem", "ProcessCpuTime").unwrap_err();
    assert_eq!(message(&missing).1, "No such attribute: ProcessCpuTime");
}

#[test]
fn credentials_are_wanted_in_the_words_of_the_jdk() {
    let registry = quiet_registry();
    let auth = AuthOptions::default().with_basic("me", Secret::new("hunter2"));
    let handle =
        serve(&registry, JmxOptions::default().with_server(ServerOptions::default().with_auth(auth)));
    let endpoint = handle.endpoint().unwrap();
    let refused = |credentials: Vec<u8>| {
        let exception = Client::with(&endpoint, credentials).err().unwrap();
        let (class, message) = message(&exception);
        assert_eq!(class, "java.lang.SecurityException");
        message.strip_prefix("Authentication failed! ").unwrap().to_owned()
    };
    assert_eq!(refused(null()), "Credentials required");
    assert_eq!(refused(text("me")), "Credentials should be String[]");
    assert_eq!(refused(texts(&["me"])), "Credentials should have 2 elements not 1");
    for wrong in [["me", "hunter3"], ["you", "hunter2"], ["", ""], ["me", ""]] {
        assert_eq!(refused(texts(&wrong)), "Invalid username or password");
    }
    let mut client = Client::with(&endpoint, texts(&["me", "hunter2"])).unwrap();
    assert_eq!(client.call(GET_CONNECTION_ID, &[]), Ok(Value::Text("rmi://127.0.0.1 me 1".to_owned())));
    // Somebody who does not know the number of the connection has none.
    let mut other = greeted(&endpoint);
    let mut guessed = client.connection;
    guessed[7] ^= 1;
    other.write_all(&call(&guessed, -1, GET_DEFAULT_DOMAIN, &[null()])).unwrap();
    assert_eq!(message(&answer(&mut other).unwrap_err()).0, "java.rmi.NoSuchObjectException");
}

#[test]
fn beans_that_come_and_go_are_told() {
    let registry = quiet_registry();
    let handle = serve(&registry, JmxOptions::default().with_freshness(Duration::from_millis(10)));
    let mut client = Client::new(&handle);
    assert_eq!(client.names("flowmeter:*"), Vec::<String>::new());
    let delegate = name("JMImplementation:type=MBeanServerDelegate");
    let names = array("[Ljavax.management.ObjectName;", 0x1183_8f54_3538_c9ee, &delegate);
    let filters = array("[Ljava.rmi.MarshalledObject;", 0x9e68_3287_739f_6bfe, &null());
    let subjects = array("[Ljavax.security.auth.Subject;", 0x587f_e429_63dd_ea58, &null());
    let ids = client.call(ADD_LISTENERS, &[names, filters, subjects]).unwrap();
    assert_eq!(ids.items()[0].field("value"), &Value::Number(0));
    let fetch = |client: &mut Client, sequence, wait| {
        client.ask(&fetching(&client.connection, sequence, wait)).unwrap()
    };
    let first = fetch(&mut client, -1, 0);
    let Value::Number(sequence) = *first.field("nextSequenceNumber") else { panic!("{first:?}") };
    let counter = registry.task_manager("h", "t").counter("n");
    let came = fetch(&mut client, sequence, 20_000);
    let notification = came.field("targetedNotifications").items()[0].field("notif").clone();
    assert_eq!(notification.field("type").text(), "JMX.mbean.registered");
    assert!(notification.field("objectName").items()[0].text().ends_with("name=n"));
    assert_eq!(came.field("nextSequenceNumber"), &Value::Number(sequence + 1));
    let nothing = fetch(&mut client, sequence + 1, 50);
    assert_eq!(nothing.field("targetedNotifications").items(), []);
    drop(counter);
    // Whoever waits hears of it when the server ends. The call has come once a report is made for it.
    let before = handle.status().reports;
    client.stream.write_all(&fetching(&client.connection, sequence + 1, 60_000)).unwrap();
    wait_until(|| handle.status().reports > before);
    registry.shutdown(PATIENCE);
    ends(&mut client.stream);
}

/// A call that waits for notifications from a number on, for so many milliseconds.
fn fetching(connection: &[u8; 22], sequence: i64, wait: i64) -> Vec<u8> {
    let primitives = [&sequence.to_be_bytes()[..], &1000_i32.to_be_bytes(), &wait.to_be_bytes()].concat();
    call_with(connection, -1, FETCH, &primitives, &[])
}

fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it does not come to be");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Reads until the server closes the connection, which it does before a client would not wait any longer.
fn ends(stream: &mut TcpStream) {
    if let Err(error) = stream.read_to_end(&mut Vec::new()) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
}

#[test]
fn a_client_that_waits_makes_room_for_others() {
    let registry = quiet_registry();
    let server = ServerOptions::default().with_connections(1);
    let handle = serve(&registry, JmxOptions::default().with_server(server));
    let mut waiting = Client::new(&handle);
    let call = fetching(&waiting.connection, 0, 300_000);
    waiting.stream.write_all(&call).unwrap();
    let mut other = Client::new(&handle);
    assert!(other.call(GET_DEFAULT_DOMAIN, &[null()]).is_ok());
    let nothing = answer(&mut waiting.stream).unwrap();
    assert_eq!(nothing.field("targetedNotifications").items(), [], "it is told that there is none yet");
    ends(&mut waiting.stream);
}

#[test]
fn a_small_call_has_no_huge_answer() {
    let registry = quiet_registry();
    let handle = serve(&registry, JmxOptions::default().with_freshness(Duration::from_secs(3600)));
    let gauge = registry.task_manager("h", "t").text_gauge("text");
    gauge.set(&"x".repeat(1_000));
    let mut client = Client::new(&handle);
    let bean = client.names("flowmeter:*").remove(0);
    let values = client.values(&bean, &["Value"; 2_000]).unwrap();
    assert_eq!(values.len(), 2_000, "as many as in Java");
    assert!(values.iter().all(|(_, value)| value.text().len() == 1_000));
    assert!(handle.status().bytes < 100_000, "{:?}", handle.status());
    let stars = format!("{}:*", "*".repeat(5_000));
    let refused = client.call(QUERY_NAMES, &[name(&stars), null(), null()]).unwrap_err();
    assert!(message(&refused).1.ends_with("Pattern of more than 4096 bytes"));
    drop(gauge);
}

#[test]
fn clients_that_are_silent_are_let_go_and_those_that_close_too() {
    let registry = quiet_registry();
    let handle = serve(&registry, JmxOptions::default().with_lease(Duration::from_secs(1)));
    let mut silent = Client::new(&handle);
    let mut closed = Client::new(&handle);
    closed.void(CLOSE, &[]);
    // It would wait for longer than this test does, but its connection is closed first.
    let waiting = fetching(&silent.connection, 0, 300_000);
    assert!(silent.ask(&waiting).is_ok());
    for client in [&mut closed, &mut silent] {
        let exception = client.call(GET_DEFAULT_DOMAIN, &[null()]).unwrap_err();
        assert_eq!(message(&exception), ("java.rmi.NoSuchObjectException", "no such object in table"));
    }
}

#[test]
fn a_connection_goes_on_after_what_is_refused() {
    let registry = quiet_registry();
    let handle = serve(&registry, JmxOptions::default());
    let mut client = Client::new(&handle);
    let bean = || name("JMImplementation:type=MBeanServerDelegate");
    let denied = "Access denied! Invalid access level for requested MBeanServer operation.";
    for (hash, arguments) in [
        (0xfdc9_58e2_c124_14d4, vec![bean(), null()]),
        (0x22d7_fd4a_906a_c8e6, vec![text("java.lang.Object"), bean(), null()]),
        (0x878c_5407_aefc_625c, vec![text("java.lang.Object"), bean(), bean(), null()]),
        (0x438d_fa6c_ea11_91a2, vec![text("X"), bean(), null(), null(), null()]),
        (0xa456_7c41_a637_0b8f, vec![text("X"), bean(), bean(), null(), null(), null()]),
        (0x88f3_b181_4f68_cceb, vec![bean(), bean(), null(), null(), null()]),
    ] {
        let exception = client.call(hash, &arguments).unwrap_err();
        assert_eq!(message(&exception), ("java.lang.SecurityException", denied));
    }
    for (operation, class) in [(4, "java.rmi.AccessException"), (2, "java.rmi.NotBoundException")] {
        let exception = client.ask(&call(&REGISTRY, operation, REGISTRY_HASH, &[text("x")])).unwrap_err();
        assert_eq!(message(&exception).0, class);
    }
    let list = client.ask(&call(&REGISTRY, 1, REGISTRY_HASH, &[])).unwrap();
    assert_eq!(list.items(), [Value::Text("jmxrmi".to_owned())]);
    // Two calls at once are answered one after the other.
    let two = call(&client.connection, -1, GET_DEFAULT_DOMAIN, &[null()]);
    client.stream.write_all(&[&two[..], &[0x52], &two].concat()).unwrap();
    let length = 22 + 3 + "DefaultDomain".len();
    let mut answers = vec![0; 2 * length + 1];
    client.stream.read_exact(&mut answers).unwrap();
    assert_eq!((answers[0], answers[length], answers[length + 1]), (0x51, 0x53, 0x51));
}

#[test]
fn a_server_outlives_whatever_is_sent() {
    let registry = quiet_registry();
    let server =
        ServerOptions::default().with_request_patience(Duration::from_millis(300)).with_connections(4);
    let handle = serve(&registry, JmxOptions::default().with_server(server));
    let endpoint = handle.endpoint().unwrap();
    let lookup = call(&REGISTRY, 2, REGISTRY_HASH, &[text("jmxrmi")]);
    let whole = [&b"JRMI\0\x02\x4b\0\x09127.0.0.1\0\0\0\0"[..], &lookup].concat();
    for length in 0..whole.len() {
        let mut stream = TcpStream::connect(address(&endpoint)).unwrap();
        stream.write_all(&whole[..length]).unwrap();
    }
    let gadget = [&lookup[..41], &[0x73, 0x72, 0, 4], b"Evil", &[0; 11]].concat();
    let long = [&lookup[..41], &[0x7c, 0, 0, 0, 0, 1, 0, 0, 0], &[b'a'; 80_000]].concat();
    for (sent, is_answered) in [
        (&gadget[..], true),
        (&long, false),
        (b"GET / HTTP/1.1\r\n\r\n", false),
        (&[0x50, 0xac, 0xed, 0, 5, 0x77, 0xff], false),
        (&[0x50; 100], true),
    ] {
        let mut stream = greeted(&endpoint);
        // The server may have had enough of it before all is sent.
        let _ = stream.write_all(sent);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        if is_answered {
            let exception = decode(&answer).unwrap().unwrap_err();
            assert_eq!(message(&exception).0, "java.rmi.UnmarshalException");
        } else {
            assert!(answer.is_empty(), "{answer:02x?}");
        }
    }
    // A message that comes a byte at a time, and too slowly, is not waited for.
    let mut slow = greeted(&endpoint);
    slow.write_all(&lookup[..10]).unwrap();
    ends(&mut slow);
    // More sockets than there may be: those that are idle end for others.
    let idle: Vec<_> = (0..8).map(|_| Client::new(&handle)).collect();
    let mut client = Client::new(&handle);
    assert!(client.call(GET_DEFAULT_DOMAIN, &[null()]).is_ok());
    drop(idle);
    assert_eq!(handle.status().panics, 0);
}

#[test]
fn processes_of_a_host_share_a_range_of_ports() {
    let (first, second) = (quiet_registry(), quiet_registry());
    let one = serve(&first, JmxOptions::default());
    let port: u16 = address(&one.endpoint().unwrap()).rsplit(':').next().unwrap().parse().unwrap();
    let options = JmxOptions::default().with_ports(Ports::range(port, port.saturating_add(20)));
    let reporter = Box::new(JmxReporter::new(options.clone()));
    let two = second.add_reporter("jmx", reporter, ReporterOptions::default()).unwrap();
    assert_ne!(one.endpoint(), two.endpoint());
    let reporter = Box::new(JmxReporter::new(options.with_ports(Ports::one(port))));
    let error = second.add_reporter("again", reporter, ReporterOptions::default()).unwrap_err().to_string();
    assert!(error.contains(&format!("every port of `{port}` on 127.0.0.1 is taken")), "{error}");
}

#[test]
fn ten_thousand_beans_are_read_one_by_one() {
    const BEANS: usize = 10_000;
    let registry = quiet_registry();
    let handle = serve(&registry, JmxOptions::default().with_platform(PlatformBeans::None));
    let task_manager = registry.task_manager("host-1", "tm-1");
    let counters: Vec<_> = (0..BEANS)
        .map(|number| {
            let group = task_manager.add_group_kv("number", &(number % 100).to_string());
            group.counter(format!("metric{}", number / 100))
        })
        .collect();
    let mut client = Client::new(&handle);
    let began = Instant::now();
    let names = client.names("flowmeter:*");
    let listed = began.elapsed();
    assert_eq!(names.len(), BEANS);
    let began = Instant::now();
    for bean in &names {
        assert!(client.attribute(bean, "Count").is_ok());
    }
    let read = began.elapsed();
    // Reports are made at most every 250 ms, and each takes at most a tenth of the time until the next.
    let reports = handle.status().reports;
    let most = 2 + (listed + read).as_millis() as u64 / 250;
    assert!(reports <= most, "{reports} reports in {listed:?} and {read:?}");
    let _ = writeln!(
        std::io::stderr(),
        "{BEANS} names in {listed:?}, {BEANS} attributes in {read:?}, {reports} reports"
    );
    drop(counters);
}
