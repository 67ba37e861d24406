//! What an answer says of the process and of flowmeter.

use super::escape::{write_help, write_label_value};
use super::{Encoding, Format, Output, protobuf};
use crate::naming::Escaping;

/// Labels of `target_info`, which says what the process is, and of `flowmeter_build_info`.
#[derive(Clone, Debug)]
pub(crate) struct About {
    families: Vec<Info>,
}

#[derive(Clone, Debug)]
struct Info {
    stem: &'static str,
    help: &'static str,
    labels: Vec<(String, String)>,
}

impl About {
    /// Nothing at all.
    pub(crate) fn nothing() -> Self {
        Self { families: Vec::new() }
    }

    /// A process with these attributes, as OpenTelemetry's
    /// [resources](https://opentelemetry.io/docs/specs/semconv/resource/) have them: `service.name` is the program's name
    /// unless it is among them.
    pub(crate) fn process(attributes: &[(String, String)]) -> Self {
        let program = std::env::current_exe().ok();
        let program = program.as_deref().and_then(|path| path.file_stem()).and_then(|name| name.to_str());
        let mut labels: Vec<(String, String)> = Vec::new();
        let defaults = [("service.name", program.unwrap_or("unknown"))];
        let defaults = defaults.map(|(key, value)| (key.to_owned(), value.to_owned()));
        for (key, value) in attributes.iter().chain(&defaults) {
            let mut label = Escaping::Underscores.escape(key).replace(':', "_");
            while label.starts_with("__") {
                label.remove(0);
            }
            if !label.is_empty() && labels.iter().all(|(known, _)| *known != label) {
                labels.push((label, value.clone()));
            }
        }
        labels.sort();
        let version = vec![("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
        Self {
            families: vec![
                Info { stem: "flowmeter_build", help: "The version of flowmeter.", labels: version },
                Info { stem: "target", help: "What the process is.", labels },
            ],
        }
    }

    /// The names that it has, as they are escaped for an answer.
    pub(super) fn names(&self, escaping: Escaping) -> impl Iterator<Item = String> {
        let stems = self.families.iter().map(move |info| info.stem);
        stems.flat_map(move |stem| {
            let name = escaping.escape(&format!("{stem}_info")).into_owned();
            [name.strip_suffix("_info").unwrap_or(&name).to_owned(), name]
        })
    }

    /// Writes what is selected of it.
    pub(crate) fn write(&self, encoding: &Encoding<'_>, output: &mut Output<'_>) {
        for info in &self.families {
            info.write(encoding, output.bytes);
        }
    }
}

impl Info {
    fn write(&self, encoding: &Encoding<'_>, out: &mut Vec<u8>) {
        let name = encoding.escaping.escape(&format!("{}_info", self.stem)).into_owned();
        if !encoding.selection.takes_name(&name) {
            return;
        }
        let stem = name.strip_suffix("_info").unwrap_or(&name);
        let label = |name| encoding.escaping.escape(name);
        match encoding.format {
            Format::Protobuf => {
                let escaped: Vec<_> = self.labels.iter().map(|(key, value)| (label(key), value)).collect();
                let labels = escaped.iter().map(|(key, value)| (&**key, value.as_str()));
                protobuf::write_info(&name, self.help, labels, out);
                return;
            }
            Format::Text => {
                write_line(&["# HELP ", &name, " "], out);
                write_help(self.help, out);
                write_line(&["\n# TYPE ", &name, " gauge\n"], out);
            }
            Format::OpenMetrics => {
                write_line(&["# TYPE ", stem, " info\n# HELP ", stem, " "], out);
                write_label_value(self.help, out);
                out.push(b'\n');
            }
        }
        write_line(&[&name, "{"], out);
        for (number, (key, value)) in self.labels.iter().enumerate() {
            write_line(&[if number > 0 { "," } else { "" }, &label(key), "=\""], out);
            write_label_value(value, out);
            out.push(b'"');
        }
        out.extend_from_slice(b"} 1\n");
    }
}

fn write_line(parts: &[&str], out: &mut Vec<u8>) {
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
}
