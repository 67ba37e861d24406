//! Holds increments to what they are said to cost, in the compiler's assembly: loads, an addition and a store.

use std::{env, fs};

use anyhow::{Context, Result, bail};

use crate::shell::{cargo, program, say, target};

/// The functions of `assembly/increments.rs`.
const INCREMENTS: [&str; 5] =
    ["counter_inc", "counter_inc_by", "counter_writer_inc", "gauge_set", "meter_mark"];

/// How instructions begin that need no other core: no locked one and no exchange, which is locked by itself, and no way out
/// but the return.
const PLAIN: [&str; 5] = ["mov", "inc", "add", "lea", "ret"];

/// Fails if an increment is more than plain instructions; prints them all if it is to `show` them.
pub(crate) fn check(show: bool) -> Result<()> {
    if (env::consts::ARCH, env::consts::OS) != ("x86_64", "linux") {
        say("skipped: the assembly of increments is only known for Linux on x86_64");
        return Ok(());
    }
    let assembly = compile()?;
    for increment in INCREMENTS {
        let instructions = instructions(&assembly, increment)?;
        if show {
            say(&format!("{increment}:"));
            instructions.iter().for_each(|instruction| say(&format!("    {instruction}")));
        }
        if !is_plain(&instructions) {
            bail!("{increment} is more than loads, an addition and a store:\n{}", instructions.join("\n"));
        }
    }
    Ok(())
}

/// The assembly of the increments, compiled as a user's crate would be. A file and not an example of the core, for which
/// all that the core's tests need would be built.
fn compile() -> Result<String> {
    cargo(["build", "--quiet", "--release", "--package", "flowmeter-core"]).run()?;
    let release = target().join("release");
    let assembly = release.join("increments.s");
    program(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition=2024", "--crate-type=lib", "-Copt-level=3", "-Ccodegen-units=1"])
        .args([format!("--extern=flowmeter_core={}", release.join("libflowmeter_core.rlib").display())])
        .args([format!("-Ldependency={}", release.join("deps").display())])
        .args([format!("--emit=asm={}", assembly.display())])
        .args(["xtask/assembly/increments.rs"])
        .run()?;
    fs::read_to_string(&assembly).with_context(|| format!("cannot read {}", assembly.display()))
}

/// The instructions of a function, without the directives among them.
fn instructions<'a>(assembly: &'a str, function: &str) -> Result<Vec<&'a str>> {
    // Names are mangled, with their length before them.
    let name = format!("{}{function}", function.len());
    let defined =
        assembly.lines().filter_map(|line| line.strip_suffix(':')).find(|label| label.contains(&name));
    // Of functions with the same instructions one has them, and the others are set to it.
    let mut same = assembly.lines().filter_map(|line| line.split_once(" = "));
    let same = same.find(|(alias, _)| alias.contains(&name));
    let label = defined.or(same.map(|(_, label)| label));
    let label = label.with_context(|| format!("the assembly has no function {function}"))?;
    let lines = assembly.lines().skip_while(|line| line.strip_suffix(':') != Some(label)).skip(1);
    let body = lines.take_while(|line| !line.starts_with(".Lfunc_end")).map(str::trim);
    Ok(body.filter(|line| !line.starts_with(['.', '#'])).collect())
}

fn is_plain(instructions: &[&str]) -> bool {
    let plain = |instruction: &&str| PLAIN.iter().any(|plain| instruction.starts_with(plain));
    let returns = instructions.iter().filter(|instruction| instruction.starts_with("ret")).count();
    instructions.iter().all(plain)
        && returns == 1
        && instructions.last().is_some_and(|last| last.starts_with("ret"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSEMBLY: &str = "\
_RNvCs1_10increments11counter_inc:
\t.cfi_startproc
\tmovq\t(%rdi), %rax
\tincq\t(%rax)
\tretq
.Lfunc_end0:
\t.size\t_RNvCs1_10increments11counter_inc, .Lfunc_end0-_RNvCs1_10increments11counter_inc
_RNvCs1_10increments6locked:
\tlock\t\tincq\t(%rdi)
\tretq
.Lfunc_end1:
_RNvCs1_10increments10meter_mark = _RNvCs1_10increments11counter_inc
";

    #[test]
    fn a_function_is_found_by_its_name_or_by_that_of_its_twin() {
        for function in ["counter_inc", "meter_mark"] {
            let found = instructions(ASSEMBLY, function).unwrap();
            assert_eq!(found, ["movq\t(%rdi), %rax", "incq\t(%rax)", "retq"]);
            assert!(is_plain(&found));
        }
        assert!(instructions(ASSEMBLY, "gauge_set").is_err());
    }

    #[test]
    fn what_is_not_plain_is_told() {
        assert!(!is_plain(&instructions(ASSEMBLY, "locked").unwrap()));
        for body in
            [&["callq\tf", "retq"][..], &["jmp\tf"], &["xchgq\t%rax, (%rdi)", "retq"], &["incq\t(%rdi)"], &[]]
        {
            assert!(!is_plain(body), "{body:?}");
        }
    }
}
