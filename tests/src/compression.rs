//! Compressed bodies, as the programs of their formats read them.

use std::process::Command;

use crate::backends::program;
use crate::filter::{Filtered, filter};

/// A body as it was before an encoding of HTTP, of which programs have the name; nothing if the program is not installed,
/// in which case the test is to return.
///
/// # Panics
///
/// When the body is not in the encoding.
#[must_use]
pub fn decompress(test: &str, encoding: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new(program(test, encoding)?);
    let Filtered { success, output, said } = filter(command.args(["-d", "-c"]), body);
    assert!(success, "{encoding}: {said}");
    Some(output)
}
