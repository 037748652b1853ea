//! Reading YAML so that one broken entry does not hide the others, and every place keeps its line and column.

use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;

use crate::Problem;

/// The most bytes of one content file: ten times the largest of ours.
const FILE_LIMIT: usize = 2 << 20;

/// A text of a YAML file with the place where it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    /// The value.
    pub(crate) value: String,
    /// Line and column of the value, 1-based.
    pub(crate) at: (usize, usize),
}

/// One top-level entry of a list, with the number of lines before it.
struct Chunk<'a> {
    before: usize,
    text: &'a str,
}

/// Splits a file at the lines that begin a top-level list entry; the first part is what stands before the list.
fn chunks(text: &str) -> (&str, Vec<Chunk<'_>>) {
    let mut starts = Vec::new();
    let mut offset = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if line.starts_with("- ") || line.trim_end() == "-" {
            starts.push((index, offset));
        }
        offset += line.len();
    }
    let head = text.get(..starts.first().map_or(text.len(), |(_, at)| *at)).unwrap_or_default();
    let ends = starts.iter().skip(1).map(|(_, at)| *at).chain([text.len()]);
    let entries = starts
        .iter()
        .zip(ends)
        .map(|((before, start), end)| Chunk {
            before: *before,
            text: text.get(*start..end).unwrap_or_default(),
        })
        .collect();
    (head, entries)
}

/// Reads a file that is one list. Entries that cannot be read become problems; the others are returned.
pub(crate) fn list<'a, T: DeserializeOwned>(file: &str, text: &'a str) -> (Vec<Entry<'a, T>>, Vec<Problem>) {
    let (head, chunks) = match bounded(file, text) {
        Ok(text) => chunks(text),
        Err(problem) => return (Vec::new(), vec![problem]),
    };
    let stray = head.lines().enumerate().find(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && line != "---"
    });
    let mut problems: Vec<Problem> = stray
        .map(|(index, _)| {
            Problem::at(file, (index + 1, 1), "this file must be a list")
                .help("begin every entry with `- ` in the first column")
        })
        .into_iter()
        .collect();
    let mut entries: Vec<Entry<'a, T>> = Vec::new();
    for chunk in chunks {
        read_chunk(file, &chunk, &mut entries, &mut problems);
    }
    (entries, problems)
}

/// Reads a file with a head of keys, the last of which is a list in the first column.
pub(crate) fn headed_list<'a, H: DeserializeOwned, T: DeserializeOwned>(
    file: &str,
    text: &'a str,
) -> (Option<H>, Vec<Entry<'a, T>>, Vec<Problem>) {
    let (head, chunks) = match bounded(file, text) {
        Ok(text) => chunks(text),
        Err(problem) => return (None, Vec::new(), vec![problem]),
    };
    let mut problems = Vec::new();
    let head = match parse::<H>(head) {
        Ok(head) => Some(head),
        Err(error) => {
            problems.push(of_error(file, 0, &error));
            None
        }
    };
    let mut entries: Vec<Entry<'a, T>> = Vec::new();
    for chunk in chunks {
        read_chunk(file, &chunk, &mut entries, &mut problems);
    }
    (head, entries, problems)
}

/// Reads a file that is one document.
///
/// # Errors
/// What is wrong with it, and where.
pub fn document<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Problem> {
    parse(bounded(file, text)?).map_err(|error| of_error(file, 0, &error))
}

fn bounded<'a>(file: &str, text: &'a str) -> Result<&'a str, Problem> {
    if text.len() > FILE_LIMIT {
        return Err(Problem::at(file, (0, 0), format!("the file is larger than {FILE_LIMIT} bytes"))
            .help("split it into several files"));
    }
    Ok(text)
}

fn read_chunk<'a, T: DeserializeOwned>(
    file: &str,
    chunk: &Chunk<'a>,
    into: &mut Vec<Entry<'a, T>>,
    problems: &mut Vec<Problem>,
) {
    match parse::<Vec<T>>(chunk.text) {
        Ok(entries) => into.extend(entries.into_iter().map(|value| Entry {
            before: chunk.before,
            source: chunk.text,
            value,
        })),
        Err(error) => problems.push(of_error(file, chunk.before, &error)),
    }
}

/// One entry of a list. Lines of the [`Text`]s in it count from its own beginning.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a, T> {
    /// Lines of the file before it.
    pub(crate) before: usize,
    /// Its lines of the file.
    source: &'a str,
    /// What was read.
    pub(crate) value: T,
}

/// Where the first character of a text's value stands, and how its lines go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    at: (usize, usize),
    /// Whether the value stands in a block (`|` or `>`), whose lines begin in the same column.
    in_block: bool,
}

impl<T> Entry<'_, T> {
    /// Where `text` stands in the file.
    pub(crate) fn place(&self, text: &Text) -> (usize, usize) {
        (text.at.0 + self.before, text.at.1)
    }

    /// Where the value of `text` starts in the file: behind its quote or below its `|`.
    pub(crate) fn start(&self, text: &Text) -> Start {
        let (line, column) = self.place(text);
        let mut lines = self.source.lines().skip(text.at.0.saturating_sub(1));
        let first = lines.next().unwrap_or_default().chars().nth(column.saturating_sub(1));
        match first {
            Some('|' | '>') => {
                let indent = lines.next().map_or(0, |line| line.len() - line.trim_start().len());
                Start { at: (line + 1, indent + 1), in_block: true }
            }
            Some('"' | '\'') => Start { at: (line, column + 1), in_block: false },
            _ => Start { at: (line, column), in_block: false },
        }
    }
}

impl Start {
    /// Where the character `offset` of `value` stands.
    pub(crate) fn place(self, value: &str, offset: usize) -> (usize, usize) {
        let (line, column) = self.at;
        if !self.in_block {
            return (line, column + offset);
        }
        let before: String = value.chars().take(offset).collect();
        let within = before.rsplit('\n').next().unwrap_or_default().chars().count();
        (line + before.matches('\n').count(), column + within)
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, serde_saphyr::Error> {
    serde_saphyr::from_str(text)
}

fn of_error(file: &str, before: usize, error: &serde_saphyr::Error) -> Problem {
    let at = error.location().map_or((0, 0), |place| (line(place.line()) + before, line(place.column())));
    let message = error.without_snippet().to_string();
    // The location stands in the problem already.
    let message = message.split(" at line ").next().unwrap_or(&message);
    let message = message.rsplit_once("error: line ").map_or(message, |(_, rest)| rest);
    let first = message.lines().next().unwrap_or(message).trim();
    Problem::at(file, at, first)
}

fn line(number: u64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// A spanned text; its line is relative to its entry.
impl From<Spanned<String>> for Text {
    fn from(spanned: Spanned<String>) -> Self {
        let at = (line(spanned.referenced.line()), line(spanned.referenced.column()));
        Self { value: spanned.value, at }
    }
}

impl<'de> serde::Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::<String>::deserialize(deserializer).map(Self::from)
    }
}
