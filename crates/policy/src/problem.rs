//! What is wrong with a piece of content, where, and what was probably meant.

use std::fmt;

/// One thing wrong with a file of content, a profile, a facts file or a baseline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// Line, 1-based; 0 when the whole file is meant.
    pub line: usize,
    /// Column, 1-based; 0 when the whole line is meant.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do; empty when it is obvious.
    pub help: String,
}

impl Problem {
    /// A problem at a place.
    pub fn at(file: &str, (line, column): (usize, usize), what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, column, what: what.into(), help: String::new() }
    }

    /// The same problem with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// The same problem with `did you mean` when something among `known` is near `given`.
    #[must_use]
    pub fn suggest<'a>(self, given: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(given, known) {
            Some(meant) => self.help(format!("did you mean `{meant}`?")),
            None => self,
        }
    }
}

/// The file and the place of `guides/tss-web.yaml:40:7`; the column may be missing.
pub(crate) fn place(at: &str) -> (&str, (usize, usize)) {
    let mut parts = at.splitn(3, ':');
    let file = parts.next().unwrap_or(at);
    let mut number = || parts.next().and_then(|number| number.parse().ok()).unwrap_or(0);
    let line = number();
    (file, (line, number()))
}

/// The known word nearest to `given`, when it is near enough to be a slip.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(given, word), word))
        .filter(|(distance, word)| *distance <= 2.max(word.len() / 3))
        .min()
        .map(|(_, word)| word)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.what)?;
        write!(f, "  --> {}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if self.column > 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        if !self.help.is_empty() {
            write!(f, "\n  help: {}", self.help)?;
        }
        Ok(())
    }
}
