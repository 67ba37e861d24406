use flowmeter_core::Registry;

fn main() {
    let late = Registry::new().add_group("windows").counter("lateRecords");
    let also_late = late.clone();
    std::thread::spawn(move || also_late.inc());
}
