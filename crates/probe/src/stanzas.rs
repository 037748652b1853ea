//! Files of paragraphs with `Field: value` lines, such as dpkg's status and apt's package indexes.
//!
//! They may be tens of megabytes, so they are never held whole: a window slides over the file, and a paragraph is
//! lent to the caller and forgotten.

use std::io::Read;

use host::Error;
use memchr::memmem;

/// The window; also the longest paragraph. The longest seen in Debian is about 30 KiB.
const WINDOW: usize = 512 << 10;

/// Hands every paragraph of `reader` to `visit`, without the empty line at its end.
///
/// # Errors
/// `Io` naming `what` when reading fails, `TooLarge` when a paragraph does not fit the window.
pub(crate) fn each(mut reader: impl Read, what: &str, mut visit: impl FnMut(&[u8])) -> Result<(), Error> {
    let end_of_paragraph = memmem::Finder::new(b"\n\n");
    let mut window = vec![0; WINDOW];
    let mut filled = 0;
    loop {
        let space = window.get_mut(filled..).unwrap_or_default();
        if space.is_empty() {
            return Err(Error::TooLarge { what: format!("a paragraph of {what}"), limit: WINDOW });
        }
        let count = match reader.read(space) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io(what, &error)),
        };
        // Only what is new, and the byte before it, can hold the end of a paragraph.
        let mut searched = filled.saturating_sub(1);
        filled += count;
        let text = window.get(..filled).unwrap_or_default();
        let mut start = 0;
        while let Some(end) = text.get(searched..).and_then(|rest| end_of_paragraph.find(rest)) {
            let end = searched + end;
            if let Some(paragraph) = text.get(start..end).filter(|paragraph| !paragraph.is_empty()) {
                visit(paragraph);
            }
            start = end + 2;
            searched = start;
        }
        if count == 0 {
            if let Some(paragraph) = text.get(start..).filter(|rest| !rest.trim_ascii().is_empty()) {
                visit(paragraph.strip_suffix(b"\n").unwrap_or(paragraph));
            }
            return Ok(());
        }
        window.copy_within(start..filled, 0);
        filled -= start;
    }
}

/// The value of `field` in a paragraph: its first line only. Field names are matched as they are usually written.
pub(crate) fn field<'a>(paragraph: &'a [u8], field: &str) -> Option<&'a str> {
    let mut lines = paragraph.split(|byte| *byte == b'\n');
    lines.find_map(|line| {
        let value = line.strip_prefix(field.as_bytes())?.strip_prefix(b":")?;
        std::str::from_utf8(value).ok().map(str::trim)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives a few bytes at a time.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(into.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn paragraphs(text: &[u8], drop: usize) -> Vec<String> {
        let mut all = Vec::new();
        each(Drops(text, drop), "test", |paragraph| {
            all.push(String::from_utf8_lossy(paragraph).into_owned());
        })
        .unwrap();
        all
    }

    #[test]
    fn paragraphs_are_the_same_however_the_bytes_arrive() {
        let text = b"Package: a\nVersion: 1\n\nPackage: b\n more\n\n\nPackage: c\n";
        for drop in [1, 2, 3, 7, 1000] {
            let all = paragraphs(text, drop);
            let first: Vec<_> = all
                .iter()
                .map(|one| field(one.trim_start().as_bytes(), "Package").unwrap().to_owned())
                .collect();
            assert_eq!(first, ["a", "b", "c"], "{drop} bytes at a time");
        }
    }

    #[test]
    fn empty_and_binary_input_has_no_fields() {
        assert!(paragraphs(b"", 5).is_empty());
        assert!(paragraphs(b"\n\n\n\n", 5).is_empty());
        assert_eq!(field(b"\xff\xfe\0Package: a", "Package"), None);
        assert_eq!(field(b"Package: \xff", "Package"), None);
    }

    #[test]
    fn a_paragraph_without_end_is_refused() {
        let error = each(std::io::repeat(b'x'), "test", |_| {}).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    }
}
