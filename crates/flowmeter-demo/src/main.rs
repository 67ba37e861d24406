//! `cargo demo`: see the library.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use flowmeter::system::CountingAllocator;
use flowmeter_demo::arguments::{Arguments, one_line};
use flowmeter_demo::{job_manager, task_manager};

/// The system's, and what is asked of it.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new(std::alloc::System);

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            error.exit()
        }
        Err(error) => return fail(&one_line(&error), 2),
    };
    // What flowmeter has to say, such as that two metrics clash.
    let _ = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .try_init();
    if let Some(join) = arguments.join {
        return task_manager::run(join, &ALLOCATOR).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    if let Err(message) = arguments.check() {
        return fail(&message, 2);
    }
    match job_manager::run(&arguments, &ALLOCATOR) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message, 1),
    }
}

fn fail(message: &str, code: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "flowmeter-demo: {message}");
    ExitCode::from(code)
}
