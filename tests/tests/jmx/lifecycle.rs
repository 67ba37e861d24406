//! Beans that come and go while a client listens.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use flowmeter::jmx::JmxOptions;
use flowmeter_e2e::Jdk;

use super::Served;

#[test]
fn the_jdks_listener_hears_of_beans_that_come() {
    let Some(jdk) =
        Jdk::with_programs("the_jdks_listener_hears_of_beans_that_come", &["tests/jmx/Client.java"])
    else {
        return;
    };
    let served = Served::new(JmxOptions::default().with_freshness(Duration::from_millis(20)));
    let (task_manager, is_over) = (served.registry.task_manager("localhost", "tm-1"), AtomicBool::new(false));
    let said = thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if is_over.load(Relaxed) {
                    break;
                }
                // They are at hand when others are asked for, and go when somebody has read all that there is.
                let group = task_manager.add_group_kv("number", &number.to_string());
                group.shared_counter("n").inc();
                thread::sleep(Duration::from_millis(100));
            }
        });
        let said = jdk.run(&["-Dlisten=3500"], "Client", &[&served.url()]);
        is_over.store(true, Relaxed);
        said
    });
    let notifications: Vec<_> = said.lines().filter(|line| line.starts_with("notification ")).collect();
    let is_of_a_bean = |line: &&&str| {
        line.contains("[type=JMX.mbean.registered]")
            && line.contains("org.apache.flink.taskmanager.number.n:")
    };
    assert!(notifications.iter().filter(is_of_a_bean).count() >= 2, "{said}");
}
