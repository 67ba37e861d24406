//! A strict reader of Prometheus' text format, version 0.0.4: what Prometheus would forgive is an error here.
//!
//! Written from the [format's description](https://prometheus.io/docs/instrumenting/exposition_formats/), apart from whatever
//! writes it.

use std::collections::{BTreeMap, HashSet};

/// A line of the text that has a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The name.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value as it was written.
    pub value: String,
}

/// Reads all samples of a text.
///
/// # Errors
///
/// The first thing that the format does not have: lines that are neither samples nor comments, names, labels or escapes
/// that are none, values that are no numbers, a sample that is there twice, families that are not in one piece or have no
/// type before their samples, and an end that is not the end of a line.
pub fn parse(text: &str) -> Result<Vec<Sample>, String> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    let mut reader = Reader::default();
    for line in text.split_terminator('\n') {
        reader.read(line).map_err(|error| format!("{error}: {line}"))?;
    }
    Ok(reader.samples)
}

/// Keys and values, sorted by key.
type Labels = Vec<(String, String)>;

#[derive(Default)]
struct Reader {
    samples: Vec<Sample>,
    /// Name and type of the family whose lines these are.
    family: Option<(String, String)>,
    families: HashSet<String>,
    /// Comments that were read of the family.
    has_help: bool,
    has_type: bool,
    seen: HashSet<(String, Labels)>,
    /// The bucket before, of a histogram that has had no other sample since: its other labels, its edge and its count.
    bucket: Option<(Labels, f64, f64)>,
}

impl Reader {
    fn read(&mut self, line: &str) -> Result<(), &'static str> {
        match line.strip_prefix("# ").and_then(|comment| comment.split_once(' ')) {
            Some(("HELP", rest)) => self.help(rest),
            Some(("TYPE", rest)) => self.kind(rest),
            _ if line.starts_with('#') || line.is_empty() => Ok(()),
            _ => self.sample(line),
        }
    }

    fn begin(&mut self, name: &str) -> Result<(), &'static str> {
        if self.family.as_ref().is_some_and(|(current, _)| current == name) {
            return Ok(());
        }
        if !is_metric_name(name) {
            return Err("no name of a metric");
        }
        if !self.families.insert(name.to_owned()) {
            return Err("a family in two pieces");
        }
        self.family = Some((name.to_owned(), "untyped".to_owned()));
        (self.has_help, self.has_type) = (false, false);
        Ok(())
    }

    fn help(&mut self, rest: &str) -> Result<(), &'static str> {
        let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
        self.begin(name)?;
        if std::mem::replace(&mut self.has_help, true) {
            return Err("two helps");
        }
        unescape(help, false).map(drop)
    }

    fn kind(&mut self, rest: &str) -> Result<(), &'static str> {
        let (name, kind) = rest.split_once(' ').ok_or("a type without a name")?;
        self.begin(name)?;
        if std::mem::replace(&mut self.has_type, true) {
            return Err("two types");
        }
        if !["counter", "gauge", "histogram", "summary", "untyped"].contains(&kind) {
            return Err("no type");
        }
        self.family = Some((name.to_owned(), kind.to_owned()));
        Ok(())
    }

    fn sample(&mut self, line: &str) -> Result<(), &'static str> {
        let sample = parse_sample(line)?;
        let (family, kind) = self.family.as_ref().ok_or("a sample before its type")?;
        let suffixes: &[&str] = match kind.as_str() {
            "histogram" => &["_bucket", "_sum", "_count"],
            "summary" => &["", "_sum", "_count"],
            _ => &[""],
        };
        let suffix = sample.name.strip_prefix(family.as_str());
        if !self.has_type || !suffix.is_some_and(|suffix| suffixes.contains(&suffix)) {
            return Err("a sample that is not of the family before it");
        }
        if (suffix == Some("_bucket")) != sample.labels.contains_key("le") {
            return Err("`le` is for buckets");
        }
        let labels: Labels = sample.labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        match suffix {
            Some("_bucket") => self.bucket(&sample, labels.clone())?,
            Some("_count") if kind == "histogram" => {
                let all = self.bucket.take().filter(|(of, edge, _)| *of == labels && edge.is_infinite());
                let count: f64 = sample.value.parse().unwrap_or(f64::NAN);
                if all.is_none_or(|(_, _, all)| all != count) {
                    return Err("a count that is not that of the bucket `+Inf` before it");
                }
            }
            _ => {}
        }
        if !self.seen.insert((sample.name.clone(), labels)) {
            return Err("a sample that is there twice");
        }
        self.samples.push(sample);
        Ok(())
    }
}

impl Reader {
    fn bucket(&mut self, sample: &Sample, mut labels: Labels) -> Result<(), &'static str> {
        labels.retain(|(key, _)| key != "le");
        let edge = match sample.labels["le"].as_str() {
            "+Inf" => f64::INFINITY,
            edge => edge.parse().map_err(|_| "an edge that is no number")?,
        };
        let count = sample.value.parse().map_err(|_| "a count that is no number")?;
        let before = self.bucket.replace((labels.clone(), edge, count));
        match before.filter(|(of, ..)| *of == labels) {
            Some((_, lower, fewer)) if lower >= edge || fewer > count => Err("buckets that do not go up"),
            _ => Ok(()),
        }
    }
}

fn parse_sample(line: &str) -> Result<Sample, &'static str> {
    let end = line.find(['{', ' ']).ok_or("a sample without a value")?;
    let (name, mut rest) = line.split_at(end);
    if !is_metric_name(name) {
        return Err("no name of a metric");
    }
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, quoted) = rest.split_once("=\"").ok_or("no label")?;
            let end = closing_quote(quoted).ok_or("a label without an end")?;
            if !is_label(label) || labels.insert(label.to_owned(), unescape(&quoted[..end], true)?).is_some()
            {
                return Err("no label, or one that is there twice");
            }
            rest = &quoted[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None if rest.starts_with('}') => {}
                None => return Err("labels without a comma between them"),
            }
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').ok_or("no blank before the value")?;
    let is_number = ["NaN", "+Inf", "-Inf"].contains(&value)
        || value.parse::<f64>().is_ok_and(|_| value.ends_with(|last: char| last.is_ascii_digit()));
    if !is_number {
        return Err("a value that is no number");
    }
    Ok(Sample { name: name.to_owned(), labels, value: value.to_owned() })
}

fn closing_quote(quoted: &str) -> Option<usize> {
    let mut escaped = false;
    quoted.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

fn unescape(text: &str, quotes: bool) -> Result<String, &'static str> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, if character == '\\' { characters.next() } else { None }) {
            ('\\', Some('n')) => plain.push('\n'),
            ('\\', Some('\\')) => plain.push('\\'),
            ('\\', Some('"')) if quotes => plain.push('"'),
            ('\\', _) => return Err("no escape"),
            (character, _) => plain.push(character),
        }
    }
    Ok(plain)
}

fn is_metric_name(name: &str) -> bool {
    is_name(name, |character| character == ':')
}

fn is_label(name: &str) -> bool {
    is_name(name, |_| false) && !name.starts_with("__")
}

fn is_name(name: &str, also: fn(char) -> bool) -> bool {
    let part = |character: char| character == '_' || character.is_ascii_alphanumeric() || also(character);
    name.chars().all(part) && name.starts_with(|first: char| part(first) && !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_awkward_labels() {
        let text = "# HELP x y\n# TYPE x counter\nx{a=\"1 \\\"} \\\\ \\n,\",b_2=\"\"} 5\n\n# TYPE y gauge\ny 1.5e3\n\
                    # TYPE z gauge\nz{} NaN\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 2\nh_count 1\n";
        let samples = parse(text).unwrap();
        assert_eq!(samples[0].labels["a"], "1 \"} \\ \n,");
        assert_eq!(samples[0].labels["b_2"], "");
        assert_eq!((samples[1].name.as_str(), samples[1].value.as_str()), ("y", "1.5e3"));
        assert_eq!(samples.len(), 6);
    }

    #[test]
    fn what_the_format_does_not_have_is_an_error() {
        let typed = |lines: &str| parse(&format!("# TYPE x gauge\n{lines}\n"));
        assert!(typed("x 1").is_ok());
        for lines in [
            "x",
            "x{a=\"1\"}",
            "x{a=\"1} 1",
            "x one",
            "x inf",
            "x  1",
            "x 1 ",
            "{a=\"b\"} 1",
            "x{a=\"1\" b=\"2\"} 1",
            "x{a=\"1\",a=\"2\"} 1",
            "x{1a=\"1\"} 1",
            "x{a=\"\\t\"} 1",
            "x{le=\"1\"} 1",
            "y 1",
            "x 1\nx 2",
            "x 1\n# TYPE y gauge\ny 1\n# TYPE x gauge",
            "x 1\n# TYPE y gauge\nx{a=\"2\"} 1",
            "# TYPE x gauge",
            "# TYPE y number",
            "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1",
            "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2",
            "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1",
            "# TYPE h histogram\nh_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 1",
        ] {
            assert!(typed(lines).is_err(), "{lines}");
        }
        assert!(parse("x 1\n").is_err(), "no type");
        assert!(parse("# TYPE x gauge\nx 1").is_err(), "no end");
    }
}
