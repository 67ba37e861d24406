//! Files of statistics, and words of them.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::Error;

/// More than any of the files has. What is longer is not what it should be, and is cut.
const LENGTH_LIMIT: u64 = 4 << 20;

/// A small file that is read again and again.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Source {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        // Room for most of them: the kernel writes each anew for every read of a part.
        Self { path: path.into(), bytes: Vec::with_capacity(4096) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file has now. Bytes that are no text become replacement characters.
    pub(crate) fn read(&mut self) -> Result<Cow<'_, str>, Error> {
        self.bytes.clear();
        let file = File::open(&self.path);
        let read = file.and_then(|file| file.take(LENGTH_LIMIT).read_to_end(&mut self.bytes));
        match read {
            Ok(_) => Ok(String::from_utf8_lossy(&self.bytes)),
            Err(source) => Err(Error::Unreadable { path: self.path.clone(), source }),
        }
    }

    /// What `find` finds in it.
    pub(crate) fn find<T>(
        &mut self,
        what: &'static str,
        find: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Error> {
        let found = find(&self.read()?);
        found.ok_or_else(|| Error::malformed(&self.path, what))
    }

    /// The same of another file.
    pub(crate) fn at(&mut self, path: &Path) -> &mut Self {
        self.path.clear();
        self.path.push(path);
        self
    }
}

/// The next of some words, as a number.
pub(crate) fn number<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<u64> {
    words.next()?.parse().ok()
}

/// The number behind a key, in a file that has a line for each.
pub(crate) fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        if words.next()? == key { number(&mut words) } else { None }
    })
}

/// The same in bytes, where the file has it in kibibytes.
pub(crate) fn keyed_kibibytes(text: &str, key: &str) -> Option<u64> {
    keyed(text, key).map(|kibibytes| kibibytes.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_whole_word() {
        let text = "MemTotalX: 1 kB\nMemTotal:   2 kB\nusage_usec 3\nlonely\n";
        assert_eq!(keyed(text, "MemTotal:"), Some(2));
        assert_eq!(keyed_kibibytes(text, "MemTotal:"), Some(2048));
        assert_eq!(keyed(text, "usage_usec"), Some(3));
        assert_eq!(keyed(text, "usage"), None);
        assert_eq!(keyed(text, "lonely"), None);
        assert_eq!(keyed("", "x"), None);
        assert_eq!(keyed("x -1", "x"), None, "no count");
        assert_eq!(keyed_kibibytes("x 18446744073709551615", "x"), Some(u64::MAX), "no overflow");
    }
}
