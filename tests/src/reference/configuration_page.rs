//! The list of all keys of configurations.

use std::fmt::Write as _;

use flowmeter::config::reference::{self, FlinkFactory};
use flowmeter::{KeyInfo, ReporterOptions};

use super::markdown::{code, push_table};

const INTRODUCTION: &str = "\
# Configuration

<!-- Made by `cargo xtask docs` from the definitions in the code: change those. -->

All keys of flowmeter's own reporters and of what is around them. The list is made from the definitions by which configurations are
read, and a test compares both. [How to configure](../how-to/configure.md) has the ways to give them.

TOML and YAML have the same keys: `a.b = 1`, `[a]` with `b = 1`, and `a: {b: 1}` are one thing. In YAML there may be more than is for
flowmeter, as in Flink's `config.yaml`, which is left alone; below `metrics`, `traces`, `events` and `reporters` an unknown key is an
error, and in TOML anywhere. Values are taken as they are written, with or without quotes. Aliases of YAML are taken nowhere.

## Sections of reporters

| below | reports | which of them start |
| --- | --- | --- |
";

const AFTER_SECTIONS: &str = "
A reporter `NAME` has its keys below `reporters.NAME`, and so on; names have no dots. Its type is `type`, or what `factory.class` stands
for, or else its name. One name can be below `metrics.reporter`, `traces.reporter` and `events.reporter`: these are reporters of their
own, called `NAME`, `NAME.traces` and `NAME.events`. In these three, a number alone for `interval` is one of milliseconds, as in Flink.

Durations are numbers with units, such as `500ms`, `10s` or `1min 30s`, or as in Flink `60 SECONDS`.

## Environment variables

They come before what a file says. The name of a variable is `FLOWMETER_` and the key in upper case, with an underscore for each
character that is no letter or digit.

| variable | is |
| --- | --- |
| `FLOWMETER_CONFIG` | the path of the file, for `Flowmeter::from_env` |
| `FLOWMETER_REPORTERS` | `metrics.reporters` |
| `FLOWMETER_REPORTER_NAME_KEY` | `reporters.NAME.KEY` or `metrics.reporter.NAME.KEY`, whichever there is |
| `FLOWMETER_METRICS_REPORTER_NAME_KEY` | the same |
| `FLOWMETER_TRACES_REPORTER_NAME_KEY` | `traces.reporter.NAME.KEY` |
| `FLOWMETER_EVENTS_REPORTER_NAME_KEY` | `events.reporter.NAME.KEY` |
| `FLOWMETER_METRICS_...`, `FLOWMETER_TRACES_...`, `FLOWMETER_EVENTS_...`, `FLOWMETER_STATE_...` | the keys below |

What stands behind the variable of a key that takes a table is an entry of it, in lower case: `FLOWMETER_REPORTER_PROM_TARGET_INFO_REGION`
is `target-info.region` of the reporter `prom`. Of two reporters whose names would fit, the longer has it. Other variables that begin with
`FLOWMETER_` are left alone; one of these that has no use is an error.

";

/// The whole page.
pub(super) fn page() -> String {
    let mut out = INTRODUCTION.to_owned();
    for (below, list) in reference::sections() {
        let what = match below {
            "metrics.reporter" => "metrics",
            "traces.reporter" => "spans",
            "events.reporter" => "events",
            _ => "all that its type does",
        };
        let _ = writeln!(out, "| `{below}` | {what} | `{list}` |");
    }
    out.push_str(AFTER_SECTIONS);
    out.push_str("## Keys of no one reporter\n\n");
    let heads = ["key", "takes", "default", "is for", "variable"];
    let rows = reference::keys().into_iter().map(|key| {
        let [name, takes, default, description] = row(&key);
        [name, takes, default, description, code([reference::variable(key.name())])]
    });
    push_table(heads, rows, &mut out);
    let ignored = code(reference::keys_without_effect());
    let _ =
        writeln!(out, "\nTaken, and without effect, because they are about what only Flink has: {ignored}.");

    out.push_str("\n## Keys of all reporters\n\n");
    push_keys(ReporterOptions::keys(), &mut out);
    for factory in reference::reporter_types() {
        let _ = writeln!(out, "\n## Type `{}`\n", factory.reporter_type());
        push_keys(factory.keys(), &mut out);
    }
    push_flink(&mut out);
    out
}

fn push_keys(keys: &[KeyInfo], out: &mut String) {
    push_table(["key", "takes", "default", "is for"], keys.iter().map(row), out);
}

fn row(key: &KeyInfo) -> [String; 4] {
    let default = match key.default() {
        Some("") => "nothing".to_owned(),
        Some(default) => code([default]),
        None if key.is_required() => "must be given".to_owned(),
        None => String::new(),
    };
    let secret = if key.is_secret() { " It is shown nowhere." } else { "" };
    let description = format!("{}{secret}", escaped(key.description()));
    [code([key.name()]), key.expected().to_owned(), default, description]
}

/// What is no code is no markup either.
fn escaped(text: &str) -> String {
    let part = |(number, part): (usize, &str)| {
        if number % 2 == 0 { part.replace('<', "&lt;") } else { part.to_owned() }
    };
    text.split('`').enumerate().map(part).collect::<Vec<_>>().join("`")
}

fn push_flink(out: &mut String) {
    out.push_str("\n## Flink's factories\n\n");
    out.push_str("`factory.class` takes these classes of Flink's, whatever package of `org.apache.flink` they are in.\n\n");
    let rows = FlinkFactory::all().into_iter().map(|factory| {
        let presets = factory.presets().into_iter().map(|(key, value)| format!("{key}: {value}"));
        let here = factory.reporter_type.map_or_else(|| factory.instead.to_owned(), |name| code([name]));
        [code([factory.class]), code([factory.below]), here, code(presets)]
    });
    push_table(["class", "below", "type", "if not given"], rows, out);
    out.push_str(
        "\nKeys of Flink's that are called something else here are taken in its sections as they are:\n\n",
    );
    let rows = reference::flink_keys().iter().map(|(name, of_flink, here)| [*name, *of_flink, *here]);
    push_table(["type", "in Flink", "here"], rows.map(|cells| cells.map(|cell| code([cell]))), out);
}
