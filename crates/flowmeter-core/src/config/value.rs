//! Values as they are written, and what they mean.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A value as a file, a variable or code gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigValue {
    /// A text; numbers and truth values too, as they are written.
    Text(String),
    /// Several texts.
    List(Vec<String>),
    /// Texts by name.
    Map(Vec<(String, String)>),
}

impl ConfigValue {
    /// The only text.
    ///
    /// # Errors
    ///
    /// When there are several.
    pub fn text(&self) -> Result<&str, String> {
        match self {
            Self::Text(text) => Ok(text.trim()),
            Self::List(_) => Err("it is a list".to_owned()),
            Self::Map(_) => Err("it is a table".to_owned()),
        }
    }

    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::List(texts) => texts.join(";"),
            Self::Map(pairs) => {
                pairs.iter().map(|(key, value)| format!("{key}:{value}")).collect::<Vec<_>>().join(",")
            }
        }
    }
}

impl From<&str> for ConfigValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for ConfigValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for ConfigValue {
    fn from(value: bool) -> Self {
        Self::Text(value.to_string())
    }
}

macro_rules! from_number {
    ($($number:ty),*) => {
        $(impl From<$number> for ConfigValue {
            fn from(number: $number) -> Self {
                Self::Text(number.to_string())
            }
        })*
    };
}

from_number!(u16, u32, u64, usize, i32, i64, f64);

impl From<Duration> for ConfigValue {
    fn from(duration: Duration) -> Self {
        Self::Text(humantime::format_duration(duration).to_string())
    }
}

impl From<IpAddr> for ConfigValue {
    fn from(address: IpAddr) -> Self {
        Self::Text(address.to_string())
    }
}

impl From<Vec<String>> for ConfigValue {
    fn from(texts: Vec<String>) -> Self {
        Self::List(texts)
    }
}

impl From<&[&str]> for ConfigValue {
    fn from(texts: &[&str]) -> Self {
        Self::List(texts.iter().map(|text| (*text).to_owned()).collect())
    }
}

impl From<Vec<(String, String)>> for ConfigValue {
    fn from(pairs: Vec<(String, String)>) -> Self {
        Self::Map(pairs)
    }
}

/// A type that the values of a key can have.
#[diagnostic::on_unimplemented(
    message = "the value of a configuration key cannot be a `{Self}`",
    note = "use one of the types that have it (`u16`, `u32`, `u64`, `usize`, `i64`, `f64`, `bool`, `char`, `String`, `Duration`, \
            `PathBuf`, `IpAddr`, `Vec<String>`, `Vec<(String, String)>`, and `Option` of them), or implement `FromConfig` for \
            a type of your own around it"
)]
pub trait FromConfig: Sized {
    /// What it takes, as the end of a sentence that begins with "give": `a duration such as 10s`.
    const EXPECTED: &'static str;
    /// Whether entries may have keys of their own, below this one.
    const IS_MAP: bool = false;
    /// Whether it need not be given.
    const IS_OPTIONAL: bool = false;

    /// Reads a value.
    ///
    /// # Errors
    ///
    /// What is wrong with it, where [`EXPECTED`](Self::EXPECTED) does not say it; an empty text where it does.
    fn from_config(value: &ConfigValue) -> Result<Self, String>;

    /// The value where none is given and the key has no default; nothing if one must be given.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }
}

impl<T: FromConfig> FromConfig for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    const IS_MAP: bool = T::IS_MAP;
    const IS_OPTIONAL: bool = true;

    /// An empty text is no value, as that of an environment variable.
    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value {
            ConfigValue::Text(text) if text.trim().is_empty() => Ok(None),
            value => T::from_config(value).map(Some),
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// Types that are read as Rust reads them.
macro_rules! parsed {
    ($($type:ty: $expected:literal,)*) => {
        $(impl FromConfig for $type {
            const EXPECTED: &'static str = $expected;

            fn from_config(value: &ConfigValue) -> Result<Self, String> {
                value.text()?.parse().map_err(|_| String::new())
            }
        })*
    };
}

parsed! {
    bool: "`true` or `false`",
    u16: "a whole number from 0 to 65535",
    u32: "a whole number from 0 to 4294967295",
    u64: "a whole number, 0 or more",
    usize: "a whole number, 0 or more",
    i64: "a whole number",
    IpAddr: "an IP address such as `127.0.0.1` or `::1`",
}

impl FromConfig for f64 {
    const EXPECTED: &'static str = "a number such as `0.5`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        let number = value.text()?.parse().map_err(|_| String::new())?;
        if Self::is_finite(number) { Ok(number) } else { Err("it is not finite".to_owned()) }
    }
}

impl FromConfig for char {
    const EXPECTED: &'static str = "one character";

    /// A blank is one, so nothing is trimmed.
    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        value.text()?;
        match value {
            ConfigValue::Text(text) => text.parse().map_err(|_| String::new()),
            _ => Err(String::new()),
        }
    }
}

impl FromConfig for String {
    const EXPECTED: &'static str = "a text";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        value.text().map(str::to_owned)
    }
}

impl FromConfig for PathBuf {
    const EXPECTED: &'static str = "the path of a file";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()? {
            "" => Err("it is empty".to_owned()),
            path => Ok(Self::from(path)),
        }
    }
}

impl FromConfig for Duration {
    const EXPECTED: &'static str = "a duration such as `500ms`, `10s` or `1min 30s`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        let text = value.text()?;
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("it has no unit".to_owned());
        }
        if let Some(duration) = in_flinks_words(text) {
            return Ok(duration);
        }
        if text.contains(char::is_uppercase) {
            // `M` would be a month, and `m` is a minute.
            return Err("its unit is not in lower case".to_owned());
        }
        humantime::parse_duration(text).map_err(|_| String::new())
    }
}

/// A number and one of the units that Flink spells out, in any case: `60 SECONDS`. Single letters are left to lower case.
fn in_flinks_words(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let seconds = |seconds: u64| number.checked_mul(seconds).map(Duration::from_secs);
    match unit.trim_start().to_ascii_lowercase().as_str() {
        "day" | "days" => seconds(24 * 3600),
        "hour" | "hours" => seconds(3600),
        "min" | "minute" | "minutes" => seconds(60),
        "sec" | "second" | "seconds" => seconds(1),
        "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => Some(Duration::from_millis(number)),
        "µs" | "micro" | "micros" | "microsecond" | "microseconds" => Some(Duration::from_micros(number)),
        "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

impl FromConfig for Vec<String> {
    const EXPECTED: &'static str = "a list, or texts with `;` between them";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        Ok(match value {
            ConfigValue::Text(text) => texts(text, ';').map(str::to_owned).collect(),
            ConfigValue::List(all) => trimmed(all.iter().map(String::as_str)).map(str::to_owned).collect(),
            ConfigValue::Map(_) => return Err("it is a table".to_owned()),
        })
    }
}

impl FromConfig for Vec<(String, String)> {
    const EXPECTED: &'static str = "a table, or pairs such as `key:value,other:value`";
    const IS_MAP: bool = true;

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        let pair = |text: &str| {
            let (key, value) = text.split_once(':').ok_or_else(|| format!("`{text}` has no `:`"))?;
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        };
        let pairs: Self = match value {
            ConfigValue::Text(text) => texts(text, ',').map(pair).collect::<Result<_, String>>()?,
            ConfigValue::List(all) => {
                trimmed(all.iter().map(String::as_str)).map(pair).collect::<Result<_, String>>()?
            }
            ConfigValue::Map(pairs) => pairs.clone(),
        };
        let mut keys = HashSet::new();
        for (key, _) in &pairs {
            if key.is_empty() {
                return Err("a key is empty".to_owned());
            }
            if !keys.insert(key) {
                return Err(format!("`{key}` is there twice"));
            }
        }
        Ok(pairs)
    }
}

fn texts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    trimmed(text.split(separator))
}

fn trimmed<'a>(texts: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    texts.map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_flinks_words() {
        let read = |text: &str| Duration::from_config(&text.into());
        for (text, expected) in [
            ("60 SECONDS", Duration::from_secs(60)),
            ("60 s", Duration::from_secs(60)),
            ("1 min", Duration::from_secs(60)),
            ("2 Hours", Duration::from_secs(7200)),
            ("1 DAY", Duration::from_secs(24 * 3600)),
            ("5 milliseconds", Duration::from_millis(5)),
            ("7 micros", Duration::from_micros(7)),
            ("7µs", Duration::from_micros(7)),
            ("9 NANOSECONDS", Duration::from_nanos(9)),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        assert_eq!(read("1 M"), Err("its unit is not in lower case".to_owned()));
        assert_eq!(read("99999999999999999999 days"), Err(String::new()));
        assert_eq!(read("18446744073709551615 days"), Err(String::new()));
        assert_eq!(read("60 SECONDZ"), Err("its unit is not in lower case".to_owned()));
    }
}
