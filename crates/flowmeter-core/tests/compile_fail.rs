//! What the compiler says to whoever shares or clones a handle that has one writer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

/// The compiler whose messages the files have. Others say the same in other words.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn the_compiler_says_what_to_do() {
    let version = rustc("--version");
    let skipped = if !version.starts_with(COMPILER) {
        format!("the messages are those of {COMPILER}, and this is {version}")
    } else if Path::new(rustc("--print=sysroot").trim()).join("lib/rustlib/src").exists() {
        "the messages quote the standard library, whose source is installed".to_owned()
    } else {
        return trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
    };
    let _ = writeln!(io::stderr(), "skipped: {skipped}");
}

fn rustc(argument: &str) -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    String::from_utf8(Command::new(rustc).arg(argument).output().unwrap().stdout).unwrap()
}
