//! Which characters names and tags have.

/// Which characters stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Characters {
    /// Letters and digits of ASCII, `_`, `-` and the dot: what every daemon takes. Etsy's StatsD removes what else there is,
    /// so that two names may become one.
    Plain,
    /// Letters and digits of ASCII, `_` and the dot: what names have at Datadog, which makes underscores of the rest.
    DatadogName,
    /// All in the value of a tag but what ends one. Datadog's server goes on by rules of its own.
    DatadogTag,
    /// All but the colon and the ends of lines, of which Flink does not look after the latter.
    Flink,
}

impl Characters {
    /// What is written for a character, of which some are replaced.
    fn written(self, c: char, replacement: char) -> char {
        match self {
            Self::DatadogName if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') => c,
            Self::Plain if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') => c,
            Self::DatadogTag if !c.is_control() && !matches!(c, ',' | '|' | '#') => c,
            Self::Flink if c == ':' => '-',
            Self::Flink if !matches!(c, '\n' | '\r') => c,
            _ => replacement,
        }
    }

    /// Writes a text, with an underscore for each character that does not stay, and for an empty text.
    pub(crate) fn write(self, text: &str, out: &mut Vec<u8>) {
        self.write_with(text, None, '_', out);
    }

    /// Writes a component of an identifier: the delimiter is replaced as well. That is by an underscore, or by a hyphen if the
    /// underscore is the delimiter.
    pub(crate) fn write_component(self, component: &str, delimiter: char, out: &mut Vec<u8>) {
        let replacement = if delimiter == '_' { '-' } else { '_' };
        self.write_with(component, Some(delimiter), replacement, out);
    }

    fn write_with(self, text: &str, delimiter: Option<char>, replacement: char, out: &mut Vec<u8>) {
        if text.is_empty() {
            write_char(replacement, out);
        }
        for c in text.chars() {
            let c = if delimiter == Some(c) { replacement } else { self.written(c, replacement) };
            write_char(c, out);
        }
    }
}

pub(super) fn write_char(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(characters: Characters, text: &str, delimiter: char) -> String {
        let mut out = Vec::new();
        characters.write_component(text, delimiter, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_has_a_meaning_is_replaced() {
        let text = "a b.c-d_e:f|g#h@i,j;k=l/m\n\r\t\u{e4}\u{1f980}";
        for (characters, expected) in [
            (Characters::Plain, "a_b_c-d_e_f_g_h_i_j_k_l_m_____"),
            (Characters::DatadogName, "a_b_c_d_e_f_g_h_i_j_k_l_m_____"),
            (Characters::DatadogTag, "a b_c-d_e:f_g_h@i_j;k=l/m___\u{e4}\u{1f980}"),
            (Characters::Flink, "a b_c-d_e-f|g#h@i,j;k=l/m__\t\u{e4}\u{1f980}"),
        ] {
            assert_eq!(written(characters, text, '.'), expected);
        }
    }

    #[test]
    fn delimiters_stay_apart_and_nothing_is_one() {
        assert_eq!(written(Characters::Plain, "a_b.c", '_'), "a-b.c");
        assert_eq!(written(Characters::Plain, "a-b.c", '-'), "a_b.c");
        assert_eq!(written(Characters::Plain, "", '.'), "_");
        assert_eq!(written(Characters::Plain, "a b\u{e4}c", '_'), "a-b-c");
        assert_eq!(written(Characters::Flink, "a\nb", '_'), "a-b");
        assert_eq!(written(Characters::Plain, "", '_'), "-");
    }
}
