use flowmeter_core::Registry;

fn main() {
    let late = Registry::new().add_group("windows").shared_counter("lateRecords");
    let writer = std::sync::Arc::new(late.new_writer());
    std::thread::spawn(move || writer.inc());
}
