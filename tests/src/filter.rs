//! Programs that read one thing and write another.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

/// What became of a run.
pub(crate) struct Filtered {
    /// Whether it succeeded.
    pub(crate) success: bool,
    /// What it wrote.
    pub(crate) output: Vec<u8>,
    /// What it said beside that.
    pub(crate) said: String,
}

/// Has a program read an input to its end.
///
/// # Panics
///
/// When it cannot be run.
pub(crate) fn filter(command: &mut Command, input: &[u8]) -> Filtered {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the program is installed");
    let mut stdin = child.stdin.take().expect("it is piped");
    let output = thread::scope(|scope| {
        // A program that ends before it has read everything has its reasons, which it says.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().expect("the program ends")
    });
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Filtered { success: output.status.success(), output: output.stdout, said }
}
