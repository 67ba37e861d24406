//! What a scraper takes, by the headers of its request.
//!
//! Sources: [content negotiation](https://prometheus.io/docs/instrumenting/content_negotiation/) of Prometheus, and of HTTP
//! in [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#name-content-negotiation).

use crate::encode::Format;
use crate::naming::Escaping;

/// A format with what is to be said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) format: Format,
    pub(crate) escaping: Escaping,
    /// As it was asked for.
    version: &'static str,
    /// Whether the scraper said how it wants names escaped, and so wants to hear it.
    says_escaping: bool,
}

impl Accepted {
    /// The plain text format.
    pub(crate) const TEXT: Self = Self {
        format: Format::Text,
        escaping: Escaping::Underscores,
        version: "0.0.4",
        says_escaping: false,
    };

    /// What an `Accept` header asks for most. A header that asks for nothing that there is gets text, as with Prometheus'
    /// own libraries: somebody may want to look.
    pub(crate) fn of<'a>(headers: impl Iterator<Item = &'a str>) -> Self {
        let mut best = (0, Self::TEXT);
        for offer in headers.flat_map(elements) {
            let quality = offer.quality();
            if quality > best.0
                && let Some(accepted) = Self::from_offer(&offer)
            {
                best = (quality, accepted);
            }
        }
        best.1
    }

    fn from_offer(offer: &Element<'_>) -> Option<Self> {
        let version = offer.parameter("version");
        let (format, version) = match (offer.name.to_ascii_lowercase().as_str(), version) {
            ("application/openmetrics-text", None | Some("1.0.0")) => (Format::OpenMetrics, "1.0.0"),
            ("application/openmetrics-text", Some("0.0.1")) => (Format::OpenMetrics, "0.0.1"),
            ("text/plain" | "text/*" | "*/*", None | Some("0.0.4")) => (Format::Text, "0.0.4"),
            ("text/plain", Some("1.0.0")) => (Format::Text, "1.0.0"),
            ("application/vnd.google.protobuf", _) => {
                let is = |name, value| offer.parameter(name).is_none_or(|given| given == value);
                let known = is("proto", "io.prometheus.client.MetricFamily") && is("encoding", "delimited");
                known.then_some((Format::Protobuf, ""))?
            }
            _ => return None,
        };
        let escaping = offer.parameter("escaping");
        Some(Self {
            format,
            escaping: escaping.and_then(Escaping::named).unwrap_or_default(),
            version,
            says_escaping: escaping.is_some(),
        })
    }

    /// The `Content-Type` of the answer.
    pub(crate) fn content_type(self) -> String {
        let mut content_type = match self.format {
            Format::Text => format!("text/plain; version={}; charset=utf-8", self.version),
            Format::OpenMetrics => {
                format!("application/openmetrics-text; version={}; charset=utf-8", self.version)
            }
            Format::Protobuf => "application/vnd.google.protobuf; \
                                 proto=io.prometheus.client.MetricFamily; encoding=delimited"
                .to_owned(),
        };
        if self.says_escaping {
            content_type.push_str("; escaping=");
            content_type.push_str(self.escaping.name());
        }
        content_type
    }
}

/// How the bytes of an answer are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Identity,
    Gzip,
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Compression {
    /// What an `Accept-Encoding` header asks for most; nothing if it takes none that there is. Of those that are as
    /// welcome, gzip costs the least.
    pub(crate) fn of<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Self> {
        let (mut gzip, mut zstd, mut identity, mut any) = (None, None, None, None);
        for element in headers.flat_map(elements) {
            let place = match element.name.to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => &mut gzip,
                "zstd" => &mut zstd,
                "identity" => &mut identity,
                "*" => &mut any,
                _ => continue,
            };
            *place = Some(element.quality());
        }
        let gzip = gzip.or(any).unwrap_or(0);
        let zstd = if cfg!(feature = "zstd") { zstd.or(any).unwrap_or(0) } else { 0 };
        // What was not mentioned is taken, but whoever takes anything packed wants it so.
        let identity = identity.or(any.filter(|quality| *quality == 0));
        let most = gzip.max(zstd).max(identity.unwrap_or(1));
        match most {
            0 => None,
            _ if gzip == most => Some(Self::Gzip),
            #[cfg(feature = "zstd")]
            _ if zstd == most => Some(Self::Zstd),
            _ => Some(Self::Identity),
        }
    }

    /// As the `Content-Encoding` header has it; nothing for what is not packed.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            #[cfg(feature = "zstd")]
            Self::Zstd => Some("zstd"),
        }
    }
}

/// An element of a header that is a list: a name, and parameters.
struct Element<'a> {
    name: &'a str,
    parameters: &'a str,
}

fn elements(header: &str) -> impl Iterator<Item = Element<'_>> {
    header.split(',').map(|element| {
        let (name, parameters) = element.split_once(';').unwrap_or((element, ""));
        Element { name: name.trim(), parameters }
    })
}

impl<'a> Element<'a> {
    fn parameter(&self, name: &str) -> Option<&'a str> {
        let pairs = self.parameters.split(';').filter_map(|pair| pair.split_once('='));
        let found = pairs.into_iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().trim_matches('"'))
    }

    /// How welcome it is, in thousandths; one that cannot be read is not.
    fn quality(&self) -> u32 {
        let Some(quality) = self.parameter("q") else { return 1_000 };
        match quality.parse::<f64>() {
            Ok(quality) if (0.0..=1.0).contains(&quality) => (quality * 1_000.0).round() as u32,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What Prometheus 3.5 sends with native histograms on.
    const PROMETHEUS_3: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
         encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
         application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
         text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

    fn content_type(accept: &str) -> String {
        Accepted::of([accept].into_iter()).content_type()
    }

    #[test]
    fn scrapers_get_what_they_ask_for_most() {
        let text = "text/plain; version=0.0.4; charset=utf-8";
        let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        let protobuf =
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
        let text_1 = "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
        for (accept, expected) in [
            (PROMETHEUS_3, protobuf.to_owned()),
            (
                &PROMETHEUS_3[PROMETHEUS_3.find("application/open").unwrap()..],
                format!("{open}; escaping=allow-utf-8"),
            ),
            (&PROMETHEUS_3[PROMETHEUS_3.find("text/plain").unwrap()..], text_1.to_owned()),
            ("", text.to_owned()),
            ("*/*", text.to_owned()),
            ("text/html,application/xhtml+xml,*/*;q=0.8", text.to_owned()),
            ("application/openmetrics-text", open.to_owned()),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"; Q=0.1", open.to_owned()),
            ("application/openmetrics-text;version=0.0.1", open.replace("1.0.0", "0.0.1")),
            ("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", text.to_owned()),
            ("application/openmetrics-text;q=0,text/plain;q=0.1", text.to_owned()),
            ("application/openmetrics-text;q=high,text/plain;q=0.1", text.to_owned()),
            ("application/openmetrics-text;escaping=dots", format!("{open}; escaping=dots")),
            ("application/openmetrics-text;escaping=unheard-of", format!("{open}; escaping=underscores")),
            ("application/vnd.google.protobuf;proto=other.Message", text.to_owned()),
            ("application/vnd.google.protobuf;encoding=text", text.to_owned()),
            ("application/json", text.to_owned()),
        ] {
            assert_eq!(content_type(accept), expected, "{accept}");
        }
        let several = Accepted::of(["text/plain;q=0.5", "application/openmetrics-text"].into_iter());
        assert_eq!(several.format, Format::OpenMetrics, "a header may come several times");
    }

    #[test]
    #[cfg(feature = "zstd")]
    fn answers_are_packed_as_scrapers_ask() {
        let of = |header: &str| Compression::of([header].into_iter());
        for (header, expected) in [
            ("gzip", Some(Compression::Gzip)),
            ("zstd", Some(Compression::Zstd)),
            ("gzip, deflate, br, zstd", Some(Compression::Gzip)),
            ("gzip;q=0.5, zstd", Some(Compression::Zstd)),
            ("br", Some(Compression::Identity)),
            ("", Some(Compression::Identity)),
            ("*", Some(Compression::Gzip)),
            ("identity", Some(Compression::Identity)),
            ("identity, gzip;q=0.5", Some(Compression::Identity)),
            ("gzip;q=0", Some(Compression::Identity)),
            ("*;q=0", None),
            ("identity;q=0", None),
            ("identity;q=0, br", None),
            ("identity;q=0, zstd;q=0.1", Some(Compression::Zstd)),
            ("*;q=0, gzip", Some(Compression::Gzip)),
        ] {
            assert_eq!(of(header), expected, "{header}");
        }
        assert_eq!(Compression::of(std::iter::empty()), Some(Compression::Identity));
    }

    proptest! {
        #[test]
        fn any_header_has_an_answer(header in "[-a-z/*;,=.\"q0-9 ]{0,60}") {
            prop_assert!(!content_type(&header).is_empty());
            let _ = Compression::of([&*header].into_iter());
        }
    }
}
