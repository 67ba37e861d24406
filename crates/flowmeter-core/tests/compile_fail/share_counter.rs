use flowmeter_core::Registry;

fn main() {
    let late = Registry::new().add_group("windows").counter("lateRecords");
    std::thread::scope(|scope| {
        scope.spawn(|| late.inc());
        late.inc();
    });
}
