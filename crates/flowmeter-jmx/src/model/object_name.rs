//! Names of MBeans.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use super::parse::{InvalidNameError, Parts, Property, parse};

/// The name of an MBean, `domain:key=value,key=value`, or a pattern of names.
///
/// It is what Java's [`ObjectName`] is: two names are equal if their domains and properties are, in whatever order; it shows
/// itself in the order that it was written in. Values that have characters of the syntax stand in [quotes](super::quoted).
///
/// In a pattern `*` stands for any characters and `?` for one, in the domain and in values; a `*` among the properties stands for
/// any further ones.
///
/// ```
/// use flowmeter_jmx::model::ObjectName;
///
/// let name: ObjectName = "org.apache.flink.jobmanager:job_name=count,host=localhost".parse()?;
/// assert_eq!(name.canonical(), "org.apache.flink.jobmanager:host=localhost,job_name=count");
/// assert!("org.apache.flink.*:host=local*,*".parse::<ObjectName>()?.matches(&name));
/// # Ok::<(), flowmeter_jmx::model::InvalidNameError>(())
/// ```
///
/// [`ObjectName`]: https://docs.oracle.com/en/java/javase/17/docs/api/java.management/javax/management/ObjectName.html
#[derive(Clone)]
pub struct ObjectName(Arc<Inner>);

struct Inner {
    text: Box<str>,
    /// The canonical form, if the text is not that.
    canonical: Option<Box<str>>,
    parts: Parts,
}

/// The most bytes of a pattern that a client asks by.
const MOST_PATTERN: usize = 4096;

impl ObjectName {
    /// What stands before the colon.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.0.text[..self.0.parts.domain]
    }

    /// The keys and values as they are written, in the order of the keys.
    pub fn properties(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0
            .parts
            .properties
            .iter()
            .map(|property| (self.slice(&property.key), self.slice(&property.value)))
    }

    /// The value of a key, as it is written.
    #[must_use]
    pub fn property(&self, key: &str) -> Option<&str> {
        let properties = &self.0.parts.properties;
        let found = properties.binary_search_by(|property| java_order(self.slice(&property.key), key));
        found.ok().map(|at| self.slice(&properties[at].value))
    }

    /// The name with its properties in the order of their keys: the same for equal names.
    #[must_use]
    pub fn canonical(&self) -> &str {
        self.0.canonical.as_deref().unwrap_or(&self.0.text)
    }

    /// Whether it stands for any names that match it, rather than for one MBean.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        let Parts { is_domain_pattern, is_property_pattern, properties, .. } = &self.0.parts;
        *is_domain_pattern || *is_property_pattern || properties.iter().any(|property| property.is_pattern)
    }

    /// Whether a name is one that this one stands for: itself, or what matches the pattern. No pattern is.
    #[must_use]
    pub fn matches(&self, name: &Self) -> bool {
        if name.is_pattern() {
            return false;
        }
        if !self.is_pattern() {
            return self == name;
        }
        let Parts { is_domain_pattern, is_property_pattern, properties, .. } = &self.0.parts;
        let domain = if *is_domain_pattern {
            wildcards_match(self.domain(), name.domain())
        } else {
            self.domain() == name.domain()
        };
        domain
            && (*is_property_pattern || properties.len() == name.0.parts.properties.len())
            && properties.iter().all(|property| {
                let wanted = self.slice(&property.value);
                name.property(self.slice(&property.key)).is_some_and(|value| {
                    if property.is_pattern { wildcards_match(wanted, value) } else { wanted == value }
                })
            })
    }

    /// Reads a name that a client asks by. A pattern is compared with each name that there is, so one that is longer than any has to be is refused.
    pub(crate) fn asked(text: &str) -> Result<Self, InvalidNameError> {
        let name: Self = text.parse()?;
        if name.is_pattern() && text.len() > MOST_PATTERN {
            return Err(InvalidNameError::too_long(MOST_PATTERN));
        }
        Ok(name)
    }

    fn slice(&self, range: &Range<usize>) -> &str {
        &self.0.text[range.clone()]
    }
}

impl FromStr for ObjectName {
    type Err = InvalidNameError;

    /// Takes whatever the JDK takes. The empty text is `*:*`.
    fn from_str(text: &str) -> Result<Self, InvalidNameError> {
        let text = if text.is_empty() { "*:*" } else { text };
        let mut parts = parse(text)?;
        let in_order = |pair: &[Property]| pair[0].key.start < pair[1].key.start;
        // A star that is not last is last in all forms.
        let is_ordered = parts.properties.windows(2).all(in_order);
        if parts.is_property_pattern && !(text.ends_with(",*") || text.ends_with(":*")) {
            let text = written(text, &mut parts);
            return Ok(Self::new(text.into(), parts, is_ordered));
        }
        Ok(Self::new(text.into(), parts, is_ordered))
    }
}

impl ObjectName {
    fn new(text: Box<str>, parts: Parts, is_ordered: bool) -> Self {
        let canonical = (!is_ordered).then(|| {
            let mut canonical = String::with_capacity(text.len());
            canonical.push_str(&text[..=parts.domain]);
            for (number, property) in parts.properties.iter().enumerate() {
                canonical.push_str(if number > 0 { "," } else { "" });
                canonical.push_str(&text[property.key.start..property.value.end]);
            }
            canonical.push_str(if parts.is_property_pattern { ",*" } else { "" });
            canonical.into()
        });
        Self(Arc::new(Inner { text, canonical, parts }))
    }
}

/// The text with the star behind the properties, which it moves to where they are then.
fn written(text: &str, parts: &mut Parts) -> String {
    let mut written = text[..=parts.domain].to_owned();
    let mut properties: Vec<_> = parts.properties.iter_mut().collect();
    properties.sort_by_key(|property| property.key.start);
    for property in properties {
        let moved = written.len();
        let from = property.key.start;
        written.push_str(&text[from..property.value.end]);
        written.push(',');
        for range in [&mut property.key, &mut property.value] {
            *range = range.start - from + moved..range.end - from + moved;
        }
    }
    written.push('*');
    written
}

/// How Java orders texts: by UTF-16 code units.
pub(super) fn java_order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() || b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

/// Whether a text matches a pattern with `*` and `?`. Takes time for at most the product of their lengths, and no memory.
fn wildcards_match(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Where to try again: behind the last star, with one more character of the text under it.
    let mut star = None;
    loop {
        let mut rest = pattern.clone();
        match (rest.next(), text.clone().next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((rest.clone(), text.clone()));
                pattern = rest;
                continue;
            }
            (Some(wanted), Some(c)) if wanted == '?' || wanted == c => {
                pattern = rest;
                text.next();
                continue;
            }
            _ => {}
        }
        let Some((behind, under)) = &mut star else { return false };
        if under.next().is_none() {
            return false;
        }
        (pattern, text) = (behind.clone(), under.clone());
    }
}

impl PartialEq for ObjectName {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.canonical() == other.canonical()
    }
}

impl Eq for ObjectName {}

impl Hash for ObjectName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

impl Ord for ObjectName {
    /// By domain, then by the value of `type`, then by all properties, as Java orders them.
    fn cmp(&self, other: &Self) -> Ordering {
        let kinds = || [self, other].map(|name| name.property("type").unwrap_or_default());
        java_order(self.domain(), other.domain())
            .then_with(|| java_order(kinds()[0], kinds()[1]))
            .then_with(|| java_order(self.canonical(), other.canonical()))
    }
}

impl PartialOrd for ObjectName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0.text, f)
    }
}
