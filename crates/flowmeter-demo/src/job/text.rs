//! Text in pieces: files cut into splits that workers read on their own, and splits into lines.
//!
//! A word belongs to the split in which it begins, so a cut within a word neither loses it nor counts it twice.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// How much of a file is one split.
const SPLIT: u64 = 1 << 20;
/// Lines are cut at the next end of a word from here on, so that a record has a size that is not the file's.
const LINE: u64 = 1 << 16;

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    #[serde(with = "path_bytes")]
    path: PathBuf,
    start: u64,
    end: u64,
}

/// Paths that need not be text.
mod path_bytes {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = || Written::Bytes(path.as_os_str().as_bytes().to_vec());
        path.to_str().map_or_else(bytes, |text| Written::Text(text.to_owned())).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Written::deserialize(deserializer).map(|written| match written {
            Written::Text(text) => text.into(),
            Written::Bytes(bytes) => OsString::from_vec(bytes).into(),
        })
    }
}

/// Whether a byte is part of a word.
#[must_use]
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// The splits of a file, or of all files in a folder and below, sorted by path. Links within folders are not followed.
///
/// # Errors
///
/// When something cannot be read, with its path.
pub fn splits(path: &Path) -> Result<Vec<Split>, String> {
    let mut splits = Vec::new();
    // Followed here: a link that is named by the user is meant.
    let metadata = std::fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
    if metadata.is_dir() {
        collect(path, &mut splits)?;
    } else if metadata.is_file() {
        cut(path, metadata.len(), &mut splits)?;
    } else {
        return Err(no_file(path));
    }
    Ok(splits)
}

fn collect(folder: &Path, splits: &mut Vec<Split>) -> Result<(), String> {
    let cannot = |error: io::Error| cannot_read(folder, &error);
    let entries: Result<Vec<_>, _> = std::fs::read_dir(folder).map_err(cannot)?.collect();
    let mut entries = entries.map_err(cannot)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let metadata = entry.metadata().map_err(|error| cannot_read(&path, &error))?;
        if metadata.is_dir() {
            collect(&path, splits)?;
        } else if metadata.is_file() {
            cut(&path, metadata.len(), splits)?;
        }
    }
    Ok(())
}

fn cut(path: &Path, length: u64, splits: &mut Vec<Split>) -> Result<(), String> {
    // Opened once, so that a file that cannot be read is an error before the job begins.
    let mut file = File::open(path).map_err(|error| cannot_read(path, &error))?;
    // The system's own files have a content but no length.
    if length == 0 && file.read(&mut [0]).map_err(|error| cannot_read(path, &error))? > 0 {
        return Err(no_file(path));
    }
    // Workers may run in another folder.
    let path = std::path::absolute(path).map_err(|error| cannot_read(path, &error))?;
    let starts = (0..length).step_by(SPLIT as usize);
    splits.extend(starts.map(|start| Split { path: path.clone(), start, end: length.min(start + SPLIT) }));
    Ok(())
}

fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read {}: {error}", path.display())
}

fn no_file(path: &Path) -> String {
    format!(
        "cannot cut {} into pieces, since it has no length: give it to standard input, for `-`",
        path.display()
    )
}

impl Split {
    /// Opens the split.
    ///
    /// # Errors
    ///
    /// When its file cannot be opened or read.
    pub fn lines(&self) -> io::Result<Lines<BufReader<File>>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.start.saturating_sub(1)))?;
        let mut reader = BufReader::new(file);
        let mut left = self.end - self.start;
        if self.start > 0 {
            // A word that begins before this split is the one before's, and may be all of this one.
            let mut byte = [0];
            let mut within = reader.read(&mut byte)? == 1 && is_word(byte[0]);
            while within && left > 0 {
                let buffer = reader.fill_buf()?;
                let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let skipped = buffer[..most].iter().take_while(|byte| is_word(**byte)).count();
                within = most > 0 && skipped == most;
                reader.consume(skipped);
                left -= skipped as u64;
            }
        }
        Ok(Lines { reader, left: Some(left) })
    }

    /// Where it is, for error messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Lines, or parts of lines that end where a word does.
pub struct Lines<R> {
    reader: R,
    /// Bytes to the end of the split; nothing for a stream without one.
    left: Option<u64>,
}

impl<R: BufRead> Lines<R> {
    /// The lines of all that a reader has.
    pub fn of(reader: R) -> Self {
        Self { reader, left: None }
    }

    fn read_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let most = self.left.unwrap_or(LINE).min(LINE);
        if most == 0 {
            return Ok(None);
        }
        let mut line = Vec::new();
        let read = self.reader.by_ref().take(most).read_until(b'\n', &mut line)? as u64;
        if let Some(left) = &mut self.left {
            if read == 0 {
                *left = 0;
                return Err(io::Error::other("it became shorter while it was read"));
            }
            *left -= read;
        }
        if read == most && line.last().copied().is_some_and(is_word) {
            self.finish_word(&mut line)?;
        }
        Ok((read > 0).then_some(line))
    }

    /// Reads on to the end of a word, even beyond the end of the split.
    fn finish_word(&mut self, line: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let buffer = self.reader.fill_buf()?;
            let of_word = buffer.iter().take_while(|byte| is_word(**byte)).count();
            let ends = of_word < buffer.len() || buffer.is_empty();
            line.extend_from_slice(&buffer[..of_word]);
            self.reader.consume(of_word);
            if let Some(left) = &mut self.left {
                *left = left.saturating_sub(of_word as u64);
            }
            if ends {
                return Ok(());
            }
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_line().transpose()
    }
}

/// The words of a line, in lower case.
pub fn words(line: &[u8]) -> impl Iterator<Item = String> + '_ {
    let words = line.split(|byte| !is_word(*byte)).filter(|word| !word.is_empty());
    words.map(|word| word.iter().map(|byte| byte.to_ascii_lowercase() as char).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use std::os::unix::ffi::OsStringExt;

    fn words_of(lines: impl Iterator<Item = io::Result<Vec<u8>>>) -> Vec<String> {
        lines.flat_map(|line| words(&line.unwrap()).collect::<Vec<_>>()).collect()
    }

    fn all_words(text: &[u8]) -> Vec<String> {
        words(text).collect()
    }

    /// A file with what is awkward: long lines, long words, words across cuts, bytes that are no text.
    fn awkward() -> Vec<u8> {
        let mut text = b"The end. the END\n\n  a1b2\xFF\xFEc-d_e\r\n".to_vec();
        text.extend(std::iter::repeat_n(b'x', 3 * LINE as usize));
        text.push(b' ');
        for i in 0..100_000_u32 {
            text.extend(format!("w{} ", i % 977).bytes());
        }
        text.extend(std::iter::repeat_n(b'y', SPLIT as usize + 17));
        text.extend(b"\nlast");
        text
    }

    #[test]
    fn a_stream_is_cut_into_lines_without_cutting_words() {
        let text = awkward();
        let lines: Vec<_> = Lines::of(Cursor::new(&text)).map(Result::unwrap).collect();
        assert_eq!(lines.concat(), text);
        assert_eq!(words_of(Lines::of(Cursor::new(&text))), all_words(&text));
        // Only a word makes a line longer than that.
        let longest =
            lines.iter().filter(|line| !line.contains(&b'x') && !line.contains(&b'y')).map(Vec::len).max();
        assert!(longest.unwrap() <= LINE as usize + 8);
    }

    #[test]
    fn splits_have_each_word_once() {
        let text = awkward();
        let folder = std::env::temp_dir().join(format!("flowmeter-demo-text-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("below")).unwrap();
        let path = folder.join("below").join("text");
        std::fs::write(&path, &text).unwrap();
        std::fs::write(folder.join("empty"), "").unwrap();
        let found = splits(&folder).unwrap();
        assert!(found.len() > 1 && found.iter().all(|split| split.path == path));
        assert_eq!(splits(&path).unwrap(), found);
        let read: Vec<_> = found.iter().flat_map(|split| words_of(split.lines().unwrap())).collect();
        assert_eq!(read, all_words(&text));
        // Cuts at every place of a short text.
        let short = b"ab c  def\ng";
        std::fs::write(&path, short).unwrap();
        for at in 0..=short.len() as u64 {
            for then in at..=short.len() as u64 {
                let cuts = [(0, at), (at, then), (then, short.len() as u64)];
                let parts = cuts.map(|(start, end)| Split { path: path.clone(), start, end });
                let read: Vec<_> = parts.iter().flat_map(|split| words_of(split.lines().unwrap())).collect();
                assert_eq!(read, ["ab", "c", "def", "g"], "cut at {at} and {then}");
            }
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn paths_need_not_be_text() {
        for path in [&b"/tmp/text"[..], b"/tmp/\xFF\xFE"] {
            let path = PathBuf::from(std::ffi::OsString::from_vec(path.to_vec()));
            let split = Split { path, start: 1, end: 2 };
            let line = serde_json::to_vec(&split).unwrap();
            assert_eq!(serde_json::from_slice::<Split>(&line).unwrap(), split);
        }
    }

    #[test]
    fn a_file_that_becomes_shorter_is_an_error() {
        let path = std::env::temp_dir().join(format!("flowmeter-demo-shorter-{}", std::process::id()));
        std::fs::write(&path, "two words").unwrap();
        let split = Split { path: path.clone(), start: 0, end: 10 };
        let lines: Vec<_> = split.lines().unwrap().collect();
        assert!(lines.last().unwrap().is_err());
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = splits(Path::new("/nowhere/at/all")).unwrap_err();
        assert_eq!(error, "cannot read /nowhere/at/all: No such file or directory (os error 2)");
        for endless in ["/dev/zero", "/proc/self/status"] {
            let error = splits(Path::new(endless)).unwrap_err();
            assert!(error.starts_with(&format!("cannot cut {endless} into pieces")), "{error}");
        }
    }
}
