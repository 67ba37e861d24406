//! Tables in Markdown.

use std::fmt::Write as _;

/// Appends a table of cells that are Markdown already.
pub(super) fn push_table<const N: usize>(
    heads: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    out: &mut String,
) {
    push_row(&heads.map(str::to_owned), out);
    push_row(&[const { "---" }; N].map(str::to_owned), out);
    for row in rows {
        push_row(&row, out);
    }
}

fn push_row(cells: &[String], out: &mut String) {
    // A bar would end the cell, in code too.
    for cell in cells {
        let _ = write!(out, "| {} ", cell.replace('|', "\\|"));
    }
    out.push_str("|\n");
}

/// Names in code, with commas between them.
pub(super) fn code(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let names = names.into_iter().filter(|name| !name.as_ref().is_empty());
    names.map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// Text of one line that is no markup.
pub(super) fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_do_not_end_cells() {
        let mut out = String::new();
        push_table(["name", "said"], [[code(["a|b", "", "c"]), plain("x < y\n  | z")]], &mut out);
        assert_eq!(out, "| name | said |\n| --- | --- |\n| `a\\|b`, `c` | x &lt; y \\| z |\n");
    }
}
