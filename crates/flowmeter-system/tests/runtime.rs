//! A real tokio runtime.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::mpsc;
use std::time::{Duration, Instant};

use flowmeter_system::register_runtime;
use flowmeter_testkit::{Capture, PATIENCE, driven};
use tokio::sync::oneshot;

#[test]
fn tasks_and_work_of_a_runtime_are_seen() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let capture = Capture::push();
    let (registry, _clock, reporter) = driven(&capture);
    let task_manager = registry.task_manager("h", "tm");
    register_runtime(&task_manager, runtime.handle());
    let value = |name: &str| {
        reporter.report_now(PATIENCE).unwrap();
        capture.value(&format!("taskmanager.tokio.{name}{{host=h,tm_id=tm}}")).unwrap()
    };
    let until = |name: &str, holds: &dyn Fn(f64) -> bool| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let value = value(name);
            if holds(value) {
                return value;
            }
            assert!(Instant::now() < deadline, "{name} is still {value}");
            std::thread::yield_now();
        }
    };
    assert_eq!(value("workers"), 2.0);
    assert_eq!(value("aliveTasks"), 0.0);
    let (release, tasks): (Vec<_>, Vec<_>) = (0..5)
        .map(|_| {
            let (sender, receiver) = oneshot::channel::<()>();
            (sender, runtime.spawn(receiver))
        })
        .unzip();
    assert_eq!(value("aliveTasks"), 5.0);
    release.into_iter().for_each(|sender| sender.send(()).unwrap());
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    });
    until("aliveTasks", &|tasks| tasks == 0.0);
    let parks = until("workerParks", &|parks| parks > 0.0);

    let (before, busy) = (value("workerBusyTime"), Duration::from_millis(50));
    let work = async move {
        let start = Instant::now();
        while start.elapsed() < busy {}
    };
    runtime.block_on(runtime.spawn(work)).unwrap();
    until("workerBusyTime", &|time| time - before >= busy.as_nanos() as f64);
    until("workerParks", &|now| now > parks);

    // Workers that are held up leave what comes to the queue.
    let (begun, both) = mpsc::channel();
    let (gates, held): (Vec<_>, Vec<_>) = (0..2)
        .map(|_| {
            let (begun, (sender, receiver)) = (begun.clone(), mpsc::channel::<()>());
            let task = async move {
                begun.send(()).unwrap();
                receiver.recv().is_err()
            };
            (sender, runtime.spawn(task))
        })
        .unzip();
    (0..2).for_each(|_| both.recv_timeout(PATIENCE).unwrap());
    let waiting: Vec<_> = (0..3).map(|_| runtime.spawn(async {})).collect();
    until("globalQueueDepth", &|tasks| tasks == 3.0);
    drop(gates);
    runtime.block_on(async {
        for task in held {
            assert!(task.await.unwrap());
        }
        for task in waiting {
            task.await.unwrap();
        }
    });
    until("globalQueueDepth", &|tasks| tasks == 0.0);
}
